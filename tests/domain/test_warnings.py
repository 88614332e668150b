"""Chapter 3.3: early warnings, who issues, adjusts and lifts them, and what that starts."""

from typing import Any

import pytest

from domain.incident.commands import Close, Dismiss, IssueWarning, LiftWarning, ReleasePack
from tests.domain.story import Story

GOVERNMENT = "county-government"
TOLD = {"county-health", "county-publicity", "county-emergency"}


def issue(level: str, authorised_by: str | None = None) -> IssueWarning:
    return IssueWarning(level=level, text="停用涉事批号", authorised_by=authorised_by)


def lift(story: Story, authorised_by: str | None = None) -> LiftWarning:
    (warning,) = [w.id for w in story.state.warnings.values() if w.lifted_at is None]
    return LiftWarning(warning=warning, reason="趋势好转", authorised_by=authorised_by)


def ours() -> Story:
    """A fourth-level warning of the county's own, authorised by the government."""
    return Story().intake().do(issue("4", GOVERNMENT), "county-msa")


# --- who issues -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "body", "clause"),
    [
        pytest.param("1", "nation-warning", "3.3.2", marks=pytest.mark.clause("3.3.2")),
        pytest.param("2", "province-warning", "3.3.3", marks=pytest.mark.clause("3.3.3")),
        pytest.param("3", "city-warning", "3.3.4", marks=pytest.mark.clause("3.3.4")),
        pytest.param("3", "city-msa", "3.3.4", marks=pytest.mark.clause("3.3.1")),
    ],
)
def test_a_superiors_warning_is_recorded_and_its_tasks_released(
    level: str, body: str, clause: str
) -> None:
    story = Story().intake()
    pack = f"warning-{level}"
    story.refuses("no_warning", clause, ReleasePack(pack=pack), "command-office")
    story.do(issue(level), body, means="fax")
    assert story.last[0].clause == clause
    (warning,) = story.state.warnings.values()
    assert (warning.level, warning.by) == (level, body)
    story.release(pack)
    given = [t for t in story.state.tasks.values() if t.pack == pack]
    assert {t.clause.partition("(")[0] for t in given} == {clause}
    assert given


@pytest.mark.clause("3.3.1")
@pytest.mark.parametrize("level", ["1", "2", "3"])
@pytest.mark.parametrize("body", ["county-msa", GOVERNMENT])
def test_the_county_issues_none_of_the_superiors_warnings(level: str, body: str) -> None:
    clause = {"1": "3.3.2", "2": "3.3.3", "3": "3.3.4"}[level]
    Story().intake().refuses("no_authority", clause, issue(level, GOVERNMENT), body)


@pytest.mark.clause("3.3.1")
@pytest.mark.parametrize(
    ("level", "body"), [("1", "city-warning"), ("2", "city-msa"), ("3", "province-mpa")]
)
def test_no_superior_issues_at_the_level_of_another(level: str, body: str) -> None:
    clause = {"1": "3.3.2", "2": "3.3.3", "3": "3.3.4"}[level]
    Story().intake().refuses("no_authority", clause, issue(level), body)


@pytest.mark.clause("3.3.1")
def test_the_fourth_level_needs_the_governments_authorisation() -> None:
    story = Story().intake()
    story.refuses("not_authorised", "3.3.5", issue("4"), "county-msa")
    story.refuses("not_authorised", "3.3.5", issue("4", "city-government"), "county-msa")
    story.do(issue("4", GOVERNMENT), "county-msa")
    assert story.last[0].data["authorised_by"] == GOVERNMENT


@pytest.mark.clause("3.3.1")
def test_what_the_government_issues_itself_it_authorises() -> None:
    story = Story().intake().do(issue("4"), GOVERNMENT, means="phone")
    assert len(story.state.warnings) == 1


@pytest.mark.clause("3.3.1")
@pytest.mark.parametrize("body", ["county-health", "command-office", "city-msa"])
def test_nobody_else_issues_the_fourth_level(body: str) -> None:
    story = Story().intake()
    clause = "3.3.5" if body == "city-msa" else "3.3.2"
    story.refuses("no_authority", clause, issue("4", GOVERNMENT), body)


def test_an_unknown_level_is_refused() -> None:
    Story().intake().refuses("unknown_warning_level", "2.1.1(4)", issue("5"), "county-msa")


# --- what it starts -------------------------------------------------------------------------


@pytest.mark.clause("3.3.5(4)")
def test_the_departments_hear_of_our_warning() -> None:
    story = ours()
    assert {c.recipient for c in story.clocks("warning-told")} == TOLD
    for body in TOLD:
        assert f"warning-told/{body}" in story.notices(body, "informed")[-1].ref
    story.deliver_notices()
    assert {c.verdict for c in story.clocks("warning-told")} == {"on_time"}


@pytest.mark.clause("3.3.5(4)")
def test_a_notice_that_failed_leaves_the_telling_open() -> None:
    story = ours().pass_time(minutes=1)
    story.fail_notice(story.notices("county-health", "informed")[-1].id)
    (clock,) = [c.id for c in story.clocks("warning-told") if c.recipient == "county-health"]
    story.expect_open(clock)
    story.report("urgent", "county-health").expect_met(clock)


def test_a_superiors_warning_is_not_ours_to_pass_on_by_the_minute() -> None:
    story = Story().intake().do(issue("3"), "city-warning")
    story.expect_no_clock("warning-told")


@pytest.mark.clause("3.3.5", "3.3.5(1)", "3.3.5(2)", "3.3.5(3)", "3.3.5(4)")
def test_the_four_tasks_of_the_fourth_level() -> None:
    story = ours().release("warning-4")
    tasks = {t.clause: t for t in story.state.tasks.values() if t.pack == "warning-4"}
    assert {*tasks} == {"3.3.5(1)", "3.3.5(2)", "3.3.5(3)", "3.3.5(4)"}
    assert tasks["3.3.5(1)"].owner == "command-office"
    story.expect_open(f"task:{tasks['3.3.5(3)'].id}", "15:00")


@pytest.mark.clause("3.3.4(1)", "3.3.4(2)", "3.3.4(3)", "3.3.4(4)")
def test_the_four_tasks_of_the_third_level() -> None:
    story = Story().intake().do(issue("3"), "city-warning").release("warning-3")
    given = {t.clause for t in story.state.tasks.values() if t.pack == "warning-3"}
    assert given == {"3.3.4(1)", "3.3.4(2)", "3.3.4(3)", "3.3.4(4)"}


@pytest.mark.clause("3.3")
def test_a_finding_obliges_to_report_the_risk_upward() -> None:
    story = Story().intake().graded("IV")
    found = {c.recipient: c for c in story.clocks("risk-assessment")}
    assert {*found} == {"city-government", "city-msa"}
    assert {c.due for c in found.values()} == {story.moment("15:00")}


@pytest.mark.clause("3.3.1")
def test_a_level_four_incident_that_occurred_is_for_the_citys_third_level() -> None:
    story = Story().intake().graded("IV")
    asked = {c.recipient or "": c.id for c in story.clocks("warning-request")}
    assert {*asked} == {"city-government", "city-msa"}
    story.at("14:20").report("urgent", *asked)
    for clock in asked.values():
        story.expect_met(clock)


# --- who adjusts and lifts ------------------------------------------------------------------


@pytest.mark.clause("3.3.6")
def test_while_the_citys_warning_stands_the_county_cannot_go_below_it() -> None:
    story = Story().intake().do(issue("3"), "city-warning")
    story.refuses("graver_warning_open", "3.3.5", issue("4", GOVERNMENT), "county-msa")
    story.refuses("graver_warning_open", "3.3.5", issue("4"), GOVERNMENT)
    story.do(lift(story), "city-warning")
    story.do(issue("4", GOVERNMENT), "county-msa")
    assert len([w for w in story.state.warnings.values() if w.lifted_at is None]) == 1


@pytest.mark.clause("3.3.6")
@pytest.mark.parametrize(
    ("level", "issuer", "other"),
    [
        ("1", "nation-warning", "province-warning"),
        ("2", "province-warning", "city-warning"),
        ("3", "city-warning", "province-warning"),
        ("3", "city-warning", GOVERNMENT),
        ("3", "city-warning", "county-msa"),
    ],
)
def test_each_warning_is_lifted_by_its_own_level(level: str, issuer: str, other: str) -> None:
    story = Story().intake().do(issue(level), issuer)
    clause = {"1": "3.3.2", "2": "3.3.3", "3": "3.3.4"}[level]
    story.refuses("no_authority", clause, lift(story, GOVERNMENT), other)
    story.do(lift(story), issuer)
    assert [w.lifted_at for w in story.state.warnings.values()] == [story.now]
    story.expect_no_clock("warning-lifted-told")


@pytest.mark.clause("3.3.6")
def test_the_government_lifts_the_fourth_level_or_the_regulator_with_its_leave() -> None:
    for by, leave in ((GOVERNMENT, None), ("county-msa", GOVERNMENT)):
        story = ours()
        story.refuses("not_authorised", "3.3.5", lift(story), "county-msa")
        story.do(lift(story, leave), by)
        assert story.last[0].clause == "3.3.6"
        assert {c.recipient for c in story.clocks("warning-lifted-told")} == TOLD
        due = {c.due for c in story.clocks("warning-lifted-told")}
        assert due == {story.moment("14:15")}
        story.deliver_notices()
        assert {c.status for c in story.clocks("warning-lifted-told")} == {"met"}


@pytest.mark.clause("3.3.6")
def test_a_superior_does_not_lift_ours() -> None:
    story = ours()
    story.refuses("no_authority", "3.3.5", lift(story), "city-warning")


@pytest.mark.clause("3.3.6")
def test_a_warning_is_lifted_once() -> None:
    story = ours()
    command = lift(story)
    story.do(command, GOVERNMENT)
    story.refuses("unknown_open_warning", "2.1.1(4)", command, GOVERNMENT)


@pytest.mark.clause("3.3.6")
@pytest.mark.parametrize("command", [Dismiss(reasons="误报"), Close(text="办结")])
def test_no_incident_ends_under_a_warning_of_ours(command: Any) -> None:
    story = ours()
    if isinstance(command, Close):
        story.graded("IV").activate().terminate()
        message = "四级预警尚未解除"
        with pytest.raises(Exception, match="still stands") as raised:
            story.do(command, "command-office", seat="command-office")
        assert message in raised.value.message.zh  # type: ignore[attr-defined]
        return
    story.refuses("warning_open", "3.3.5", command)
    story.do(lift(story), GOVERNMENT).do(command).expect_phase("dismissed")


def test_a_warning_recorded_later_says_why() -> None:
    story = Story().intake().at("17:00")
    story.refuses("late_reason_missing", "2.1.1(4)", issue("3"), "city-warning", when="15:00")
    story.do(issue("3"), "city-warning", when="15:00", late_reason="传真补录")
    assert [w.at for w in story.state.warnings.values()] == [story.moment("15:00")]
