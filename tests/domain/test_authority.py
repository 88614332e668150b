"""Who may do what, command by command and level by level, and who may put it on record."""

import re

import pytest

from domain.authority import require, require_recorder
from domain.base import Refusal
from domain.plan_check import COMMANDS
from tests.plans.files import gaoqing, tiny

MSA, OFFICE, COMMAND = "county-msa", "command-office", "county-command"
GOVERNMENT, DUTY, GOVERNMENT_DUTY = "county-government", "duty", "county-government-duty"
HEALTH, ADR, PRESS = "county-health", "county-adr", "county-publicity"
BODIES = frozenset(gaoqing().body_by_id)
COUNTY = frozenset(body.id for body in gaoqing().bodies if body.tier == "county")
CITY = frozenset({"city-government", "city-msa", "city-health", "city-command", "city-warning"})
PROVINCE = frozenset(
    {
        "province-government",
        "province-mpa",
        "province-health",
        "province-command",
        "province-warning",
    }
)
NATION = frozenset({"nmpa", "nation-health", "nation-command", "nation-warning"})
SUPERIORS = CITY | PROVINCE | NATION
WARNERS = (CITY | PROVINCE | NATION) - {"city-health", "province-health", "nation-health"}
REPORTING = frozenset({MSA, DUTY, ADR, OFFICE, GOVERNMENT, GOVERNMENT_DUTY})
REVIEWERS = frozenset({COMMAND, GOVERNMENT, "city-command", "province-command", "nmpa"})
CONCERNED = "county-police"
"""The body whose task, notice or entry it is, in these tests."""

MAY: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "intake": (BODIES, ("3.2.1",)),
    "correct_facts": (frozenset({MSA, DUTY, OFFICE, ADR, HEALTH}), ("3.2.3(2)", "4.2")),
    "verify": (frozenset({MSA}), ("3.2.2(2)",)),
    "assess": (frozenset({MSA}), ("3.2.2(2)",)),
    "record_order": (SUPERIORS, ("4.3", "4.4", "4.5", "2.2")),
    "propose_activation": (frozenset({OFFICE}), ("4.6.1",)),
    "decide_activation": (frozenset({GOVERNMENT}), ("4.6.1",)),
    "propose_adjustment": (frozenset({OFFICE}), ("4.6.3",)),
    "decide_adjustment": (frozenset({GOVERNMENT}), ("4.6.3",)),
    "propose_termination": (frozenset({OFFICE}), ("4.6.4",)),
    "decide_termination": (frozenset({GOVERNMENT}), ("4.6.4",)),
    "establish": (frozenset({GOVERNMENT, COMMAND}), ("2.1", "2.2")),
    "release_pack": (frozenset({OFFICE, COMMAND, GOVERNMENT, MSA}), ("2.1.1(1)", "2.1", "4.2")),
    "complete_task": (frozenset({CONCERNED}), ("4.6.2(1)",)),
    "reassign_task": (frozenset({OFFICE, COMMAND, MSA}), ("2.1.1(2)", "4.2(4)")),
    "submit_report": (REPORTING, ("3.2.2(1)", "2.1.1(3)", "3.2.2(3)")),
    "give_report": (REPORTING | {HEALTH, "reporter"}, ("3.2.2(1)", "2.1.1(3)", "3.2.2(3)")),
    "sign_report": (
        frozenset({MSA, OFFICE, COMMAND, GOVERNMENT}),
        ("3.2.2(2)", "2.1.1(4)", "3.2.2(3)"),
    ),
    "propose_release": (frozenset({OFFICE, PRESS, MSA}), ("2.1.1(4)", "2.2(5)", "4.2(7)")),
    "decide_release": (REVIEWERS, ("4.7.2",)),
    "publish_release": (REVIEWERS | {OFFICE, PRESS, MSA}, ("4.7.4", "4.7.2")),
    "file_release": (frozenset({OFFICE, MSA, COMMAND, GOVERNMENT}), ("4.7.2",)),
    "record_authorisation": (REVIEWERS - COUNTY, ("4.7.2",)),
    "determine_cause": (SUPERIORS | {MSA}, ("2.2(3)", "5.1")),
    "log_resource": (COUNTY, ("6.2",)),
    "add_corrective_action": (frozenset({OFFICE, MSA, COMMAND, GOVERNMENT}), ("5.3",)),
    "complete_corrective_action": (frozenset({CONCERNED}), ("5.3",)),
    "acknowledge_notice": (frozenset({CONCERNED}), ("2.1.1(3)",)),
    "stop_notice": (
        frozenset({OFFICE, COMMAND, GOVERNMENT, MSA, DUTY}),
        ("2.1.1(2)", "4.2"),
    ),
    "record_call": (REPORTING, ("3.2.4", "3.2.2(3)")),
    "attach": (BODIES, ("3.2.4",)),
    "void_entry": (frozenset({MSA, DUTY, OFFICE, GOVERNMENT, CONCERNED}), ("3.2.3(2)",)),
    "issue_warning": (WARNERS | {MSA, GOVERNMENT}, ("3.3.1", "3.3.2", "3.3.3", "3.3.4")),
    "lift_warning": (SUPERIORS | {MSA, GOVERNMENT}, ("3.3.6",)),
    "dismiss": (frozenset({MSA, GOVERNMENT}), ("3.2.2(2)", "2.1")),
    "merge": (frozenset({MSA, OFFICE}), ("3.2.2(2)",)),
    "accept_merge": (frozenset({MSA, OFFICE}), ("3.2.2(2)",)),
    "reopen": (frozenset({MSA, OFFICE, GOVERNMENT}), ("4.1",)),
    "close": (frozenset({OFFICE, GOVERNMENT}), ("5.3",)),
    "register_person": (frozenset({MSA, DUTY, OFFICE, HEALTH, "reporter"}), ("3.2.3(1)",)),
    "purge_persons": (frozenset({MSA, OFFICE}), ("突发事件应对法 85",)),
}


def may(command: str, decider: str, level: str | None = "IV") -> str | None:
    """The clause that allows it, None where it is refused."""
    try:
        return require(gaoqing(), command, decider, level, frozenset({CONCERNED}))
    except Refusal:
        return None


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.clause(*MAY[name][1])) for name in MAY]
)
def test_each_body_may_do_what_the_plan_gives_it_and_nothing_else(command: str) -> None:
    holders, clauses = MAY[command]
    allowed = {body: clause for body in BODIES if (clause := may(command, body))}
    assert set(allowed) == holders
    assert set(allowed.values()) == set(clauses)


def test_every_command_is_in_the_table() -> None:
    assert set(MAY) == set(COMMANDS)


@pytest.mark.parametrize(
    "command", ["decide_activation", "decide_adjustment", "decide_termination"]
)
@pytest.mark.parametrize(
    ("level", "who"),
    [
        pytest.param("I", "nation-command", marks=pytest.mark.clause("4.3")),
        pytest.param("II", "province-command", marks=pytest.mark.clause("4.4")),
        pytest.param("III", "city-command", marks=pytest.mark.clause("4.5")),
        pytest.param("IV", "county-government", marks=pytest.mark.clause("4.6.1")),
    ],
)
def test_whoever_leads_at_the_level_decides(command: str, level: str, who: str) -> None:
    assert {body for body in BODIES if may(command, body, level)} == {who}


@pytest.mark.parametrize(
    ("level", "clause", "who"),
    [
        pytest.param("I", "4.3", "国家应急指挥部", marks=pytest.mark.clause("4.3")),
        pytest.param("II", "4.4", "省应急指挥部", marks=pytest.mark.clause("4.4")),
        pytest.param("III", "4.5", "市应急指挥部", marks=pytest.mark.clause("4.5")),
    ],
)
def test_a_refusal_names_the_clause_and_who_decides_instead(
    level: str, clause: str, who: str
) -> None:
    with pytest.raises(Refusal) as refused:
        require(gaoqing(), "decide_termination", "county-government", level)
    assert refused.value.code == "no_authority"
    assert refused.value.clause == f"4.6.4; {clause}"
    assert who in refused.value.message.zh
    assert "县政府无权" in refused.value.message.zh


@pytest.mark.parametrize(
    ("tier", "clause"),
    [
        pytest.param(NATION, "4.3", marks=pytest.mark.clause("4.3")),
        pytest.param(PROVINCE, "4.4", marks=pytest.mark.clause("4.4")),
        pytest.param(CITY, "4.5", marks=pytest.mark.clause("4.5")),
    ],
)
def test_an_order_is_recorded_under_the_clause_of_its_tier(
    tier: frozenset[str], clause: str
) -> None:
    for body in tier:
        # Health authorities lead no response: their orders stand under 2.2 alone.
        assert may("record_order", body) == ("2.2" if body.endswith("health") else clause)


@pytest.mark.clause("4.6.1")
def test_at_its_own_level_the_county_is_named_with_its_own_clause() -> None:
    with pytest.raises(Refusal) as refused:
        require(gaoqing(), "decide_activation", "command-office", "IV")
    assert refused.value.clause == "4.6.1"
    assert "County government" in refused.value.message.en


@pytest.mark.clause("4.6.1")
def test_without_a_level_nobody_decides() -> None:
    assert {body for body in BODIES if may("decide_activation", body, None)} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_refusal_shows_a_word_of_the_data(command: str) -> None:
    for body in BODIES - MAY[command][0]:
        with pytest.raises(Refusal) as refused:
            require(gaoqing(), command, body, "IV")
        message = refused.value.message
        assert re.search(r"[A-Za-z]", message.zh.replace("IV", "")) is None
        assert refused.value.clause


def test_a_concerned_body_answers_for_its_parts() -> None:
    plan = gaoqing()
    concerned = frozenset({"county-msa"})
    assert require(plan, "complete_task", "duty", None, concerned)
    with pytest.raises(Refusal):
        require(plan, "complete_task", "county-msa", None, frozenset({"duty"}))


def test_a_body_that_the_plan_does_not_know_decides_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        require(gaoqing(), "intake", "county-weather")
    assert refused.value.code == "unknown_body"


def test_a_command_that_the_plan_gives_to_nobody_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        require(gaoqing(), "launch", "county-msa")
    assert refused.value.code == "no_power"


def test_another_county_gives_powers_to_other_bodies() -> None:
    assert require(tiny(), "decide_activation", "hall", "B") == "T4.2"
    with pytest.raises(Refusal) as refused:
        require(tiny(), "decide_activation", "hall", "A")
    assert refused.value.clause == "T4.2; T4.1"
    assert "示例市指挥部" in refused.value.message.zh


# --- who may put it on record --------------------------------------------------------------

SEATS = gaoqing().seat_by_id


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize("seat", ["duty", "command-office", "county-government-duty"])
@pytest.mark.parametrize("decider", ["county-government", "city-command", "nmpa", "reporter"])
def test_the_duty_rooms_and_the_office_record_for_everyone(seat: str, decider: str) -> None:
    require_recorder(gaoqing(), seat, decider)


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize("seat", sorted(set(SEATS) - {"observer", "administrator"}))
def test_a_seat_records_for_its_own_body(seat: str) -> None:
    require_recorder(gaoqing(), seat, SEATS[seat].body)


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize(
    "seat",
    sorted(
        set(SEATS)
        - {"observer", "administrator", "duty", "command-office", "county-government-duty"}
    ),
)
def test_no_other_seat_records_for_others(seat: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_recorder(gaoqing(), seat, "city-command")
    assert (refused.value.code, refused.value.clause) == ("not_on_behalf", "2.1.1(4)")


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize("seat", ["observer", "administrator"])
def test_seats_that_read_record_nothing(seat: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_recorder(gaoqing(), seat, seat)
    assert refused.value.code == "seat_reads_only"


def test_a_seat_of_a_part_records_for_the_whole() -> None:
    recording = tiny().recording.model_copy(update={"seats": ()})
    plan = tiny().model_copy(update={"recording": recording})
    require_recorder(plan, "desk", "watch")
    for seat, decider in (("desk", "hall"), ("watch", "desk")):
        with pytest.raises(Refusal):
            require_recorder(plan, seat, decider)


def test_an_unknown_seat_records_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        require_recorder(gaoqing(), "throne", "county-msa")
    assert refused.value.code == "unknown_seat"
