"""Chapter 4.7: what the public is told, by whom, on whose authority, and with whom it is filed."""

from datetime import timedelta

import pytest

from domain.incident.commands import (
    DecideRelease,
    Establish,
    FileRelease,
    ProposeRelease,
    PublishRelease,
    RecordAuthorisation,
    VoidEntry,
)
from domain.incident.entries import Delivery
from domain.incident.view import waiting_for
from tests.domain.story import Story, gaoqing

pytestmark = pytest.mark.clause("4.7.2")
GOVERNMENT, COMMAND, PRESS = "county-government", "county-command", "county-publicity"


def graded(level: str) -> Story:
    return Story().intake().graded(level)


def draft(story: Story) -> Story:
    command = ProposeRelease(title="情况通报", text="我县发现13例不良反应", channel="政府网站")
    return story.do(command, "command-office")


def decide(story: Story, approve: bool = True) -> DecideRelease:
    return DecideRelease(proposal=story.proposal.id, approve=approve)


def out(story: Story, authorisation: str | None = None) -> PublishRelease:
    return PublishRelease(
        proposal=story.proposal.id, authorisation=authorisation, channel="政府网站"
    )


def reviewed(level: str = "IV") -> Story:
    story = draft(graded(level))
    return story.do(decide(story), GOVERNMENT)


def published(level: str = "IV") -> Story:
    story = reviewed(level)
    return story.do(out(story), GOVERNMENT)


def filing(release: str, to: str, channel: str = "fax") -> FileRelease:
    return FileRelease(release=release, delivery=Delivery(recipient=to, channel=channel))


def authorise(story: Story, level: str, by: str) -> Story:
    return story.do(RecordAuthorisation(level=level, text="授权县里统一发布"), by, means="phone")


# --- who reviews ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "body"),
    [("IV", GOVERNMENT), ("III", "city-command"), ("II", "province-command"), ("I", "nmpa")],
)
def test_the_body_of_the_level_reviews_and_publishes(level: str, body: str) -> None:
    story = draft(graded(level))
    story.do(decide(story), body).do(out(story), body)
    (release,) = story.state.releases.values()
    assert (release.publisher, release.level) == (body, level)
    assert story.last[0].clause == "4.7.2"


@pytest.mark.parametrize("level", ["I", "II", "III"])
def test_above_its_own_level_the_county_neither_reviews_nor_publishes(level: str) -> None:
    story = draft(graded(level))
    body = {"I": "nmpa", "II": "province-command", "III": "city-command"}[level]
    story.refuses("no_release_authority", "4.7.2", decide(story), GOVERNMENT)
    story.do(decide(story), body)
    for county in (GOVERNMENT, PRESS, "county-msa", "command-office"):
        story.refuses("no_release_authority", "4.7.2", out(story), county)


def test_a_superior_of_another_level_does_not_review() -> None:
    story = draft(graded("III"))
    story.refuses("no_release_authority", "4.7.2", decide(story), "province-command")


def test_an_ungraded_incident_is_the_countys_own_matter() -> None:
    story = draft(Story().intake())
    story.refuses("no_release_authority", "4.7.2", decide(story), "county-msa")
    story.do(decide(story), GOVERNMENT).do(out(story), GOVERNMENT)
    assert len(story.state.releases) == 1


def test_the_command_reviews_once_it_is_set_up() -> None:
    story = draft(graded("IV"))
    assert "county-command" not in waiting_for(story.plan, story.state)
    story.refuses("no_release_authority", "4.7.2", decide(story), COMMAND)
    story.do(Establish(what="command"), GOVERNMENT)
    assert "county-command" in waiting_for(story.plan, story.state)
    story.do(decide(story), COMMAND).do(out(story), COMMAND)
    assert len(story.state.releases) == 1


def test_who_has_to_review_is_told_of_the_draft() -> None:
    story = graded("IV").do(Establish(what="command"), GOVERNMENT)
    draft(story)
    for body in (COMMAND, GOVERNMENT):
        (notice,) = story.notices(body, "decision")
        assert notice.ref == story.proposal.id


# --- who publishes --------------------------------------------------------------------------


@pytest.mark.clause("4.7.4")
@pytest.mark.parametrize("body", [PRESS, "command-office", "county-msa"])
def test_those_who_run_the_countys_media_put_out_what_was_reviewed(body: str) -> None:
    story = reviewed()
    story.do(out(story), body)
    (release,) = story.state.releases.values()
    assert release.publisher == body


@pytest.mark.parametrize("body", ["county-health", "city-msa", "experts", "city-command"])
def test_nobody_else_puts_it_out(body: str) -> None:
    story = reviewed()
    story.refuses("no_release_authority", "4.7.2", out(story), body)


@pytest.mark.parametrize("body", [GOVERNMENT, PRESS])
def test_nothing_goes_out_unreviewed_or_turned_down(body: str) -> None:
    story = draft(graded("IV"))
    story.refuses("release_not_approved", "4.7.2", out(story), body)
    story.do(decide(story, approve=False), GOVERNMENT)
    story.refuses("release_not_approved", "4.7.2", out(story), body)


def test_nothing_goes_out_before_it_was_reviewed() -> None:
    story = reviewed().at("15:00")
    late = {"late_reason": "补录", "when": "13:50"}
    story.refuses("published_before_review", "4.7.2", out(story), GOVERNMENT, **late)
    story.do(out(story), GOVERNMENT, when="14:00")


def test_a_text_goes_out_once() -> None:
    story = published()
    story.refuses("already_published", "4.7.2", out(story), GOVERNMENT)


def test_a_version_is_decided_once() -> None:
    story = reviewed()
    story.refuses("proposal_not_open", "2.1.1(4)", decide(story, approve=False), GOVERNMENT)


def test_what_was_reviewed_at_a_lower_level_must_be_reviewed_again() -> None:
    story = reviewed().at("14:10").graded("III")
    story.refuses("release_outgrown", "4.7.2", out(story), GOVERNMENT)
    story.refuses("release_outgrown", "4.7.2", out(story), "city-command")
    authorise(story, "III", "city-command")
    story.refuses("release_outgrown", "4.7.2", out(story), GOVERNMENT)


def test_an_upgrade_that_was_typed_late_leaves_it_behind_as_well() -> None:
    story = draft(graded("IV")).at("14:10")
    story.do(decide(story), GOVERNMENT).at("14:20").graded("III", when="14:05")
    authorise(story, "III", "city-command")
    story.refuses("release_outgrown", "4.7.2", out(story), GOVERNMENT)


def test_what_was_reviewed_before_the_first_grading_stands_at_the_countys_level() -> None:
    story = draft(Story().intake())
    story.do(decide(story), GOVERNMENT).graded("IV").do(out(story), GOVERNMENT)
    assert len(story.state.releases) == 1


# --- on a superior's authorisation ----------------------------------------------------------


def test_with_the_competent_bodys_authorisation_the_county_reviews_and_publishes() -> None:
    story = authorise(draft(graded("III")), "III", "city-command")
    (given,) = story.state.authorisations
    story.do(decide(story), GOVERNMENT).do(out(story, given), PRESS)
    (release,) = story.state.releases.values()
    assert (release.authorisation, release.publisher) == (given, PRESS)


def test_the_press_publishes_nothing_that_a_superior_reviewed_for_itself() -> None:
    story = draft(graded("III"))
    story.do(decide(story), "city-command")
    authorise(story, "III", "city-command")
    story.refuses("no_release_authority", "4.7.2", out(story), PRESS)


def test_an_authorisation_covers_its_level_and_no_graver_one() -> None:
    story = authorise(draft(graded("II")), "III", "city-command")
    story.refuses("no_release_authority", "4.7.2", decide(story), GOVERNMENT)


def test_an_authorisation_after_the_fact_covers_nothing_before_it() -> None:
    story = draft(graded("III")).at("16:00")
    authorise(story, "III", "city-command")
    late = {"late_reason": "补录", "when": "14:30"}
    story.refuses("no_release_authority", "4.7.2", decide(story), GOVERNMENT, **late)


def test_a_voided_authorisation_covers_nothing() -> None:
    story = authorise(draft(graded("III")), "III", "city-command")
    story.do(decide(story), GOVERNMENT)
    (given,) = story.state.authorisations
    story.do(VoidEntry(seq=int(given[1:]), reason="误记"))
    story.refuses("no_release_authority", "4.7.2", out(story), GOVERNMENT)
    story.refuses("no_release_authority", "4.7.2", out(story, given), GOVERNMENT)


@pytest.mark.parametrize("body", ["province-command", "nmpa", GOVERNMENT, "city-msa"])
def test_only_the_publisher_of_a_level_authorises_at_it(body: str) -> None:
    command = RecordAuthorisation(level="III", text="授权")
    graded("III").refuses("no_authority", "4.7.2", command, body)


def test_level_two_is_filed_with_the_nation_before_the_county_publishes() -> None:
    story = authorise(draft(graded("II")), "II", "province-command")
    story.do(decide(story), GOVERNMENT)
    story.refuses("not_filed_before", "4.7.2", out(story), GOVERNMENT)
    story.refuses("not_filed_there", "4.7.2", filing(story.proposal.id, "city-msa"))
    story.do(filing(story.proposal.id, "nmpa"), "command-office")
    wrong = story.last[0].seq
    story.do(VoidEntry(seq=wrong, reason="误记"), "command-office")
    story.refuses("not_filed_before", "4.7.2", out(story), GOVERNMENT)
    story.do(filing(story.proposal.id, "nmpa"), "command-office").do(out(story), GOVERNMENT)
    (release,) = story.state.releases.values()
    assert [g.recipient for g in release.filed if not g.voided] == ["nmpa"]


# --- filing ---------------------------------------------------------------------------------


def test_what_the_county_published_is_filed_with_the_city() -> None:
    story = published()
    (release,) = story.state.releases
    clock = f"release-filing/city-government/{release}"
    story.expect_open(clock, "15:00")
    assert {c.recipient for c in story.clocks("release-filing")} == {"city-government", "city-msa"}
    story.at("14:30").do(filing(release, "city-government"), "command-office").expect_met(clock)
    story.expect_open(f"release-filing/city-msa/{release}")


def test_a_filing_meets_the_duty_of_its_own_release_alone() -> None:
    story = published()
    (first,) = story.state.releases
    draft(story)
    story.do(decide(story), GOVERNMENT).do(out(story), GOVERNMENT)
    second = next(key for key in story.state.releases if key != first)
    story.do(filing(second, "city-msa"), "command-office")
    story.expect_met(f"release-filing/city-msa/{second}")
    story.expect_open(f"release-filing/city-msa/{first}")


def test_superiors_file_their_own_releases() -> None:
    story = draft(graded("III"))
    story.do(decide(story), "city-command").do(out(story), "city-command")
    story.expect_no_clock("release-filing")


def test_what_the_county_published_for_the_city_it_files_with_the_province() -> None:
    story = authorise(draft(graded("III")), "III", "city-command")
    story.do(decide(story), GOVERNMENT).do(out(story), GOVERNMENT)
    told = {c.recipient for c in story.clocks("release-filing")}
    assert told == {"province-government", "province-mpa"}


def test_a_filing_goes_where_it_belongs_and_by_an_allowed_channel() -> None:
    story = published()
    (release,) = story.state.releases
    story.refuses("not_filed_there", "4.7.2", filing(release, "county-health"), "command-office")
    phone = filing(release, "city-msa", "phone")
    story.refuses("channel_not_allowed", "4.7.2", phone, "command-office")
    story.refuses("unknown_release", "2.1.1(4)", filing("x999", "city-msa"), "command-office")


def test_a_filing_entered_late_is_judged_by_when_it_was_made() -> None:
    story = published()
    (release,) = story.state.releases
    clock = f"release-filing/city-msa/{release}"
    story.at("18:00").expect_unrecorded(clock)
    delivery = Delivery(recipient="city-msa", channel="fax", at=story.moment("14:40"))
    command = FileRelease(release=release, delivery=delivery)
    story.refuses("late_reason_missing", "2.1.1(4)", command, "command-office")
    story.do(command, "command-office", late_reason="传真回执补录")
    story.expect_met(clock, "on_time_entered_late")


def test_a_wrong_filing_is_voided_and_owed_again() -> None:
    story = published()
    (release,) = story.state.releases
    clock = f"release-filing/city-msa/{release}"
    story.do(filing(release, "city-msa"), "command-office").expect_met(clock)
    story.do(VoidEntry(seq=story.last[0].seq, reason="未发出"), "command-office")
    story.expect_open(clock)


# --- the first moment, and the forms --------------------------------------------------------


@pytest.mark.clause("4.7.3")
def test_the_public_is_told_at_the_first_moment() -> None:
    story = graded("IV").activate()
    (clock,) = [c.id for c in story.clocks("first-release")]
    story.expect_due(clock, "19:00")
    assert story.clock(clock).kind == "internal"
    story.at("15:00")
    draft(story)
    story.do(decide(story), GOVERNMENT).do(out(story), GOVERNMENT).expect_met(clock)


@pytest.mark.clause("4.7.3")
def test_a_release_published_in_time_and_typed_later_is_on_time() -> None:
    story = graded("IV").activate()
    draft(story)
    story.do(decide(story), GOVERNMENT).at("20:00")
    (clock,) = [c.id for c in story.clocks("first-release")]
    story.expect_unrecorded(clock)
    story.do(out(story), GOVERNMENT, when="18:00", late_reason="补录")
    story.expect_met(clock, "on_time_entered_late")
    assert story.clock(clock).met_at == story.moment("18:00")


@pytest.mark.clause("2.1.1(4)", "2.2(5)", "4.2(7)")
@pytest.mark.parametrize("body", ["command-office", PRESS, "county-msa"])
def test_who_may_draft(body: str) -> None:
    command = ProposeRelease(title="情况通报", text="通报", channel="网站")
    assert graded("IV").do(command, body).proposal.by == body
    graded("IV").refuses("no_authority", "2.1.1(4)", command, "county-health")


def test_drafts_stand_side_by_side() -> None:
    story = draft(graded("IV"))
    first = story.proposal
    draft(story)
    assert {p.status for p in story.state.proposals.values()} == {"open"}
    story.do(DecideRelease(proposal=first.id, approve=True), GOVERNMENT)


def test_nothing_is_published_about_an_incident_that_has_ended() -> None:
    story = reviewed("IV")
    story.state = story.state.model_copy(update={"phase": "closed"})
    story.refuses("ended", "2.1.1(4)", out(story), GOVERNMENT)


def test_the_targets_are_marked_internal() -> None:
    for duty in ("first-release", "release-filing"):
        found = gaoqing().obligation_by_id[duty]
        assert found.kind == "internal"
        assert found.within is not None
        assert found.within >= timedelta(minutes=60)
        assert found.reading is not None
