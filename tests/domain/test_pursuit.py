"""A notice that nobody answers has not been given: told again, higher up, until somebody does."""

from datetime import timedelta
from itertools import pairwise

import pytest

from domain.incident import outbox
from domain.incident.commands import (
    AcknowledgeNotice,
    CompleteTask,
    Dismiss,
    RecordCall,
    ReleasePack,
    StopNotice,
)
from domain.incident.entries import Message, Notice
from domain.incident.envelope import Envelope
from domain.incident.observations import Delivered
from domain.incident.view import details, unanswered, waiting_for
from domain.plan import Ladder
from tests.domain.later import Story
from tests.domain.story import gaoqing

HEALTH, OFFICE, DUTY = "county-health", "command-office", "duty"


def composed(story: Story, recipient: str) -> list[Message]:
    """Every message to ``recipient`` so far, oldest first."""
    found = [e.data["message"] for e in story.events if e.type == "message.composed"]
    return [Message.model_validate(m) for m in found if m["recipient"] == recipient]


def about(story: Story, notice: Notice) -> list[Message]:
    """The messages that ``notice`` was in."""
    return [m for m in composed(story, notice.recipient) if notice.id in m.notices]


def minutes(story: Story, notice: Notice) -> list[float]:
    """When ``notice`` went out, in minutes since it was queued."""
    return [(m.at - notice.queued_at).total_seconds() / 60 for m in about(story, notice)]


def sent(story: Story) -> Story:
    """Every message that is on its way is accepted by mail, at once."""
    for message in tuple(story.state.messages):
        story.arrived(message, channels=("inbox", "mail"), contacts=("c-1",))
    return story


def passing(story: Story, **time: float) -> Story:
    """Time passes; what goes out meanwhile is accepted at once, and nobody answers."""
    until = story.now + timedelta(**time)
    while True:
        moments = [m for m in outbox.next_moments(story.plan, story.state).values() if m <= until]
        if not moments:
            return sent(story.at(until))
        sent(story.at(max(min(moments), story.now)))


def informed(story: Story) -> Notice:
    (found,) = story.notices(HEALTH, "informed")
    return found


# --- the ladder -----------------------------------------------------------------------------


@pytest.mark.clause("2.1.1(2)")
def test_a_statutory_notice_climbs_its_ladder_until_the_office_hears_of_it() -> None:
    story = passing(sent(Story().intake()), minutes=31)
    assert minutes(story, informed(story)) == [0, 5, 10, 20, 30]
    told_whom = [set(m.contacts) for m in about(story, informed(story))]
    assert told_whom[:2] == [{"duty_phone", "duty_officer"}] * 2
    assert "leader" not in told_whom[2] > {"deputy"}
    assert told_whom[3] >= {"deputy", "leader"}
    assert told_whom[4] >= {"leader"}
    (told,) = [n for n in story.notices(OFFICE, "unanswered") if informed(story).id in n.ref]
    assert told.queued_at == informed(story).queued_at + timedelta(minutes=30)


@pytest.mark.clause("2.1.1(2)")
def test_after_the_last_rung_it_recurs_for_as_long_as_nobody_answers() -> None:
    story = passing(sent(Story(careful=False).intake()), hours=26, minutes=2)
    repeated = [at / 60 for at in minutes(story, informed(story)) if at > 120]
    assert [round(at) for at in repeated] == [6, 10, 14, 18, 22, 26]
    assert len([n for n in story.notices(OFFICE, "unanswered") if informed(story).id in n.ref]) == 1


@pytest.mark.clause("2.1.1(2)")
def test_an_internal_notice_climbs_slower() -> None:
    story = sent(Story().intake()).acknowledge_all().graded("IV").activate()
    story.release("response-iv", groups=["stability"])
    (task,) = story.notices("county-police", "tasks")
    assert not task.statutory
    passing(story, hours=8, minutes=5)
    assert minutes(story, task) == [1, 30, 120, 240, 480]
    assert task.id in {r for n in story.notices(OFFICE, "unanswered") for r in n.ref.split()}


def test_every_ladder_of_the_plan_starts_at_once_and_reaches_the_office() -> None:
    pursuit = gaoqing().escalation
    assert pursuit is not None
    for ladder in (pursuit.statutory, pursuit.internal):
        assert ladder.rungs[0].after == timedelta()
        assert any(rung.office for rung in ladder.rungs)
        assert ladder.repeat is not None


def test_who_slept_through_several_rungs_tells_everybody_who_was_to_be_told() -> None:
    """No worker for twenty-five minutes: one message, to all whom the rungs since then name."""
    story = sent(Story().intake())
    story.now += timedelta(minutes=25)
    story.tick()
    _, late = about(story, informed(story))
    assert late.contacts == ("duty_phone", "duty_officer", "deputy", "leader")
    assert late.notices[informed(story).id] == 3
    passing(sent(story), minutes=5)
    assert minutes(story, informed(story)) == [0, 25, 30]


# --- what ends it ---------------------------------------------------------------------------


@pytest.mark.clause("2.1.1(3)")
def test_after_an_acknowledgement_nothing_more_is_sent_for_that_notice() -> None:
    story = passing(sent(Story().intake()), minutes=6)
    for notice in story.notices(HEALTH):
        story.acknowledge(notice.id)
    answered = [n for n in story.notices(HEALTH) if n.acknowledged_at]
    passing(story, hours=3)
    assert len(answered) > 1
    for notice in answered:
        assert minutes(story, notice) == [0, 5]


@pytest.mark.clause("2.1.1(3)")
def test_one_bodys_answer_silences_no_other() -> None:
    story = sent(Story().intake())
    for notice in story.notices(HEALTH):
        story.acknowledge(notice.id)
    passing(story, minutes=9)
    assert len(composed(story, HEALTH)) == 1
    (theirs,) = story.notices("county-msa", "tasks")
    assert minutes(story, theirs) == [0, 5]
    assert unanswered(story.state) == ("county-msa", DUTY)


def test_one_notice_answered_leaves_its_neighbour_in_the_same_message_pursued() -> None:
    story = sent(Story().intake())
    tasks, told = story.notices(HEALTH, "tasks")[0], informed(story)
    story.acknowledge(told.id)
    again = composed(passing(story, minutes=6), HEALTH)[-1]
    assert again.notices == {tasks.id: 1}


def test_a_refusal_is_an_answer_too_and_goes_to_the_office() -> None:
    story = sent(Story().intake())
    refusal = AcknowledgeNotice(notice=informed(story).id, refuse=True, comment="非本单位职责")
    story.do(refusal, HEALTH, seat=HEALTH)
    again = composed(passing(story, minutes=6), HEALTH)[-1]
    assert informed(story).id not in again.notices
    assert len(story.notices(OFFICE, "refused")) == 1


@pytest.mark.clause("2.1.1(2)")
def test_a_recorded_stop_ends_it_and_nobody_else_may() -> None:
    story = sent(Story().intake())
    stop = StopNotice(notice=informed(story).id, reason="已当面告知局长")
    story.do(stop, OFFICE, seat=OFFICE)
    assert (informed(story).ended, informed(story).reason) == ("stopped", "已当面告知局长")
    assert story.last[0].by is not None
    again = composed(passing(story, minutes=6), HEALTH)[-1]
    assert informed(story).id not in again.notices
    story.refuses("not_pursued", "2.1.1(2)", stop, OFFICE, seat=OFFICE)


@pytest.mark.clause("2.1.1(2)")
def test_the_body_that_does_not_answer_cannot_stop_the_asking() -> None:
    story = sent(Story().intake())
    stop = StopNotice(notice=informed(story).id, reason="不要再发")
    story.refuses("no_authority", "2.1.1(2)", stop, HEALTH, seat=HEALTH)


def test_a_task_that_is_done_is_asked_about_no_more_and_the_record_says_why() -> None:
    story = sent(Story().intake())
    (notice,) = story.notices(HEALTH, "tasks")
    for task in notice.ref.split():
        story.do(CompleteTask(task=task, result="已完成"), HEALTH, seat=HEALTH)
    (notice,) = story.notices(HEALTH, "tasks")
    assert (notice.ended, notice.acknowledged_at) == ("settled", None)
    assert "notices.settled" in story.types()
    assert notice.id not in composed(passing(story, minutes=6), HEALTH)[-1].notices


def test_a_deadline_met_is_asked_about_no_more() -> None:
    story = passing(sent(Story().intake()), hours=2, minutes=1)
    missed = [n for n in story.notices(OFFICE, "unrecorded") if "report-2h" in n.ref]
    assert missed
    assert all(n.open for n in missed)
    story.report("initial", "county-government", "city-msa", "city-government", "city-health")
    assert not [
        n for n in story.notices(OFFICE, "unrecorded") if n.open and n.ref.startswith("report-2h")
    ]


def test_reminders_of_a_deadline_are_told_once_for_they_are_a_series_themselves() -> None:
    story = passing(sent(Story().intake()).acknowledge_all(), minutes=62)
    reminders = story.notices(DUTY, "reminder")
    assert reminders
    assert not any(n.unanswered for n in reminders)
    assert all(n.climbed == 1 for n in reminders)


def test_an_incident_that_is_over_asks_nobody_any_more() -> None:
    story = sent(Story().intake()).do(Dismiss(reasons="误报"))
    assert {n.subject for n in story.state.unanswered} == {"dismissed"}
    passing(story, minutes=6)
    assert {s for m in composed(story, HEALTH)[1:] for s in m.notices} == {
        n.id for n in story.notices(HEALTH, "dismissed")
    }
    assert not story.state.done
    assert sent(story).acknowledge_all().state.done


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


# --- the telephone --------------------------------------------------------------------------


@pytest.mark.clause("3.2.4")
def test_what_no_channel_takes_falls_to_the_telephone() -> None:
    story = Story().intake()
    story.fail_notice(informed(story).id)
    (call,) = story.state.open_calls
    assert (call.recipient, call.reason) == (HEALTH, "failed")
    assert story.notices(DUTY, "call")
    assert informed(story).status == "failed"
    assert DUTY in waiting_for(story.plan, story.state)


@pytest.mark.clause("3.2.4")
def test_who_is_reached_by_telephone_alone_is_telephoned() -> None:
    story = Story().intake()
    message = next(m for m in story.state.messages.values() if m.recipient == HEALTH)
    story.arrived(message.id, channels=("inbox",), phone_only=True)
    (call,) = story.state.open_calls
    assert (call.recipient, call.reason) == (HEALTH, "phone_only")


@pytest.mark.clause("2.1.1(2)")
def test_who_does_not_answer_in_writing_is_telephoned_once() -> None:
    story = passing(sent(Story().intake()), minutes=45)
    calls = [c for c in story.state.open_calls if c.recipient == HEALTH]
    assert [c.reason for c in calls] == ["unanswered"]
    assert calls[0].at == story.events[0].recorded + timedelta(minutes=10)
    assert DUTY not in {c.recipient for c in story.state.calls.values()}, "nobody calls himself"


@pytest.mark.clause("3.2.4")
def test_a_call_answers_everything_that_is_read_out_in_it() -> None:
    story = passing(sent(Story().intake()), minutes=9)
    call = RecordCall(recipient=HEALTH, taken_by="值班员李某")
    notices = story.notices(HEALTH)
    story.at("14:13").do(call, DUTY, means="phone", when="14:12")
    notices = [story.state.notices[n.id] for n in notices]
    assert all(n.acknowledged_at == story.moment("14:12") for n in notices)
    assert {n.acknowledged_by for n in notices} == {HEALTH}
    assert HEALTH not in {c.recipient for c in story.state.open_calls}
    assert [n for n in story.notices(DUTY, "call") if n.open and HEALTH in n.ref] == []
    (made,) = [e for e in story.last if e.type == "call.made"]
    assert made.data["taken_by"] == "值班员李某"


@pytest.mark.clause("3.2.4")
def test_a_call_that_nobody_takes_is_on_record_and_leaves_everything_open() -> None:
    story = passing(sent(Story().intake()), minutes=11)
    story.do(RecordCall(recipient=HEALTH, answered=False), DUTY)
    assert all(n.unanswered for n in story.notices(HEALTH) if n.pursued)
    (call,) = [c for c in story.state.open_calls if c.recipient == HEALTH]
    assert call.attempts == 1
    story.refuses("taken_by_missing", "3.2.4", RecordCall(recipient=HEALTH), DUTY)


@pytest.mark.clause("3.2.2(1)", "3.2.4")
def test_a_call_upward_gives_the_first_report_and_meets_every_duty_to_its_recipient() -> None:
    story = Story().intake(learned="13:50").at("14:20")
    story.do(RecordCall(recipient="city-msa", taken_by="市局值班员"), DUTY, means="phone")
    story.expect_met("report-2h/city-msa")
    (report,) = story.state.reports.values()
    assert (report.kind, report.given[0].taken_by) == ("initial", "市局值班员")
    story.at("14:22").do(RecordCall(recipient="county-government", taken_by="值班室"), DUTY)
    story.expect_met("report-2h/county-government")
    assert len(story.state.reports) == 1, "the same report, given to one more"
    assert {g.recipient for g in story.state.reports[report.id].given} == {
        "city-msa",
        "county-government",
    }


@pytest.mark.clause("3.2.3(2)")
def test_a_call_of_a_later_day_gives_a_progress_report() -> None:
    story = Story().intake().graded("III")
    for body in ("city-msa", "county-government"):
        story.do(RecordCall(recipient=body, taken_by="值班员"), DUTY)
    story.at("2026-10-07 15:00")
    owed = [c.id for c in story.state.open_clocks if c.recipient == "city-msa" and c.day]
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY)
    assert owed
    for clock in owed:
        if clock.endswith("2026-10-07"):
            story.expect_met(clock)
    assert [r.kind for r in story.state.reports.values()] == ["initial", "progress"]


@pytest.mark.clause("3.2.4")
def test_who_may_not_report_upward_may_not_do_so_by_telephone_either() -> None:
    story = Story().intake()
    call = RecordCall(recipient="city-msa", taken_by="值班员")
    story.refuses("no_authority", "3.2.4", call, HEALTH)


# --- nobody above us ------------------------------------------------------------------------


@pytest.mark.clause("3.2.2")
def test_no_message_and_no_call_for_a_notice_ever_goes_to_a_superior() -> None:
    story = passing(sent(Story(careful=False).intake(abroad=True)).graded("I"), days=2)
    ours = {b.id for b in story.plan.bodies if b.tier == "county"}
    recipients = {
        e.data["message"]["recipient"] for e in story.events if e.type == "message.composed"
    }
    assert recipients <= ours
    assert {c.recipient for c in story.state.calls.values()} <= ours
    assert len(recipients) > 3


# --- what people see ------------------------------------------------------------------------


def test_who_has_not_answered_is_named_where_people_look() -> None:
    story = sent(Story().intake())
    assert "### 未签收 not answered" in details(story.plan, story.state, story.now)
    assert "- 县卫生健康局" in details(story.plan, story.state, story.now)
    story.acknowledge_all()
    assert "未签收" not in details(story.plan, story.state, story.now)


def test_a_ladder_without_repetition_is_climbed_once() -> None:
    ladder = Ladder(rungs=gaoqing().escalation.statutory.rungs)  # type: ignore[union-attr]
    start = Story().now
    last = len(ladder.rungs) - 1
    assert outbox.step_at(ladder, start, last) == start + ladder.rungs[last].after
    assert outbox.step_at(ladder, start, last + 1) is None
