"""Chapter 3.2.2(2): the second two hours, from a preliminary finding of I-III and every upgrade."""

import pytest

from tests.domain.story import QUALIFIED, Story, beijing

BOTH = ("county-government", "city-msa")
CITY = "report-2h/city-msa"


def found_at(level: str, when: str) -> Story:
    """Reported at 14:00, told to both, graded at the hour given."""
    return Story().intake().at("14:10").report("initial", *BOTH).at(when).graded(level)


@pytest.mark.clause("3.2.2(2)")
@pytest.mark.parametrize("level", ["III", "II", "I"])
def test_a_preliminary_finding_of_i_to_iii_starts_the_second_two_hours(level: str) -> None:
    story = found_at(level, "15:00")
    for recipient in BOTH:
        (clock,) = [c for c in story.clocks("report-2h-determined") if c.recipient == recipient]
        assert clock.kind == "statutory"
        # Both readings are computed and shown; the earlier governs.
        assert clock.readings == {
            "receipt": beijing("16:00"),
            "determination": beijing("17:00"),
        }
        assert clock.due == beijing("16:00")


@pytest.mark.clause("3.2.2(2)")
def test_a_finding_of_iv_starts_no_second_two_hours() -> None:
    found_at("IV", "15:00").expect_no_clock("report-2h-determined")


@pytest.mark.clause("3.2.2(2)")
def test_what_was_reported_before_the_finding_did_not_report_it() -> None:
    story = found_at("III", "15:00")
    assert all(c.status == "open" for c in story.clocks("report-2h-determined"))
    story.at("15:20").report("urgent", *BOTH)
    assert {c.verdict for c in story.clocks("report-2h-determined")} == {"on_time"}


@pytest.mark.clause("3.2.2(2)")
def test_a_call_before_the_finding_but_typed_after_it_did_not_report_it_either() -> None:
    story = Story().intake().at("14:30").graded("III").at("14:40")
    story.report("initial", "city-msa", given="14:10").expect_met(CITY)
    open_to = {c.recipient for c in story.clocks("report-2h-determined") if c.status == "open"}
    assert open_to == set(BOTH)


@pytest.mark.clause("3.2.2(2)")
def test_each_later_upgrade_starts_two_hours_of_its_own() -> None:
    story = found_at("III", "15:00").report("urgent", *BOTH)
    story.at("19:00").graded("II").at("22:00").graded("I")
    dues = sorted({c.due for c in story.clocks("report-2h-determined")})
    assert dues == [beijing("16:00"), beijing("21:00"), beijing("2026-10-07 00:00")]


@pytest.mark.clause("3.2.2(2)")
def test_an_upgrade_from_iv_runs_from_the_upgrade_alone() -> None:
    story = found_at("IV", "15:00").at("20:00").graded("III")
    assert {c.due for c in story.clocks("report-2h-determined")} == {beijing("22:00")}


@pytest.mark.clause("3.2.2(2)")
def test_one_report_tells_of_two_upgrades() -> None:
    story = found_at("III", "15:00").at("15:10").graded("II").report("urgent", *BOTH)
    assert {c.status for c in story.clocks("report-2h-determined")} == {"met"}


@pytest.mark.clause("3.2.2(2)")
def test_a_finding_entered_late_runs_from_when_it_was_made() -> None:
    story = Story().intake().at("18:30")
    story.graded("III", when="14:20", late_reason="现场无网络")
    assert {c.due for c in story.clocks("report-2h-determined")} == {beijing("16:00")}
    # Overdue at birth: the same entry says so, and our own people hear of it at once.
    assert "clock.unrecorded" in story.types()
    assert story.notices("duty", "unrecorded")


@pytest.mark.clause("3.2.2(2)")
def test_a_finding_reported_between_its_making_and_its_entry_is_on_time() -> None:
    story = Story().intake().at("15:00").report("urgent", "city-msa").at("18:00")
    story.graded("III", when="14:20", late_reason="现场无网络")
    (clock,) = [c for c in story.clocks("report-2h-determined") if c.recipient == "city-msa"]
    assert (clock.status, clock.verdict) == ("met", "on_time")


@pytest.mark.clause("3.2.2(2)")
def test_the_same_level_found_again_starts_nothing_new() -> None:
    story = found_at("III", "15:00")
    before = len(story.clocks("report-2h-determined"))
    story.at("15:30").assess(findings={**QUALIFIED, "affected": 25})
    assert len(story.clocks("report-2h-determined")) == before


@pytest.mark.clause("3.2.2(2)")
def test_people_go_to_the_scene_at_once() -> None:
    story = Story().intake()
    task = story.state.tasks[story.task("verify-on-site")]
    assert (task.owner, task.due) == ("county-msa", beijing("14:15"))
