"""``yaoan watchdog``: looks whether anything stands still that nobody would otherwise miss.

It is no part of Temporal, whose failure it must notice. With ``--once`` it ends with status 0 when
all is well, 1 when something is wrong, and 2 when it cannot tell.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.database import CannotTell, Data, database_url
from settings import Settings
from store.errors import StoreError
from store.pool import open_pool

WELL, FOUND, FAILED = 0, 1, 2


def watchdog(
    once: Annotated[
        bool, typer.Option("--once", help="Look once, print what is wrong, and end.")
    ] = False,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics on this port of 127.0.0.1.")
    ] = None,
    data: Data = Path("data"),
) -> None:
    """Look for deadlines, notices and records that stand still, and for parts that are down."""
    from worker import configure_logs

    try:
        configure_logs()
        status = asyncio.run(_run(data, once, metrics_port))
    except (StoreError, CannotTell, ValueError, OSError) as error:
        typer.echo(f"yaoan: {error}", err=True)
        status = FAILED
    # The SDK's runtime may not survive the interpreter's finalisation.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _run(data: Path, once: bool, metrics_port: int | None) -> int:
    # Only here: the SDK takes its time to load, and no other command needs it.
    from prometheus_client import start_http_server

    from commands.rounds import Rounds, connect
    from commands.watching import Watchdog, line, operator_of

    config = Settings()
    operator = None if once else operator_of(config)
    pool = await open_pool(database_url(config, data), config.space, size=4, name="watchdog")
    try:
        rounds = Rounds(pool, await connect(), config.task_queue)
        dog = Watchdog(config, rounds, pool, operator)
        if once:
            seen = await dog.round()
            for one in seen.findings:
                said = line(one, seen.at)
                typer.echo(f"{said.zh}  {said.en}")
            if any(one.kind != "unchecked" for one in seen.findings):
                return FOUND
            return FAILED if seen.unseen else WELL
        if metrics_port is not None:
            start_http_server(metrics_port, addr="127.0.0.1", registry=dog.registry)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await dog.watch(config.watchdog_seconds, stopping)
    finally:
        pool.terminate()
    return WELL
