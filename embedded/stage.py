"""A stage for one unattended drill: servers of its own, which are gone when it is over."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from temporalio.client import Client

from embedded import binaries, ports
from embedded.folder import ROLES, VAULT_KEY_BYTES
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, MIGRATOR, Postgres
from embedded.stack import START_SECONDS
from embedded.supervisor import Supervisor
from embedded.temporal import TIME_SKIPPING, Temporal, ensure_namespace, ensure_search_attributes
from embedded.user import server_user
from settings import DRILL, Settings
from store.pool import Pool, open_pool
from workflows.contracts import SEARCH_ATTRIBUTES


@dataclass(frozen=True)
class Stage:
    """The servers of a drill: reached by ``client`` and ``pool``, described by ``settings``."""

    client: Client
    pool: Pool
    settings: Settings


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Within this there is a PostgreSQL and a Temporal server whose time can be advanced.

    Nothing else is touched, whatever runs on this machine; nothing is left behind.
    """
    with TemporaryDirectory(prefix="yaoan-drill-") as name:
        # PostgreSQL may run as another user, who has to get to its own folder.
        root = Path(name)
        root.chmod(0o711)
        async with _servers(root) as made:
            yield made


@asynccontextmanager
async def _servers(root: Path) -> AsyncIterator[Stage]:
    found = binaries.find()
    user = server_user(root / "postgres")
    chosen = ports.choose({"PostgreSQL": ("", 0), "the Temporal server": ("", 0)})
    postgres = Postgres(
        binaries.reachable(found.postgres, user, root / "binaries"),
        root / "postgres",
        root / "sockets",
        chosen["PostgreSQL"],
        {role: secrets.token_urlsafe(24) for role in ROLES},
        user,
        # It need not survive the machine, only the drill.
        {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
    )
    temporal = Temporal(
        found.temporal, chosen["the Temporal server"], DRILL, dynamic_config=TIME_SKIPPING
    )
    key = root / "vault.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(VAULT_KEY_BYTES))
    (root / "run").mkdir(mode=0o700)
    supervisor = Supervisor(root / "run", lambda name, event: None)
    try:
        postgres.initialise(durable=False)
        program = postgres.program(root / "postgres.log")
        await supervisor.start(program, postgres.ready, START_SECONDS)
        await postgres.prepare([DRILL])
        log = root / "migrations.log"
        await migrate(found.dbmate, postgres.url(MIGRATOR, space=DRILL), DRILL, log)
        program = temporal.program(root / "temporal.log")
        await supervisor.start(program, temporal.ready, START_SECONDS)
        client = await temporal.connect()
        await ensure_namespace(client)
        await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
        url = postgres.url(APPLICATION, space=DRILL)
        settings = Settings(
            space=DRILL,
            task_queue=DRILL,
            database_url=SecretStr(url),
            data_dir=root,
            vault_key_file=key,
        )
        pool = await open_pool(url, DRILL, name="yaoan drill")
        try:
            yield Stage(client, pool, settings)
        finally:
            pool.terminate()
    finally:
        await supervisor.stop()
        postgres.close()
        binaries.forget_copy(root / "binaries")
