"""Where the server lets no time be advanced a drill runs in real time, and says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.drill.orders import Advance, End, Pace, Start
from domain.drill.play import played_of
from settings import DRILL
from store.pool import Pool
from tests.drills.conftest import data_folder
from tests.drills.short import short
from tests.drills.stage import Stage
from tests.workflows.harness import Refused, working

pytestmark = pytest.mark.clause("6.5")


async def test_it_finds_out_and_goes_on_at_our_pace(
    live_client: Client, drill_pool: Pool, tmp_path: Path
) -> None:
    scenario = short()
    first = scenario.injects[0].model_copy(update={"at": timedelta(seconds=1)})
    scenario = scenario.model_copy(update={"injects": (first, *scenario.injects[1:])})
    folder = data_folder(tmp_path)
    async with working(live_client, drill_pool, "q-real", space=DRILL, data_dir=folder):
        drill = await Stage(live_client, drill_pool, "q-real", scenario).open({"duty": ["张三"]})
        before = datetime.now(UTC)
        # It is told at its opening that time can be advanced, and finds that it cannot.
        await drill.order(Start())
        await drill.order(Advance(by=timedelta(hours=1)))
        play = await drill.until(lambda play: not play.capable)
        assert play.goal is None
        for order in (Advance(by=timedelta(hours=1)), Pace(minutes_per_hour=5)):
            with pytest.raises(Refused) as refused:
                await drill.order(order)
            assert refused.value.code == "real_time_only"
        await drill.order(End())
        await drill.handle.result()

        again = await Stage(
            live_client, drill_pool, "q-real", scenario, options={"capable": False}
        ).open({"duty": ["张三"]})
        await again.order(Start(minutes_per_hour=5))
        play = await again.until(lambda play: bool(play.progress.incidents))
        came = played_of(play, 1).at
        assert play.minutes_per_hour == 60
        assert came is not None
        assert before < came < datetime.now(UTC)
        await again.order(End())
        await again.handle.result()
