"""``python -m tests.drills.record``: record drills that every later version must replay.

As with incidents, what is recorded is never made anew to make a test pass. Names that exist
already are left alone.
"""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from domain.drill.orders import (
    Advance,
    Comment,
    Deliver,
    End,
    Observe,
    Resume,
    Retry,
    Save,
    Say,
    Skip,
    Start,
    Suspend,
)
from embedded.stage import stage
from embedded.temporal import set_current_version
from settings import build_id
from tests.drills.short import short
from tests.drills.stage import EVALUATOR, PLAYER, SECRET, Stage
from tests.replay.corpus import anonymous
from worker import make_workers, queues_of
from workflows.contracts import DEPLOYMENT

HISTORIES = Path(__file__).parent / "histories"


async def unattended(drill: Stage) -> None:
    """Played by its script alone."""
    await drill.open()
    await drill.order(Start(minutes_per_hour=0))
    await drill.until(lambda play: play.mode == "ended")


async def directed(drill: Stage) -> None:
    """Led by a director: taken back, broken off, gone on with, ended."""
    await drill.open({"duty": ["甲"], "health": ["乙"]})
    await drill.order(Start())
    await drill.order(Advance(to="inject"))
    await drill.until(lambda play: play.goal is None)
    await drill.order(Save(point="first"))
    await drill.order(Advance(by=timedelta(minutes=20), through=True))
    await drill.until(lambda play: play.goal is None)
    await drill.order(Retry(point="first"))
    await drill.until(lambda play: not play.branching and not play.retired)
    await drill.order(Observe(text="问清了批号", inject=1, expected=0, met=True), EVALUATOR)
    word = {"zh": "什么时候给说法", "en": "When?"}
    said = {"sender": word, "to": ["duty"], "channel": "phone", "text": word}
    await drill.order(Say.model_validate(said))
    await drill.order(Skip(number=2))
    await drill.order(Suspend(reason="真实报告"), PLAYER)
    await drill.order(Resume())
    await drill.order(Deliver(number=3))
    await drill.order(Comment(text="完"), PLAYER)
    await drill.order(End())


STORIES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "unattended": unattended,
    "directed": directed,
}


async def main() -> None:
    """Play what has not been recorded yet."""
    HISTORIES.mkdir(exist_ok=True)
    async with stage() as there:
        there.settings.vault_key_path.write_bytes(SECRET)
        async with make_workers(there.client, there.settings, there.pool):
            queues = queues_of(there.settings)
            await set_current_version(there.client, DEPLOYMENT, build_id(), queues)
            for name, story in STORIES.items():
                path = HISTORIES / f"{name}.json.gz"
                if path.exists():
                    continue
                drill = Stage(
                    there.client, there.pool, there.settings.task_queue, short(), drill=name
                )
                await story(drill)
                await drill.handle.result()
                found = await drill.handle.fetch_history()
                text = json.dumps(anonymous(found.to_json_dict()), separators=(",", ":"))
                path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
