"""A notice that nobody answers has not been given: told again, higher up, until somebody does."""

from datetime import timedelta

import pytest

from domain.incident import outbox
from domain.incident.commands import (
    AcknowledgeNotice,
    CompleteTask,
    Dismiss,
    Merge,
    ReassignTask,
    StopNotice,
)
from domain.incident.entries import Message
from domain.incident.envelope import Envelope
from domain.incident.observations import ConcludeMerge
from domain.incident.view import details, unanswered
from domain.plan import Ladder, Plan
from tests.domain.later import Story
from tests.domain.story import gaoqing
from tests.domain.telling import (
    DUTY,
    HEALTH,
    OFFICE,
    about,
    composed,
    informed,
    minutes,
    passing,
    sent,
)

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
    told = [at / 60 for at in minutes(story, informed(story)) if at > 120]
    # Once in every four hours: never after their end, nor before half of them are over.
    ends = [2 + 4 * period for period in range(1, len(told) + 1)]
    assert ends[-1] == 26
    assert all(end - 2.05 <= at <= end + 0.05 for at, end in zip(told, ends, strict=True))
    assert len([n for n in story.notices(OFFICE, "unanswered") if informed(story).id in n.ref]) == 1


def alone(early: int) -> Plan:
    """The plan, with so many per cent of a wait that a recurrence may be cut by."""
    pursuit = gaoqing().escalation
    assert pursuit is not None
    return gaoqing().model_copy(update={"escalation": pursuit.model_copy(update={"early": early})})


def test_a_plan_may_let_everything_recur_at_its_own_moment() -> None:
    story = Story(plan=alone(0), careful=False)
    passing(sent(story.intake()), hours=26, minutes=2)
    repeated = [at / 60 for at in minutes(story, informed(story)) if at > 120]
    assert [round(at) for at in repeated] == [6, 10, 14, 18, 22, 26]


def test_what_recurs_goes_out_together_to_all() -> None:
    """Once the ladders are climbed nobody's telephone rings for every notice by itself."""

    def second_day(early: int) -> list[Message]:
        story = Story(plan=alone(early), careful=False)
        opened = story.now
        passing(sent(story.intake()), hours=48)
        messages = [m for body in (HEALTH, "county-msa", DUTY) for m in composed(story, body)]
        return [m for m in messages if m.at > opened + timedelta(hours=24)]

    together, apart = second_day(50), second_day(0)
    assert len({m.at for m in together}) < len({m.at for m in apart}) / 2
    assert len(together) < len(apart) / 2
    told = {notice for m in apart for notice in m.notices}
    assert {notice for m in together for notice in m.notices} == told


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
    first = informed(story)
    story.now += timedelta(minutes=25)
    story.tick()
    _, late = about(story, informed(story))
    assert late.contacts == ("duty_phone", "duty_officer", "deputy", "leader")
    only = story.state.model_copy(
        update={"notices": {informed(story).id: first}, "messages": {}, "last_message": {}}
    )
    (fact,) = outbox.compose(story.plan, only, story.now)
    assert fact.payload.message.contacts == late.contacts  # type: ignore[attr-defined]
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


# --- whose matter it is no more -------------------------------------------------------------


@pytest.mark.clause("2.2")
def test_whose_tasks_were_given_to_another_is_asked_about_them_no_more() -> None:
    story = sent(Story().intake())
    (notice,) = story.notices("county-msa", "tasks")
    for task in notice.ref.split():
        story.do(ReassignTask(task=task, owner=HEALTH, reason="属地"), OFFICE, seat=OFFICE)
    assert story.state.notices[notice.id].ended == "settled"
    assert story.notices(HEALTH, "tasks")[-1].open


def test_what_need_not_be_told_any_more_is_asked_about_no_more() -> None:
    story = Story().intake(abroad=True)
    (notice,) = story.notices("county-commerce", "informed")
    story.correct(abroad=False, reason="核实无外籍人员")
    assert story.state.notices[notice.id].ended == "settled"


def test_news_of_silence_ends_with_the_silence() -> None:
    story = passing(sent(Story().intake()), minutes=31)
    silent = [n for n in story.notices(OFFICE, "unanswered") if informed(story).id in n.ref.split()]
    calls = [n for n in story.notices(DUTY, "call") if informed(story).id in n.ref.split()]
    assert silent
    assert calls
    for notice in story.notices(HEALTH):
        if notice.unanswered:
            story.acknowledge(notice.id)
    mine = {n.id for n in story.notices(HEALTH)}
    for news in (*story.notices(OFFICE, "unanswered"), *story.notices(DUTY, "call")):
        if set(news.ref.split()) <= mine:
            assert not news.open


def test_an_answer_before_the_question_is_refused() -> None:
    story = passing(sent(Story().intake()), minutes=20)
    task = story.task("inspect")
    story.do(ReassignTask(task=task, owner=HEALTH, reason="属地"), OFFICE, seat=OFFICE)
    new = story.notices(HEALTH, "tasks")[-1]
    early = AcknowledgeNotice(notice=new.id)
    story.refuses("before_it_was_sent", new.clause, early, HEALTH, seat=HEALTH, when="14:01")


def test_a_duty_room_answers_for_the_whole_it_belongs_to_without_a_reason() -> None:
    story = sent(Story().intake())
    (notice,) = story.notices("county-msa", "tasks")
    story.do(AcknowledgeNotice(notice=notice.id), "county-msa", seat=DUTY)
    assert story.state.notices[notice.id].acknowledged_at


@pytest.mark.parametrize("end", ["dismissed", "merged"])
def test_what_bodies_hear_of_an_end_is_pursued_like_anything_else(end: str) -> None:
    story = sent(Story().intake())
    if end == "dismissed":
        story.do(Dismiss(reasons="误报"))
    else:
        story.do(Merge(into="GQ-2", reasons="同一起"))
        story.send(
            Envelope(
                received=story.now,
                command=ConcludeMerge(into="GQ-2", offered_seq=story.state.seq, accepted=True),
            )
        )
    (notice,) = story.notices(HEALTH, end)
    passing(story, minutes=31)
    assert len(about(story, notice)) >= 2
    assert not story.state.done


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
