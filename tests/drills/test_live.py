"""Drills on a real server: played by their scripts, directed by people, never seen beforehand."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.timekeeper import Timekeeper
from domain.drill.orders import (
    Act,
    Advance,
    Comment,
    Deliver,
    End,
    Observe,
    Pace,
    Resume,
    Retry,
    Save,
    Say,
    Start,
    Suspend,
)
from domain.drill.play import Play, cues, played_of, record
from domain.drill.rehearsal import rehearse
from domain.drill.script import Created, commands, created, opening
from domain.incident.commands import SubmitReport
from domain.incident.engine import apply, initial
from domain.incident.record import Event
from domain.incident.state import RULES_VERSION
from store import drills, inbox
from store.evaluations import evaluated
from store.pool import Pool, open_pool
from tests.conftest import Database
from tests.drills.conftest import Open
from tests.drills.short import SECRETS, short
from tests.drills.stage import EVALUATOR, PLAYER, Stage
from tests.workflows.harness import PLAN, IncidentDriver, Refused, working
from workflows.contracts import IncidentStart
from workflows.drill_contracts import EMERGENCY_SIGNAL, GivenOrder

pytestmark = pytest.mark.clause("6.5")

AT_ONCE = Start(minutes_per_hour=0)
HOUR = timedelta(hours=1)


def ended(play: Play) -> bool:
    return play.mode == "ended"


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


async def text_of(client: Client, workflow: str) -> str:
    """Everything that stands in the histories of a workflow, as whoever looks sees it."""
    found = ""
    async for run in client.list_workflows(f"WorkflowId = '{workflow}'"):
        handle = client.get_workflow_handle(workflow, run_id=run.run_id)
        history = await handle.fetch_history()
        found += "".join(
            event.SerializeToString().decode("utf-8", "replace") for event in history.events
        )
    return found


@pytest.fixture(scope="module")
async def whole(drill_client: Client, drill_pool: Pool, drill_queue: str) -> Stage:
    """The short exercise, played by its script to its end."""
    stage = await Stage(drill_client, drill_pool, drill_queue, short()).open()
    await stage.order(AT_ONCE)
    await stage.until(ended)
    async with asyncio.timeout(30):
        await stage.handle.result()
    return stage


async def test_a_drill_goes_as_it_was_rehearsed(whole: Stage) -> None:
    play = await whole.play()
    assert play.progress.surprises == ()
    assert [one.line for one in play.progress.refused] == ["action 6: decide_activation"]
    assert play.started is not None
    went = rehearse(whole.scenario, PLAN, play.started)
    assert types(await whole.events()) == types(went.events["main"])
    for number, at in went.delivered.items():
        came = played_of(play, number).at
        assert came is not None
        assert timedelta() <= came - at < timedelta(seconds=15)
    assert all(one.by is None for one in play.progress.played)


async def test_it_is_kept_whole_and_its_incidents_are_stopped(
    whole: Stage, drill_pool: Pool, drill_client: Client
) -> None:
    play = await whole.play()
    assert await drills.get(drill_pool, whole.drill) == play
    found = await drill_client.get_workflow_handle(play.progress.incidents["main"]).describe()
    assert found.status == WorkflowExecutionStatus.TERMINATED
    assert play.retired == ()


async def test_it_is_evaluated_from_its_record(whole: Stage, drill_pool: Pool) -> None:
    left = record(await whole.play())
    assert left is not None
    done = await evaluated(drill_pool, PLAN, left)
    first, second = done.evaluation.judged
    assert (first.status, second.status) == ("met", "unseen")
    assert done.evaluation.ended
    # Nobody's authority was overstepped: the proposal that was decided is unknown.
    assert done.evaluation.attempts == ()
    assert {body.body for body in done.evaluation.bodies} >= {"duty", "county-health"}


async def test_no_history_gives_away_what_players_must_not_know(
    whole: Stage, drill_client: Client
) -> None:
    play = await whole.play()
    said = await text_of(drill_client, whole.drill)
    said += await text_of(drill_client, play.progress.incidents["main"])
    assert "演练用药" in said
    for secret in (*SECRETS, "short-one", whole.scenario.summary.zh):
        assert secret not in said


async def test_the_same_inputs_at_the_same_times_give_the_same_events_in_both_namespaces(
    whole: Stage, temporal_client: Client, postgres: Database
) -> None:
    """A real incident is decided by nothing that an exercise is not, and the other way round."""
    play = await whole.play()
    assert play.started is not None
    shift = play.started
    pool = await open_pool(postgres.application_url, postgres.space)
    number = "GQ-SAM-E00-INP"
    async with working(temporal_client, pool, "q-same"):
        story = IncidentDriver(temporal_client, pool, number, queue="q-same")
        opened = played_of(play, 1).at
        assert opened is not None
        facts = whole.scenario.openings["main"]
        await begun_at(story, opening(PLAN, facts, shift, opened, "opening"), opened)
        names: dict[str, Created] = {}
        script = sorted(
            enumerate(whole.scenario.script()), key=lambda one: (one[1].at or timedelta(), one[0])
        )
        for place, action in script:
            assert action.at is not None
            await story.fast_forward(shift + action.at)
            state, now = await story.state(), await story.now()
            for envelope in commands(PLAN, state, action, names, shift, now, f"line-{place}"):
                if action.refused is not None:
                    with pytest.raises(Refused) as refused:
                        await story.deliver(envelope)
                    assert refused.value.code == action.refused
                    continue
                receipt = await story.deliver(envelope)
                if action.as_ is not None:
                    names[action.as_] = created(action.command, receipt.first)
        await story.fast_forward(shift + whole.scenario.length)
        real = await story.events()
    pool.terminate()
    assert types(real) == types(await whole.events())


async def begun_at(story: IncidentDriver, first: Any, at: datetime) -> None:
    """The incident of ``story`` begins at a time to come."""
    start = IncidentStart(
        incident=story.number,
        space="incidents",
        plan=PLAN,
        opening=first,
        rules_version=RULES_VERSION,
    )
    await Timekeeper(story.client).start(start, at, story.queue)


async def test_a_director_leads_players_through_it(stage: Open, drill_pool: Pool) -> None:
    drill = await stage(short()).open({"duty": ["张三"], "health": ["李四"]})
    with pytest.raises(Refused) as refused:
        await drill.order(AT_ONCE, PLAYER)
    assert refused.value.code == "not_of_the_staff"
    play = await drill.order(Start())
    assert play.mode == "running"
    assert cues(play, "duty") == ()

    # To the next inject: it comes, and everything waits for the players.
    play = await drill.order(Advance(to="inject"))
    play = await drill.until(lambda p: p.goal is None and bool(p.progress.incidents))
    assert [cue.number for cue in cues(play, "duty")] == [1]
    assert cues(play, "county-health") == ()

    # A player acts on the very incident, and what follows from it is due after that.
    story = await drill.incident()
    initial = SubmitReport.model_validate(
        {
            "kind": "initial",
            "given": [
                {"recipient": body, "channel": "phone"}
                for body in ("county-government", "city-msa")
            ],
        }
    )
    await story.send(initial, "county-msa", recorder="duty")
    reported = await story.now()
    play = await drill.order(Advance(by=HOUR))
    play = await drill.until(lambda p: p.goal is None)
    assert [cue.number for cue in cues(play, "duty")] == [1, 2]
    came = played_of(play, 2).at
    assert came is not None
    assert timedelta() <= came - reported - timedelta(minutes=47) < timedelta(seconds=30)
    await drill.order(Comment(text="值班员应当先问批号", lesson=True), PLAYER)

    # To the next clock that is due, exactly.
    due = (await story.overview()).next_due
    await drill.order(Advance(to="due"))
    play = await drill.until(lambda p: p.goal is None)
    assert due is not None
    assert timedelta() <= await story.now() - due < timedelta(seconds=15)

    # The director speaks as a family, and acts for a seat that is away.
    await drill.order(
        Say.model_validate(
            {
                "sender": {"zh": "家属", "en": "A family"},
                "to": ["duty"],
                "channel": "phone",
                "text": {"zh": "什么时候给说法", "en": "When?"},
            }
        )
    )
    play = await drill.until(lambda p: not p.at_once)
    assert cues(play, "duty")[-1].text.zh == "什么时候给说法"
    await drill.order(
        Act(seat="county-msa", command="acknowledge_notice", fields={"notice": "$all"})
    )
    await drill.until(lambda p: not p.at_once)
    answered = [n for n in (await story.state()).notices.values() if n.recipient == "county-msa"]
    assert any(n.acknowledged_at for n in answered)

    # What somebody plays is spoken by him, not read out by the system.
    await drill.order(Deliver(number=4))
    play = await drill.until(lambda p: not p.at_once)
    assert [cue.speak for cue in cues(play, "county-health") if cue.number == 4] == [True]
    assert [cue for cue in cues(play, "duty") if cue.number == 4] == []

    await drill.order(End())
    play = await drill.until(lambda p: not p.retired)
    await drill.handle.result()
    assert [remark.lesson for remark in play.remarks] == [True]


async def test_from_a_saved_point_one_tries_again(
    stage: Open, drill_pool: Pool, drill_client: Client
) -> None:
    drill = await stage(short()).open({"duty": ["张三"]})
    await drill.order(Start())
    await drill.order(Advance(by=timedelta(minutes=30), through=True))
    await drill.until(lambda p: p.goal is None)
    await drill.order(Save(point="before"))
    at = (await drill.play()).points[0].at
    first = await drill.incident()
    kept = [e for e in await drill.events() if e.recorded <= at]
    await drill.order(Observe(text="问清了人数", inject=1, expected=0, met=True), EVALUATOR)
    await drill.order(Advance(by=2 * HOUR, through=True))
    await drill.until(lambda p: p.goal is None)

    await drill.order(Retry(point="before"))
    play = await drill.until(lambda p: not p.branching and not p.retired)
    second = await drill.incident()
    assert second.number != first.number
    assert (play.mode, play.attempt) == ("paused", 2)
    again = await drill.events()
    assert types(again) == types(kept)
    assert {event.incident for event in again} == {second.number}
    state = apply(initial(second.number, PLAN, "drill"), again)
    assert state == await second.state()
    assert timedelta() <= await second.now() - at < timedelta(seconds=30)
    found = await drill_client.get_workflow_handle(first.number).describe()
    assert found.status == WorkflowExecutionStatus.TERMINATED
    # What was seen later belongs to the first attempt.
    assert play.observations == ()
    assert play.earlier[0].observations != ()
    old = await inbox.list_messages(drill_pool, incident=first.number, limit=200)
    new = await inbox.list_messages(drill_pool, incident=second.number, limit=200)
    assert {m.notice for m in new} == {m.notice for m in old if m.queued_at <= at}

    await drill.order(Advance(by=HOUR, through=True))
    await drill.until(lambda p: p.goal is None)
    assert await second.now() >= at + HOUR
    assert len(await drill.events()) > len(kept)
    await drill.order(End())
    await drill.handle.result()


async def test_a_real_emergency_breaks_off_at_once(stage: Open, drill_pool: Pool) -> None:
    drill = await stage(short()).open({"duty": ["张三"]})
    await drill.order(Start())
    await drill.order(Advance(by=30 * HOUR, through=True))
    play = await drill.order(Suspend(reason="某镇有真实报告"), PLAYER)
    assert (play.mode, play.suspended) == ("suspended", "某镇有真实报告")
    play = await drill.until(lambda p: p.untold is None)
    for body in ("duty", "county-health"):
        told = [
            m for m in await inbox.list_messages(drill_pool, body=body) if m.incident == drill.drill
        ]
        assert ["实战" in m.title.zh and "某镇有真实报告" in m.text.zh for m in told] == [True]
    with pytest.raises(Refused) as refused:
        await drill.order(Advance(by=HOUR))
    assert refused.value.code == "drill_stands_otherwise"
    stood = play.progress.played
    play = await drill.order(Resume())
    assert (play.mode, play.suspended) == ("running", None)
    assert play.progress.played == stood
    await drill.order(End())
    await drill.handle.result()


async def test_an_emergency_that_no_worker_took_is_not_lost(stage: Open) -> None:
    drill = await stage(short()).open({"duty": ["张三"]})
    await drill.order(Start())
    given = GivenOrder(order=Suspend(reason="真实报告"), by=PLAYER, request="by-signal")
    await drill.handle.signal(EMERGENCY_SIGNAL, given)
    play = await drill.until(lambda play: play.mode == "suspended" and play.untold is None)
    assert play.suspended == "真实报告"
    # What it may not do is dropped, and nothing else with it.
    start = GivenOrder(order=End(), by=PLAYER, request="not-by-a-player")
    await drill.handle.signal(EMERGENCY_SIGNAL, start)
    await drill.order(End())
    await drill.handle.result()


async def test_at_a_pace_an_hour_has_its_minutes(stage: Open) -> None:
    drill = await stage(short()).open({"duty": ["张三"]})
    await drill.order(Start())
    await drill.order(Pace(minutes_per_hour=0.5))
    play = await drill.until(lambda p: bool(p.progress.incidents))
    story, opened = await drill.incident(), played_of(play, 1).at
    assert opened is not None
    # Half an hour in less than a minute, and an order is heard in between.
    async with asyncio.timeout(60):
        while await story.now() < opened + HOUR / 2:
            await asyncio.sleep(0.2)
    play = await drill.order(Pace(minutes_per_hour=60))
    assert play.now(datetime.now(UTC)) >= opened + HOUR / 2
    await drill.order(End())
    await drill.handle.result()


async def test_a_full_history_is_continued(stage: Open, drill_client: Client) -> None:
    drill = await stage(short(), continue_after=120).open()
    await drill.order(AT_ONCE)
    play = await drill.until(ended)
    assert play.progress.surprises == ()
    assert play.started is not None
    went = rehearse(drill.scenario, PLAN, play.started)
    assert types(await drill.events()) == types(went.events["main"])
    runs = [run async for run in drill_client.list_workflows(f"WorkflowId = '{drill.drill}'")]
    assert len(runs) > 1
