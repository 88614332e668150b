"""A faulty scenario: every mistake is named with its line and its field."""

from pathlib import Path

import pytest

from commands.drill import schema_text
from domain.drill.scenario_check import contradictions
from domain.drill.script import CREATES, MANY, NOT_SCRIPTED, scripted
from domain.incident.envelope import COMMANDS
from store.scenarios import ScenarioError, list_scenarios, load_scenario, parse_scenario
from store.yaml_files import FileFault
from tests.drills.small import SCHEMA, SMALL, edited, played, scenario, with_actions
from tests.plans.files import ROOT, gaoqing, tiny

pytestmark = pytest.mark.clause("6.5")


def faults(text: str) -> list[FileFault]:
    """Everything wrong with the scenario ``text``."""
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, gaoqing())
    return refused.value.faults


def test_the_small_scenario_is_complete() -> None:
    assert contradictions(scenario(), gaoqing()) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        # What a field may hold.
        ("id: small", "id: Small", "id", "string should match"),
        ("length: P1D", "length: soon", "length", "duration"),
        ("+08:00", "", "starts", "the time has no zone"),
        ("channel: phone\n    opens", "channel: pigeon\n    opens", "injects[0].channel", "pigeon"),
        ("objective: report", "objectiv: report", "injects[0].expected[0].objectiv",
         "no field of a scenario"),
        ("  - at: PT2H\n    command", "  - command", "actions[1]",
         "say either at which offset or after what"),
        ("  - number: 1\n", "  - number: 0\n", "injects[0].number", "greater than or equal"),
        # Whom it names.
        ("plan: gaoqing-2023", "plan: elsewhere", "plan", "it is for 'elsewhere'"),
        ("id: duty, seat: duty", "id: duty, seat: duti", "players[0].seat", "did you mean 'duty'"),
        ("to: [duty]", "to: [duty, boss]", "injects[0].to[1]", "no role 'boss'"),
        ("to: [duty]", "to: [duty]\n    sender: boss", "injects[0].sender", "no role 'boss'"),
        ("seat: duty\n    fields", "seat: dutty\n    fields", "actions[0].seat", "no seat 'dutty'"),
        ("decider: county-msa", "decider: county-mas", "actions[1].fields.decider", "county-msa"),
        ("    caller:", "    by: nobody\n    caller:", "openings.main.by", "no seat 'nobody'"),
        # Objectives and expected actions.
        ("objective: report", "objective: other", "injects[0].expected[0].objective", "'other'"),
        ("objective: report", "objective: other", "objectives[0].id", "nothing exercises"),
        ('clauses: ["3.2.2(1)"]', 'clauses: ["9.9"]', "objectives[0].clauses[0]", "no clause"),
        ('clause: "3.2.2(1)"', 'clause: "9.9"', "injects[0].expected[0].clause", "no clause"),
        ("event: report.submitted", "event: report.submited", "injects[0].expected[0].event",
         "did you mean 'report.submitted'"),
        ("event: report.submitted", "event: report.submitted\n        where: {kind: initial}",
         "injects[0].expected[0].where.kind", "no field of the event"),
        ("event: report.submitted", "where: {report: {}}", "injects[0].expected[0].where",
         "no event is named"),
        ("event: report.submitted", "script: missed", "injects[0].expected[0].script",
         "cannot be seen"),
        ("within: PT30M", "script: late", "injects[0].expected[0].within", "nothing is late"),
        ("within: PT30M", "within: PT0M", "injects[0].expected[0].within", "leaves no time"),
        # Openings.
        ("opens: main", "opens: mian", "injects[0].opens", "no opening 'mian'"),
        ("    opens: main\n", "", "openings.main", "no inject opens it"),
        ("learned: -PT10M", "learned: PT10M", "openings.main", "still to come"),
        ("facts: {kind", "facts: {colour: red, kind", "openings.main.facts", "colour"),
        ("caller: {kind: hospital, ", "caller: {", "openings.main.facts", "no first report"),
        # Times.
        ("at: PT1H\n", "at: P2D\n", "injects[0].at", "outside of the exercise"),
        ("at: PT2H\n", "at: P2D\n", "actions[1].at", "outside of the exercise"),
        ("at: PT2H\n", "after: {inject: 7}\n", "actions[1].after.inject", "no inject 7"),
        ("at: PT2H\n", "after: {event: response.begun}\n", "actions[1].after.event", "no event"),
        ("at: PT2H\n", "after: {inject: 1, by: -PT1M}\n", "actions[1].after.by", "its cause"),
        ("    at: PT1H\n", "    after: {inject: 1}\n", "injects[0].after.inject", "an earlier one"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_field(
    old: str, new: str, field: str, message: str
) -> None:
    text, _ = edited(old, new)
    found = [fault for fault in faults(text) if fault.field == field]
    assert found, faults(text)
    assert message in found[0].message
    # What is missing is named where its entry begins, anything else in its own line.
    name = field.rpartition(".")[2].partition("[")[0]
    said = text.splitlines()[found[0].line - 1]
    assert name in said or said.lstrip().startswith("- "), said


@pytest.mark.parametrize(
    ("action", "field", "message"),
    [
        ("command: close_it, seat: duty", "command", "no command 'close_it'"),
        ("command: tick, seat: duty", "command", "given by the system itself"),
        ("command: merge, seat: duty", "command", "for people to play"),
        ("command: close, seat: duty", "fields.text", "field required"),
        ("command: close, seat: duty, fields: {txt: done}", "fields.txt", "did you mean 'text'"),
        ("command: close, seat: duty, fields: {text: a, means: pigeon}", "fields.means", "'phone'"),
        ("command: close, seat: duty, fields: {text: 1}", "fields.text", "valid string"),
        ("command: close, seat: duty, as: x, refused: no_authority, fields: {text: a}", "as",
         "creates nothing"),
        ("command: sign_report, seat: duty, fields: {report: $later}", "fields",
         "nothing before this action is named 'later'"),
        ("command: sign_report, seat: duty, fields: {report: $all}", "fields", "$all is for"),
        ("command: complete_task, seat: duty, fields: {task: $no/such, result: a}", "fields",
         "the plan has no item 'such'"),
        ("command: add_corrective_action, seat: duty, fields: {text: a, owner: b, due: '@soon'}",
         "fields", "write an ISO 8601 duration"),
        ("command: add_corrective_action, seat: duty, fields: {text: a, owner: b, due: '@P1D x'}",
         "fields", "only `day` may follow"),
        ("command: close, seat: duty, fields: {text: '电话13987654321'}", "fields",
         "mobile number"),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_given_is_named(action: str, field: str, message: str) -> None:
    found = faults(with_actions(f"at: PT2H, {action}"))
    assert [f for f in found if f.field == f"actions[0].{field}" and message in f.message], found
    assert {f.line for f in found} <= {SMALL[: SMALL.index("actions:")].count("\n") + 2}


def test_a_name_stands_for_one_thing_that_has_an_id() -> None:
    submit = "command: submit_report, seat: duty, fields: {kind: initial}"
    verify = "command: verify, seat: county-msa, fields: {outcome: pending, text: a}"
    void = "command: void_entry, seat: duty, fields: {seq: $v.seq, reason: a}"
    sign = "command: sign_report, seat: duty, fields: {report: $v}"
    twice = faults(with_actions(f"at: PT2H, as: v, {submit}", f"at: PT3H, as: v, {submit}"))
    assert [(f.field, f.message) for f in twice] == [
        ("actions[1].as", "'v' names something else already")
    ]
    scenario(with_actions(f"at: PT2H, as: v, {verify}", f"at: PT3H, {void}"))
    found = faults(with_actions(f"at: PT2H, as: v, {verify}", f"at: PT3H, {sign}"))
    assert found[0].message == "verify creates nothing that has an id: use $v.seq"


def test_numbers_rise_and_offsets_follow_the_order_of_the_file() -> None:
    head, _, rest = SMALL.partition("injects:\n")
    inject, _, actions = rest.partition("actions:\n")
    more = inject.replace("    opens: main\n", "")

    def second(number: int, at: str) -> list[FileFault]:
        other = more.replace("number: 1", f"number: {number}").replace("at: PT1H\n", f"at: {at}\n")
        return faults(f"{head}injects:\n{inject}{other}actions:\n{actions}")

    assert [f.message for f in second(1, "PT2H")] == ["the number 1 stands twice"]
    assert [f.message for f in second(2, "PT30M")] == [
        "is earlier than an inject before it: 1:00:00"
    ]
    again = inject.replace("number: 1", "number: 2")
    found = faults(f"{head}injects:\n{inject}{again}actions:\n{actions}")
    assert [f.message for f in found] == ["'main' has been opened before"]
    swapped = more.replace("number: 1", "number: 3").replace("at: PT1H", "at: PT2H")
    lower = more.replace("number: 1", "number: 2").replace("at: PT1H", "at: PT3H")
    found = faults(f"{head}injects:\n{inject}{swapped}{lower}actions:\n{actions}")
    assert [f.message for f in found] == ["comes after number 3: keep the order"]


def test_what_is_repeated_has_an_offset_and_no_name() -> None:
    close = "command: close, seat: duty, fields: {text: a}"
    for action, message in (
        (f"at: PT2H, every: P1D, {close}", "say both how often and how long lies between"),
        (f"at: PT2H, times: 3, {close}", "say both how often and how long lies between"),
        (f"at: PT2H, as: x, every: PT1H, times: 3, {close}", "an offset and no name"),
        (f"after: {{inject: 1}}, every: PT1H, times: 3, {close}", "an offset and no name"),
    ):
        assert message in faults(with_actions(action))[0].message
    [late] = faults(with_actions(f"at: PT2H, every: PT12H, times: 3, {close}"))
    assert (late.field, late.message[:12]) == ("actions[0].at", "lies outside")


def test_it_does_not_fit_another_countys_plan() -> None:
    fields = {fault.loc[0] for fault in contradictions(scenario(), tiny())}
    assert fields == {"plan", "players", "objectives", "injects", "actions", "openings"}


def test_every_command_is_for_scripts_or_has_its_reason() -> None:
    people = {name for name, kind in COMMANDS.items() if not kind.internal}
    assert people == scripted().keys() | NOT_SCRIPTED.keys()
    assert MANY.keys() | CREATES.keys() <= scripted().keys()


def test_files_that_cannot_be_used_are_named_and_keep_none_from_being_listed(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- 1\n", encoding="utf-8")
    wrong: list[ScenarioError] = []
    listed = list(list_scenarios(tmp_path, gaoqing(), wrong.append))
    assert [(path.name, found.id) for path, found in listed] == [("a.yaml", "small")]
    [error] = wrong
    assert str(error) == f"{tmp_path / 'b.yaml'}:1: a scenario is a mapping that begins with `id:`"
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: No such file"):
        load_scenario(tmp_path / "nowhere.yaml", gaoqing())


def test_the_schema_for_editors_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "run: yaoan drill schema > drills/scenario.schema.json"
    )


def test_the_example_in_the_documentation_is_complete_and_goes_as_it_says() -> None:
    text = (ROOT / "docs" / "drills.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    went = played(example)
    assert went.surprises == []
    [inject] = went.scenario.injects
    assert went.outcome(inject, inject.expected[0]) == "met"
    assert went.states["main"].phase == went.scenario.openings["main"].ends
