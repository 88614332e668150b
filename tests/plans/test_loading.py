"""A faulty plan: every mistake is named with its line and its field."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from jsonschema_rs import validator_for

from domain.plan import Plan, plan_bytes, plan_digest
from domain.plan_check import COMMANDS, contradictions
from store.plans import PlanError, PlanFault, load_plan, parse_plan
from tests.plans.files import GAOQING, SCHEMA, TINY, gaoqing, tiny, with_reading

TEXT = TINY.read_text(encoding="utf-8")


def faults(text: str) -> list[PlanFault]:
    """Everything wrong with the plan ``text``."""
    with pytest.raises(PlanError) as refused:
        parse_plan(text)
    return refused.value.faults


def edited(old: str, new: str) -> tuple[str, int]:
    """The tiny plan with the first ``old`` replaced, and the line it stood in."""
    assert old in TEXT
    return TEXT.replace(old, new, 1), TEXT[: TEXT.index(old)].count("\n") + 1


def position(name: str) -> int:
    """Where in its list the obligation or the first power ``name`` stands."""
    for names in (list(tiny().obligation_by_id), [power.command for power in tiny().powers]):
        if name in names:
            return names.index(name)
    raise KeyError(name)


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        # What a field may hold.
        ("prefix: SL", "prefix: sl", "jurisdiction.prefix", "string should match"),
        ("version: 3", "version: three", "version", "valid integer"),
        ("version: 3", "version: 3.5", "version", "no whole number"),
        ("colour: orange", "colour: green", "levels[0].colour", "not 'green'"),
        ("own: true", "own: perhaps", "levels[1].own", "valid boolean"),
        ("within: PT20M", "within: soon", "obligations[0].within", "duration"),
        ("owner: watch", "ower: watch", "obligations[1].ower", "no field of a plan"),
        ("basis: learned", "basis: rumoured", "obligations[1].basis", "not 'rumoured'"),
        ("at_least: 6", "at_least: 6.5", "grading.lines[0].at_least", "no whole number"),
        ("needs: [clustered", "needs: [scattered", "grading.lines[0].needs[0]", "'scattered'"),
        # References.
        ("regulator: watch", "regulator: wacht", "regulator", "did you mean 'watch'?"),
        ("part_of: watch", "part_of: moon", "bodies[3].part_of", "no body 'moon'"),
        ("body: clinics", "body: clinic", "seats[5].body", "did you mean 'clinics'?"),
        ("decides: [hall]", "decides: [town]", "levels[1].decides[0]", "no body 'town'"),
        ("leads: [clinics]", "leads: [clinix]", "groups[0].leads[0]", "no body"),
        ("members: [watch]", "members: [clinics]", "groups[0].members[0]", "leads this group"),
        ("reports_to: [watch, upper-watch]", "reports_to: [x]", "reporters[0].reports_to[0]", "x"),
        ("recipients: [watch]", "recipients: [w]", "obligations[0].recipients[0]", "no body 'w'"),
        ("owner: watch", "owner: ward", "obligations[1].owner", "no body 'ward'"),
        ("levels: [A]", "levels: [C]", "obligations[2].levels[0]", "no level 'C'"),
        ("reporters: [clinic,", "reporters: [clinik,", "obligations[0].reporters[0]", "reporter"),
        ("reading: first-day", "reading: last-day", "obligations[6].reading", "no reading"),
        ("kinds: [defect]", "kinds: [defects]", "obligations[@other-rule].kinds[0]", "kind of"),
        ("owner_hears: [desk]", "owner_hears: [disk]", "reminders.owner_hears[0]", "'desk'"),
        (
            "owner_hears: [desk]",
            "owner_hears: [upper-watch]",
            "reminders.owner_hears[0]",
            "no body of ours",
        ),
        ("pack: on-warning", "pack: onwarning", "warnings[0].pack", "did you mean 'on-warning'"),
        ("authorised_by: [hall]", "authorised_by: [x]", "warnings[1].authorised_by[0]", "no body"),
        ("group: care", "group: car", "packs[2].items[0].group", "no group 'car'"),
        ("warning: upper", "warning: uper", "packs[3].warning", "no warning level"),
        ("publishers: [upper-staff]", "publishers: [u]", "releases[0].publishers[0]", "no body"),
        ("seats: [desk, bureau]", "seats: [desk, dusk]", "recording.seats[1]", "no seat"),
        ("holders: [superiors]", "holders: [superior]", "powers[@record_order].holders[0]", "body"),
        ("command: close,", "command: shut,", "powers[@close].command", "no command 'shut'"),
        ("level: A, measure: judged", "level: C, measure: judged", "grading.lines[4].level", "C"),
        ("reading: six}", "reading: seven}", "grading.boundaries[0].reading", "no reading"),
        ("drill, clause: \"T6\", owner: hall", "drill, clause: \"T6\", owner: h",
         "standing[0].owner", "no body"),
        # Doubles.
        ("- {id: clinic,", "- {id: maker,", "reporters[1].id", "'maker' stands twice"),
        ("{id: staff, body", "{id: hall, body", "seats[1].id", "'hall' stands twice"),
        ("id: graver-three-hours", "id: first-three-hours", "obligations[2].id", "twice"),
        # What does not hold together.
        ("within: PT3H", "within: PT0H", "obligations[1].within", "longer than nothing"),
        ("recipients: [hall, upper-watch]", "recipients: []", "obligations[1].recipients", "owed"),
        ("met_by: [report.any]", "met_by: []", "obligations[1].met_by", "what meets"),
        ("    own: true\n", "", "levels", "marked own"),
        ("decides: [hall]", "decides: []", "levels[1].decides", "somebody must decide"),
        ("publishers: [staff, hall]", "publishers: []", "releases[1].publishers", "must publish"),
        ("- {level: A, clause: \"T4.5\"", "- {level: B, clause: \"T4.5\"", "releases[1].level",
         "'B' stands twice"),
        ("choice: A, choices", "choice: C, choices", "readings[0].choice", "none of the choices"),
        ("choice: determination,", "choice: earliest,", "readings[1].choice", "none of the"),
        ("    law: 示例法\n", "", "obligations[@other-rule].verified", "another law"),
        ("confirmed_on: \"2031-01-02\"", "confirmed_on: null", "readings[1].confirmed_on", "who"),
        ("value: 6", "value: 9", "grading.boundaries[0].value", "fewer than two"),
        ("at_least: 2, at_most: 6", "at_least: 0, at_most: 6", "grading.lines[5].at_least", "1 or"),
        ("at_least: 2, at_most: 6", "at_least: 9, at_most: 6", "grading.lines[5].at_most", "below"),
        ("at_least: 2, at_most: 6", "at_most: 6", "grading.lines[5].at_least", "is missing"),
        ("    severe: {zh", "    sever: {zh", "grading.names.sever", "input should be"),
        (", owner: herald, within", ", within", "packs[4].items[0]", "needs an owner"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_field(
    old: str, new: str, field: str, message: str
) -> None:
    text, line = edited(old, new)
    field = re.sub(r"\[@([\w-]+)\]", lambda entry: f"[{position(entry[1])}]", field)
    found = [fault for fault in faults(text) if fault.field == field]
    assert found, faults(text)
    assert message in found[0].message
    if new and "stands twice" not in found[0].message:
        # A list that lacks something is named where it begins.
        assert found[0].line == line or field in ("levels", "levels[1].decides")


def test_a_missing_field_is_named_where_its_entry_begins() -> None:
    text, line = edited('    name: {zh: "甲级", en: "Level A"}\n', "")
    [fault] = faults(text)
    assert fault == PlanFault(line - 1, "levels[0].name", "is missing")


def test_a_power_that_nobody_holds_is_named() -> None:
    text, _ = edited('  - {command: close, holders: [bureau], clause: "T5"}\n', "")
    [fault] = faults(text)
    assert (fault.field, fault.message) == ("powers", "nobody is given the power to close")
    assert text.splitlines()[fault.line - 1] == "powers:"


def test_overlapping_lines_need_a_reading() -> None:
    text, _ = edited("at_least: 6, needs", "at_least: 6, at_most: 50, needs")
    parse_plan(text)
    text = text.replace("at_least: 2, at_most: 6", "at_least: 2, at_most: 7")
    [fault] = faults(text)
    assert fault.field == "grading.lines[0].at_least"
    assert fault.message.startswith("7 is claimed by TA 2(1) as well")


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("regulator: watch", "regulator: x").replace("pack: on-warning", "pack: y")
    found = faults(text)
    assert [fault.field for fault in found] == ["regulator", "warnings[0].pack"]
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    text, line = edited("duty: desk", "duty: desk\nduty: bureau")
    assert faults(text) == [PlanFault(line + 1, "duty", f"stands here twice, first in line {line}")]


def test_an_alias_is_a_mistake() -> None:
    text, _ = edited("decides: [upper-staff]", "decides: &who [upper-staff]")
    text = text.replace("decides: [hall]", "decides: *who")
    [fault] = faults(text)
    assert (fault.field, fault.message.split(":")[0]) == ("levels[1].decides", "is an alias")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "a plan is a mapping"),
        ("- 1\n", 1, "a plan is a mapping"),
        ("just words\n", 1, "a plan is a mapping"),
        ("id: x\n\tversion: 1\n", 2, "not YAML"),
        ("id: [x\n", 2, "not YAML"),
        ("id: x\n---\nid: y\n", 2, "not YAML"),
        ("id: !!python/object:os.system x\n", 1, "tag"),
        ("? [a, b]\n: c\n", 1, "a key that is not a word"),
        ("[" * 3000, 1, ""),
    ],
)
def test_what_is_no_plan_at_all_is_said_in_one_line(text: str, line: int, message: str) -> None:
    fault = faults(text)[0]
    assert message in fault.message
    assert fault.line == line


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.yaml: No such file"):
        load_plan(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes("id: caf\u00e9".encode("latin-1"))
    with pytest.raises(PlanError, match="not UTF-8"):
        load_plan(tmp_path / "latin.yaml")


def test_a_plan_may_be_written_as_json_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(tiny().model_dump_json(exclude_unset=True), encoding="utf-8-sig")
    assert load_plan(file) == tiny()


@pytest.mark.parametrize("path", [GAOQING, TINY])
def test_plans_that_are_used_hold_together(path: Path) -> None:
    assert contradictions(load_plan(path)) == []
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")


def test_the_digest_names_the_content_and_nothing_else() -> None:
    digest = plan_digest(gaoqing())
    assert digest == plan_digest(parse_plan(GAOQING.read_text(encoding="utf-8") + "\n# more\n"))
    assert digest == plan_digest(Plan.model_validate_json(gaoqing().model_dump_json()))
    assert digest != plan_digest(with_reading(gaoqing(), "two-deaths", "III"))
    # The store keeps a plan under the same name.
    assert digest == hashlib.sha256(plan_bytes(gaoqing())).hexdigest()


def test_a_plan_fits_into_the_start_of_an_incident() -> None:
    size = len(gaoqing().model_dump_json().encode())
    assert size < 200_000


def test_the_schema_for_editors_is_up_to_date() -> None:
    from commands.plan import schema_text

    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "run: yaoan plan schema > plans/plan.schema.json"
    )


@pytest.mark.parametrize("path", [GAOQING, TINY])
def test_the_schema_accepts_the_plans(path: Path) -> None:
    schema = validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
    plan = json.loads(load_plan(path).model_dump_json(exclude_unset=True))
    assert list(schema.iter_errors(plan)) == []
    del plan["bodies"]
    plan["levels"][0]["colour"] = "green"
    assert len(list(schema.iter_errors(plan))) == 2


def test_powers_are_asked_for_every_command_that_people_give() -> None:
    from domain.incident.envelope import COMMANDS as MODELS

    people = {name for name, model in MODELS.items() if not model.internal}
    assert people | {"accept_merge"} == set(COMMANDS)
