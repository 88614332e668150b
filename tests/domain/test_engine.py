"""decide and evolve as such: deterministic, pure, chained; and what thirty grave days weigh."""

import json

import pytest

from domain.base import Refusal
from domain.incident import chain, engine
from domain.incident.commands import Intake, Verify
from domain.incident.observations import Refused
from domain.incident.record import GENESIS, Event
from domain.incident.state import HANDLED_KEPT, State
from tests.domain.story import QUALIFIED, Story

VERIFIED = Verify(outcome="pending", text="待核实")


def told() -> Story:
    """An incident with a little of everything."""
    story = Story().intake("hospital", discovered="13:50").report("initial", "city-msa")
    story.graded("IV").activate().release("response-iv").deliver_notices()
    return story.at("2026-10-07 09:00").correct(findings={**QUALIFIED, "affected": 15})


@pytest.mark.clause("2.1.1(4)")
def test_the_events_alone_give_the_state() -> None:
    story = told()
    start = engine.initial("GQ-1", story.plan, "incidents")
    assert engine.apply(start, story.events) == story.state
    stored = [engine.read(event.canonical()) for event in story.events]
    assert engine.apply(start, stored) == story.state


@pytest.mark.clause("2.1.1(4)")
def test_a_state_survives_its_own_json() -> None:
    state = told().state
    assert State.model_validate_json(state.model_dump_json()) == state
    # And one of a later version with a field that we do not know.
    newer = json.dumps({**json.loads(state.model_dump_json()), "later": 1})
    assert State.model_validate_json(newer) == state


@pytest.mark.clause("2.1.1(4)")
def test_the_chain_names_each_predecessor_from_the_first_event_on() -> None:
    events = told().events
    assert [e.prev for e in events] == [GENESIS, *(e.hash for e in events[:-1])]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    rows = [(e.seq, e.canonical(), e.hash) for e in events]
    assert list(chain.verify("GQ-1", rows)) == []


def _skipped(events: list[Event]) -> list[Event]:
    return [*events[:3], *events[4:]]


def _swapped(events: list[Event]) -> list[Event]:
    return [*events[:3], events[4], events[3], *events[5:]]


def _twice(events: list[Event]) -> list[Event]:
    return [*events[:4], events[3], *events[4:]]


def _forged(events: list[Event]) -> list[Event]:
    other = events[3].model_copy(update={"clause": "4.6.4"}).sealed()
    return [*events[:3], other, *events[4:]]


def _misnumbered(events: list[Event]) -> list[Event]:
    other = events[3].model_copy(update={"seq": 7}).sealed()
    return [*events[:3], other, *events[4:]]


@pytest.mark.clause("2.1.1(4)")
def test_an_event_with_the_right_predecessor_and_the_wrong_number_is_not_folded() -> None:
    story = told()
    start = engine.initial("GQ-1", story.plan, "incidents")
    with pytest.raises(engine.ChainBroken):
        engine.apply(start, _misnumbered(story.events)[:4])


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize("change", [_skipped, _swapped, _twice, _forged, _misnumbered])
def test_a_broken_chain_is_not_folded(change: object) -> None:
    assert callable(change)
    story = told()
    start = engine.initial("GQ-1", story.plan, "incidents")
    with pytest.raises(engine.ChainBroken):
        engine.apply(start, change(story.events))
    rows = [(e.seq, e.canonical(), e.hash) for e in change(story.events)]
    assert list(chain.verify("GQ-1", rows))


@pytest.mark.clause("3.2.1")
def test_an_incident_begins_with_an_intake_once() -> None:
    Story().refuses("not_open", "2.1.1(4)", VERIFIED)
    story = Story().intake()
    first = story.events[0].data
    again = Intake.model_validate({"caller": first["caller"], "facts": first["facts"]})
    story.refuses("already_open", "2.1.1(4)", again)


@pytest.mark.clause("2.1.1(4)")
def test_a_refused_signal_keeps_its_answer_under_its_request() -> None:
    story = Story().intake()
    envelope = story.envelope(VERIFIED, "county-police", request="r-9")
    with pytest.raises(Refusal) as refused:
        engine.decide(story.plan, story.state, envelope, story.now)
    answer = Refused(
        command="verify",
        refusal={"code": refused.value.code, "clause": refused.value.clause},
        request=envelope.digest(),
    )
    story.send(envelope.model_copy(update={"command": answer, "by": None}))
    assert story.types() == ["command.refused"]
    outcome = story.state.handled["r-9"].refusal
    assert outcome is not None
    assert outcome["code"] == "no_authority"
    story.send(envelope)
    assert story.last == (), "sent again, it gets the same answer"


@pytest.mark.clause("2.1.1(4)")
def test_only_the_newest_requests_are_remembered() -> None:
    story = Story(careful=False).intake()
    for _ in range(HANDLED_KEPT + 5):
        story.do(VERIFIED)
    assert len(story.state.handled) == HANDLED_KEPT
    assert f"request-{HANDLED_KEPT + 6}" in story.state.handled
    assert "request-2" not in story.state.handled


@pytest.mark.clause("3.2.3(2)", "4.3")
def test_thirty_days_of_a_level_i_incident_stay_within_their_budget() -> None:
    text = {"investigation": "调查" * 300, "product_control": "控制" * 300}
    story = Story(careful=False).intake("hospital").report("initial", "city-msa")
    story.graded("I").order("start", "nation-command", "I", daily_hour=17)
    story.release("early-handling").release("superior-response")
    for day in range(7, 32):
        story.at(f"2026-10-{day:02} 10:00")
        story.correct(findings={**QUALIFIED, "affected": 48 + day, "severe": day // 3})
        story.report("urgent", "county-government", "city-msa").at("16:30")
        story.report("progress", "county-government", "city-msa", fields=text)
        story.deliver_notices()
    assert len(story.state.model_dump_json().encode()) < 512 * 1024
    assert max(len(event.canonical()) for event in story.events) < 64 * 1024
