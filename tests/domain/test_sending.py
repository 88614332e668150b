"""What goes out together, by which road, and what becomes of it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from api.pages.call_sheet import calls
from domain.incident.commands import (
    AcknowledgeNotice,
    RecordCall,
    ReleasePack,
)
from domain.incident.envelope import Envelope
from domain.incident.observations import Delivered
from tests.domain.later import Story
from tests.domain.telling import (
    DUTY,
    HEALTH,
    OFFICE,
    about,
    composed,
    informed,
    passing,
    sent,
)

# --- what goes out together -----------------------------------------------------------------


@pytest.mark.clause("4.2", "6.3")
def test_what_comes_up_at_once_is_one_message_that_lists_it() -> None:
    story = Story().intake()
    (message,) = composed(story, HEALTH)
    assert set(message.notices) == {n.id for n in story.notices(HEALTH)}
    assert len(message.notices) > 1


def test_several_packs_within_a_minute_are_one_message() -> None:
    story = sent(Story().intake()).acknowledge_all().graded("IV").activate()
    story.pass_time(minutes=5)
    sent(story).acknowledge_all()
    before = len(composed(story, "county-police"))
    for pack in (
        ReleasePack(pack="response-iv", groups=("stability",)),
        ReleasePack(pack="duties-county-police"),
    ):
        story.do(pack, OFFICE, seat=OFFICE)
        story.now += timedelta(seconds=20)
        story.tick()
    assert len(composed(story, "county-police")) == before, "it waits for what else may come"
    story.at(story.now + timedelta(seconds=21))
    (message,) = composed(story, "county-police")[before:]
    assert len(message.notices) == len(story.notices("county-police", "tasks")) == 2


def test_a_statutory_notice_breaks_a_silence_at_once_and_an_internal_one_waits() -> None:
    story = sent(Story().intake()).acknowledge_all().pass_time(minutes=5)
    sent(story).acknowledge_all().correct(abroad=True)
    assert len(composed(story, "county-commerce")) == 1
    story.graded("IV").activate().release("response-iv", groups=["stability"])
    assert composed(story, "county-police") == []
    assert len(composed(story.pass_time(minutes=1), "county-police")) == 1


def test_no_body_gets_two_messages_within_a_minute() -> None:
    story = passing(sent(Story().intake(abroad=True)).graded("II"), hours=3)
    for body in {n.recipient for n in story.state.notices.values()}:
        moments = [m.at for m in composed(story, body)]
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert all(gap >= timedelta(minutes=1) for gap in gaps), body


def test_what_is_on_its_way_is_in_no_other_message() -> None:
    story = Story().intake()
    story.pass_time(minutes=7)
    ids = [n for m in story.state.messages.values() for n in m.notices]
    assert len(ids) == len(set(ids))


# --- sent, delivered, acknowledged ----------------------------------------------------------


def test_accepted_delivered_and_acknowledged_are_three_states() -> None:
    story = Story().intake()
    message = next(m for m in story.state.messages.values() if m.recipient == HEALTH)
    story.at("14:01").arrived(message.id, channels=("mail",), contacts=("c-1",))
    notice = informed(story)
    assert (notice.accepted_at, notice.delivered_at, notice.acknowledged_at) == (
        story.now,
        None,
        None,
    )
    story.at("14:02").send(
        Envelope(received=story.now, command=Delivered(notices=(notice.id, "n99")))
    )
    assert informed(story).delivered_at == story.now
    assert informed(story).unanswered
    story.at("14:03").acknowledge(notice.id)
    assert (informed(story).acknowledged_at, informed(story).acknowledged_recorded) == (
        story.now,
        story.now,
    )


def test_a_delivery_that_is_reported_twice_is_recorded_once() -> None:
    story = sent(Story().intake())
    said = Envelope(received=story.now, command=Delivered(notices=(informed(story).id,)))
    story.send(said).send(said)
    assert story.types() == []


def test_an_answer_on_behalf_of_another_body_says_what_it_rests_on() -> None:
    story = sent(Story().intake())
    bare = AcknowledgeNotice(notice=informed(story).id)
    clause = informed(story).clause
    story.refuses("comment_missing", clause, bare, HEALTH, seat=DUTY, means="message")
    story.do(
        bare.model_copy(update={"comment": "短信回复“收到”"}), HEALTH, seat=DUTY, means="message"
    )
    assert informed(story).acknowledged_by == HEALTH


# --- inbox alone, and quiet hours -----------------------------------------------------------


@pytest.mark.clause("6.3", "4.2(5)")
def test_a_notice_that_lies_in_the_inbox_alone_has_told_nobody_yet() -> None:
    story = Story().intake()
    message = next(m for m in story.state.messages.values() if m.recipient == HEALTH)
    story.arrived(message.id, channels=("inbox",))
    assert informed(story).status == "posted"
    story.expect_open("rescue/county-health")
    opened = Delivered(notices=(informed(story).id,))
    story.at("14:05").send(Envelope(received=story.now, command=opened))
    story.expect_met("rescue/county-health")
    assert informed(story).status == "accepted"


def held(story: Story, until: str) -> Story:
    """Every message that is on its way finds nobody awake until then."""
    for message in tuple(story.state.messages):
        story.arrived(message, channels=("inbox",), held_until=story.moment(until))
    return story


@pytest.mark.clause("2.1.1(2)")
def test_who_has_quiet_hours_is_told_when_they_end_and_not_telephoned_before() -> None:
    story = sent(Story(at="21:58").intake()).acknowledge_all().graded("IV").activate()
    sent(story.pass_time(minutes=1)).acknowledge_all()
    story.release("response-iv", groups=["stability"])
    (task,) = story.notices("county-police", "tasks")
    held(story.pass_time(minutes=1), "2026-10-07 07:00")
    assert story.state.notices[task.id].climbed == 0

    story.at("2026-10-07 06:59")
    assert len(about(story, task)) == 1, "not again and again into the night"
    assert not [c for c in story.state.open_calls if c.recipient == "county-police"]
    assert task.id not in {r for n in story.notices(OFFICE, "unanswered") for r in n.ref.split()}

    story.at("2026-10-07 07:00")
    _, morning = about(story, task)
    assert morning.contacts == ("duty_phone", "duty_officer"), "the ladder begins anew"
    assert not [c for c in story.state.open_calls if c.recipient == "county-police"]
    passing(sent(story), hours=2, minutes=1)
    assert [c for c in story.state.open_calls if c.recipient == "county-police"]


def test_who_is_held_up_twice_is_told_from_the_first_rung_on() -> None:
    story = sent(Story(at="21:58").intake()).acknowledge_all().graded("IV").activate()
    sent(story.pass_time(minutes=1)).acknowledge_all()
    story.release("response-iv", groups=["stability"])
    (task,) = story.notices("county-police", "tasks")
    held(story.pass_time(minutes=1), "2026-10-07 07:00")
    held(story.at("2026-10-07 07:00"), "2026-10-07 08:00")
    sent(story.at("2026-10-07 08:00"))
    assert about(story, task)[-1].notices[task.id] == 0
    passing(story, minutes=31)
    assert about(story, task)[-1].notices[task.id] == 1
    silent = {ref for n in story.notices(OFFICE, "unanswered") for ref in n.ref.split()}
    assert task.id not in silent


def test_quiet_hours_without_an_inbox_call_nobody_either() -> None:
    """PostgreSQL is down as well, so that not even the inbox took it."""
    story = sent(Story(at="21:58").intake()).acknowledge_all().graded("IV").activate()
    sent(story.pass_time(minutes=1)).acknowledge_all()
    story.release("response-iv", groups=["stability"])
    (task,) = story.notices("county-police", "tasks")
    story.pass_time(minutes=1)
    (message,) = [m.id for m in story.state.messages.values() if task.id in m.notices]
    until = story.moment("2026-10-07 07:00")
    story.arrived(message, failure="inbox: PostgreSQL is unavailable", held_until=until)
    assert story.state.notices[task.id].status == "queued"
    assert not [c for c in story.state.calls.values() if c.recipient == "county-police"]
    assert about(story.at(until), task)[-1].at == until


def test_a_reminder_that_was_held_is_told_in_the_morning_or_is_over() -> None:
    story = sent(Story(at="21:00").intake()).acknowledge_all()
    story.at("22:00")
    held(story, "2026-10-07 07:00")
    told = [n for n in story.notices("county-msa", "reminder") if n.climbs_from]
    assert told
    assert all(n.climbed == 0 for n in told)


# --- what gets lost -------------------------------------------------------------------------


@pytest.mark.clause("3.2.2", "3.2.4")
def test_a_statutory_reminder_that_is_lost_falls_to_the_telephone() -> None:
    story = sent(Story().intake()).acknowledge_all().at("15:00")
    reminders = [n for n in story.notices("county-msa", "reminder") if n.statutory]
    (message,) = [m.id for m in story.state.messages.values() if reminders[-1].id in m.notices]
    story.arrived(message, failure="no answer in time")
    (call,) = [c for c in story.state.open_calls if c.recipient == "county-msa"]
    assert reminders[-1].id in call.notices


@pytest.mark.clause("3.2.2", "3.2.4")
def test_the_call_about_a_lost_reminder_ends_with_the_call() -> None:
    story = sent(Story().intake()).acknowledge_all().at("15:00")
    reminders = [n for n in story.notices("county-msa", "reminder") if n.statutory]
    (message,) = [m.id for m in story.state.messages.values() if reminders[-1].id in m.notices]
    story.arrived(message, channels=("inbox",), phone_only=True)
    (row,) = [c for c in calls(story.plan, story.state, story.now) if c.body == "county-msa"]
    assert reminders[-1].id in {n.id for n in row.notices}
    assert row.due <= story.now
    story.do(RecordCall(recipient="county-msa", taken_by="值班员"), DUTY)
    assert not [c for c in story.state.open_calls if c.recipient == "county-msa"]


@pytest.mark.clause("3.2.2")
def test_a_statutory_reminder_that_lies_in_the_duty_seats_inbox_alone_the_office_hears_of() -> None:
    story = sent(Story().intake()).acknowledge_all().at("15:00")
    reminders = [n for n in story.notices(DUTY, "reminder") if n.statutory]
    (message,) = [m.id for m in story.state.messages.values() if reminders[-1].id in m.notices]
    story.arrived(message, channels=("inbox",), phone_only=True)
    (news,) = story.notices(OFFICE, "failed")
    assert reminders[-1].id in news.ref.split()


def test_what_went_out_before_has_not_failed_when_its_reminder_does() -> None:
    story = sent(Story().intake()).pass_time(minutes=5)
    (message,) = [m.id for m in story.state.messages.values() if m.recipient == HEALTH]
    story.arrived(message, failure="no answer in time")
    assert informed(story).status == "accepted"


def test_that_the_duty_seat_was_not_reached_the_office_hears() -> None:
    story = Story().intake()
    (message,) = [m.id for m in story.state.messages.values() if m.recipient == DUTY]
    story.arrived(message, failure="no answer in time")
    assert len(story.notices(OFFICE, "failed")) == 1
    assert not [c for c in story.state.calls.values() if c.recipient == DUTY]
