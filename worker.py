"""The worker: carries out the workflows and activities of one space.

``python -m worker [--set-current]``; everything else comes from the environment, see
``settings.py``. Several may run at once. It starts and stays up while PostgreSQL is down.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.channel import Channel
from activities.direction import Direction
from activities.journal import Journal
from activities.merge import Merge
from activities.notify import Notify, asking
from activities.outward.providers import channels_of
from activities.sealing import sealed
from activities.timekeeper import Timekeeper
from domain.directory import Directory
from settings import INCIDENTS, Settings, build_id, settings, temporal_config
from store.directory import Keeper, record_trial
from store.errors import StoreError
from store.links import Links
from store.pool import Pool, open_pool
from workflows.calls import notices_queue
from workflows.contracts import DEPLOYMENT
from workflows.drill import Drill
from workflows.drill_contracts import drills_queue
from workflows.incident import Incident
from workflows.sandbox import workflow_runner

GRACE = timedelta(seconds=10)
"""How long activities may take to end once the worker is told to stop."""
CACHED_WORKFLOWS = 100
"""Incidents kept in memory; any other is replayed from its history when it is needed."""
CONCURRENT_ACTIVITIES = 20
"""The embedded server has one connection to its database, and long queues of calls fail there."""
CONCURRENT_MESSAGES = 100
"""Messages on their way at once. One costs little but patience: most of them only wait."""

HEARING = timedelta(milliseconds=300)
"""How long an order to a drill may take to reach whoever lets its time pass."""

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger("worker")


@asynccontextmanager
async def make_workers(
    client: Client,
    config: Settings,
    pool: Pool,
    channels: Mapping[str, Channel] | None = None,
    directory: Callable[[], Awaitable[Directory]] | None = None,
    **options: Any,
) -> AsyncIterator[None]:
    """Within this, the space that ``config`` names is served under the build id of our code.

    The server gives incidents to us once that build is the deployment's current version. Messages
    have a queue and slots of their own, so that a provider that hangs keeps no event from the
    journal.

    Args:
        channels: the ways out, by name; those of the settings unless given. An exercise has none.
        directory: gives whom to reach; the space's unless given.
        options: further arguments of ``temporalio.worker.Worker`` for the one that runs incidents.
    """
    if config.space != INCIDENTS:
        # Whatever anybody has configured: nothing of an exercise leaves.
        channels = {}
    elif channels is None:
        channels = channels_of(config)
    if directory is None:
        directory = Keeper(pool, config.data_dir / f"directory-{config.space}.json").get

    async def tried(contact: str, channel: str, at: datetime, ok: bool) -> None:
        # What readiness knows of a channel is worth less than the notice that used it.
        with contextlib.suppress(StoreError):
            await record_trial(pool, contact, channel, at, ok)

    notify = Notify(pool, directory, channels, asking(client), links_of(config), tried)
    defaults: dict[str, Any] = {
        "deployment_config": WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id()),
            use_worker_versioning=True,
        ),
        "graceful_shutdown_timeout": GRACE,
        "max_cached_workflows": CACHED_WORKFLOWS,
        "max_concurrent_activities": CONCURRENT_ACTIVITIES,
        "workflow_runner": workflow_runner(),
    }
    incidents = Worker(
        client,
        task_queue=config.task_queue,
        workflows=[Incident],
        activities=[
            Journal(pool).append_events,
            Merge(client).offer_merge,
            # What an older build has put into this queue still has to go out.
            notify.deliver_notice,
        ],
        **{**defaults, **options},
    )
    # Not versioned: a message is data that any build can send. Else messages of the current build
    # would wait in silence once its workers are gone, with those of another build standing idle.
    notices = Worker(
        client,
        task_queue=notices_queue(config.task_queue),
        activities=[notify.deliver_notice],
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=CONCURRENT_MESSAGES,
    )
    workers = [incidents, notices]
    if config.space != INCIDENTS and (secret := secret_of(config)) is not None:
        workers.append(_drills(client, config, pool, secret, {**defaults, **options}))
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            # Together, or the one's grace would begin where the other's ends.
            await asyncio.gather(*(worker.shutdown() for worker in workers))


def _drills(
    client: Client, config: Settings, pool: Pool, secret: bytes, options: dict[str, Any]
) -> Worker:
    """The worker of drills: what they say to the server only we can read."""
    direction = Direction(pool, client, Timekeeper(client))
    return Worker(
        sealed(client, secret),
        task_queue=drills_queue(config.task_queue),
        workflows=[Drill],
        activities=direction.activities,
        # Whoever lets time pass has to hear of an order soon.
        max_heartbeat_throttle_interval=HEARING,
        default_heartbeat_throttle_interval=HEARING,
        **options,
    )


def secret_of(config: Settings) -> bytes | None:
    """The vault's key; None while it cannot be read."""
    try:
        return config.vault_key_path.read_bytes()
    except OSError:
        log.warning("without the vault's key messages have no links, and there are no drills")
        return None


def links_of(config: Settings) -> Links | None:
    """How links in messages are signed; None while the key cannot be read."""
    secret = secret_of(config)
    if secret is None:
        return None
    return Links.of(secret, config.link_base, config.link_lifetime)


async def connect() -> Client:
    """A client of the space's namespace, as soon as Temporal can be reached."""
    arguments = temporal_config()
    address, namespace = arguments.get("target_host"), arguments.get("namespace")
    wait = 0.5
    while True:
        try:
            client = await Client.connect(**arguments, data_converter=pydantic_data_converter)
        except RuntimeError as error:
            log.warning("Temporal cannot be reached yet", address=address, error=str(error))
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)
        else:
            log.info("connected to Temporal", address=address, namespace=namespace)
            return client


async def serve(*, set_current: bool) -> None:
    """Work until SIGTERM or SIGINT, then let go of what is under way."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    config = settings()
    client = await _unless(stopping, connect())
    if client is None:
        return
    pool = await open_pool(config.database_url.get_secret_value(), config.space, name="worker")
    try:
        async with make_workers(client, config, pool):
            log.info("working", space=config.space, queue=config.task_queue, build=build_id())
            if set_current:
                await _unless(stopping, _make_current(client, config))
            await stopping.wait()
            log.info("stopping", grace_seconds=GRACE.total_seconds())
    finally:
        pool.terminate()


async def _make_current(client: Client, config: Settings) -> None:
    from embedded.temporal import set_current_version

    await set_current_version(client, DEPLOYMENT, build_id(), queues_of(config))
    log.info("current version", deployment=DEPLOYMENT, build=build_id())


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of ``work``, None when told to stop before it is done."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        return task.result()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return None


def queues_of(config: Settings) -> tuple[str, ...]:
    """The queues on which workflows of the space wait for a worker."""
    if config.space == INCIDENTS or secret_of(config) is None:
        return (config.task_queue,)
    return (config.task_queue, drills_queue(config.task_queue))


def configure_logs() -> None:
    """One JSON object a line on standard error; neither payloads nor tracebacks' locals."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def main() -> None:
    """Run a worker; ends by ``os._exit``, since the SDK's threads may fail in finalisation."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument(
        "--set-current",
        action="store_true",
        help="make this build the current version of the deployment once it polls",
    )
    arguments = parser.parse_args()
    configure_logs()
    code = 0
    try:
        asyncio.run(serve(set_current=arguments.set_current))
    except Exception:
        log.exception("the worker failed")
        code = 1
    log.info("stopped", code=code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
