"""Everything is killed in the middle of a drill, and it goes on as if nothing had been."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.drill.orders import Advance, End, Observe, Start, Suspend
from domain.drill.rehearsal import rehearse
from settings import DRILL
from store import drills, inbox
from store.pool import open_pool
from tests.api.stack import QUEUE, Stack
from tests.drills.conftest import data_folder
from tests.drills.short import short
from tests.drills.stage import EVALUATOR, PLAYER, Stage
from tests.workflows.harness import PLAN

pytestmark = pytest.mark.clause("6.5")


@pytest.fixture
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Servers and a worker of the drill space, which may be killed."""
    stack = Stack(data_folder(tmp_path_factory.mktemp("stack")), DRILL)
    await stack.prepare()
    await stack.start("worker")
    yield stack
    await stack.stop()


async def test_a_drill_survives_kill_9_of_everything(parts: Stack) -> None:
    pool = await open_pool(parts.database_url, DRILL)
    stage = await Stage(await parts.connect(), pool, QUEUE, short()).open()
    await stage.order(Start(minutes_per_hour=0))
    await stage.until(lambda play: bool(play.progress.incidents))
    for part in ("worker", "temporal", "postgres"):
        await parts.kill(part)
    await asyncio.sleep(1)
    for part in ("postgres", "temporal", "worker"):
        await parts.start(part)
    again = Stage(await parts.connect(), pool, QUEUE, stage.scenario, drill=stage.drill)
    play = await again.until(lambda play: play.mode == "ended" and not play.retired, 120)
    assert play.progress.surprises == ()
    assert play.started is not None
    # No line was played twice and none was left out.
    went = rehearse(again.scenario, PLAN, play.started)
    spoken = [event.type for event in await again.events() if event.by is not None]
    assert spoken == [event.type for event in went.events["main"] if event.by is not None]
    assert [one.number for one in play.progress.played] == [1, 2, 3, 4]
    async with asyncio.timeout(30):
        await again.handle.result()
    assert await drills.get(pool, again.drill) == play
    pool.terminate()


async def test_without_a_record_time_stands_and_an_emergency_is_heard_all_the_same(
    parts: Stack,
) -> None:
    pool = await open_pool(parts.database_url, DRILL)
    stage = await Stage(await parts.connect(), pool, QUEUE, short()).open({"duty": ["张三"]})
    await stage.order(Start())
    await stage.order(Advance(to="inject"))
    await stage.until(lambda play: play.goal is None and bool(play.progress.incidents))
    await parts.kill("postgres")
    story = await stage.incident()
    before = await story.now()
    await stage.order(Advance(by=timedelta(days=3), through=True))
    play = await stage.until(lambda play: play.stuck is not None)
    assert play.stuck == "behind"
    assert await story.now() < before + timedelta(hours=3)

    play = await stage.order(Suspend(reason="真实报告"), PLAYER)
    assert play.mode == "suspended"
    # Said when everything but the keeping is over, and not lost.
    await stage.order(End())
    await stage.order(Observe(text="停电时改用纸质记录"), EVALUATOR)
    await parts.start("postgres")
    async with asyncio.timeout(60):
        await stage.handle.result()
    kept = await drills.get(pool, stage.drill)
    assert kept is not None
    assert (kept.mode, kept.untold, kept.retired) == ("ended", None, ())
    assert [seen.text for seen in kept.observations] == ["停电时改用纸质记录"]
    told = await inbox.list_messages(pool, body="duty", incident=stage.drill)
    assert len(told) == 1
    pool.terminate()
