"""What the routes of one space share: its plan, database, Temporal, tokens and clock."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.timekeeper import time_of
from api.gateway import Gateway
from api.owners import Owners
from api.problems import Problem, no_record, unavailable
from api.record import NOT_STARTED, Record, Standing
from api.security import Tokens
from api.temporal import Late, NotRunning, Temporal, TemporalDown
from domain.directory import Directory
from domain.incident.engine import apply, decide, initial
from domain.plan import Plan, plan_digest
from settings import DRILL, INCIDENTS, Settings, temporal_config
from store import outbox
from store.credentials import Row, load_digests
from store.directory import Keeper
from store.errors import Unavailable
from store.links import Links
from store.pool import Pool, open_pool
from store.vault import Vault
from store.watch import Watcher
from workflows.contracts import IncidentStart

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.5


def wall_clock() -> datetime:
    """Now, as the space of real incidents takes it: UTC."""
    return datetime.now(UTC)


async def connect(own: Settings | None = None) -> Client:
    """A client as Temporal's environment says; it needs no server until the first call.

    ``own`` are the settings of the space, those of the process unless given.
    """
    return await Client.connect(
        **temporal_config(own), data_converter=pydantic_data_converter, lazy=True
    )


class Space:
    """One space: a Temporal namespace and a PostgreSQL schema of the same name."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        connect: Callable[[], Awaitable[Client]] = connect,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        """Nothing is opened here: a process must start while everything else is down."""
        self.name = settings.space
        self.settings = settings
        self.plan = plan
        self.now = now
        self._ahead: dict[str, timedelta] = {}
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._vault: Vault | None = None
        self.temporal = Temporal(connect)
        self.tokens = Tokens(
            plan,
            settings.data_dir / f"tokens-{self.name}.json",
            self._load_digests,
            staff=self.name == DRILL,
        )
        self._keeper: Keeper | None = None
        self.watcher = Watcher(settings.database_url.get_secret_value(), self.name)
        self.record = Record(self.pool, self.watcher, self.name, self._started)
        self.owners = Owners(self.record, self.temporal)
        self.gateway = Gateway(
            self.temporal, plan, self.name, settings.task_queue, self.record.ended
        )

    async def pool(self) -> Pool:
        """The connections to this space's schema; opening them needs no server."""
        async with self._opening:
            if self._pool is None:
                self._pool = await open_pool(
                    self.settings.database_url.get_secret_value(), self.name, name="yaoan-api"
                )
        return self._pool

    async def start(self) -> None:
        """Begin to listen for changes."""
        await self.watcher.start()

    async def close(self) -> None:
        """Stop listening, and give the connections back."""
        await self.watcher.stop()
        if self._pool is not None:
            self._pool.terminate()

    async def _load_digests(self) -> list[Row]:
        return await load_digests(await self.pool())

    async def _started(self, incident: str) -> bool:
        async def describe(client: Client) -> None:
            await client.get_workflow_handle(incident).describe()

        try:
            await self.temporal.ask(describe, LOOK_SECONDS)
        except (NotRunning, Late, TemporalDown):
            return False
        return True

    async def now_of(self, incident: str | None) -> datetime:
        """The time in which ``incident`` lives, UTC; ``now`` for real ones, and for none.

        In a drill each incident has a clock of its own. While Temporal is down it is taken to run
        on from where it was last seen.
        """
        if incident is None or self.name == INCIDENTS:
            return self.now()
        try:
            found = await self.temporal.ask(lambda client: time_of(client, incident), LOOK_SECONDS)
        except (NotRunning, Late, TemporalDown):
            return self.now() + self._ahead.get(incident, timedelta())
        self._ahead[incident] = found - self.now()
        return found

    async def standing(self, incident: str, min_seq: int | None = None) -> Standing:
        """The incident as it stands on record, or as it says itself while PostgreSQL is down.

        For papers that people need in an emergency: a call sheet must print without a database.

        Raises:
            Problem: 404 there is none; 503 nobody can tell.
        """
        try:
            return await self.record.standing(incident, min_seq)
        except Problem as problem:
            if problem.code != NOT_STARTED:
                raise
            return await self._kept(incident)
        except Unavailable as gone:
            try:
                state = await self.gateway.state(incident)
            except (NotRunning, TemporalDown) as error:
                raise no_record() from error
            if state is None or state.plan_digest != plan_digest(self.plan):
                raise no_record() from gone
            return Standing(state, self.plan)

    async def _kept(self, incident: str) -> Standing:
        """How a report that waits in the outbox will stand once it is opened."""
        kept = await outbox.find(await self.pool(), incident)
        if kept is None:
            raise no_record()
        start = IncidentStart.model_validate(kept["start"])
        state = initial(incident, start.plan, self.name, start.rules_version)
        if start.opening is not None:
            opening = start.opening
            state = apply(state, decide(start.plan, state, opening, opening.received))
        return Standing(state, start.plan)

    async def directory(self) -> Directory:
        """Whom to reach: as of now, or the last known good one while PostgreSQL is down."""
        if self._keeper is None:
            copy = self.settings.data_dir / f"directory-{self.name}.json"
            self._keeper = Keeper(await self.pool(), copy)
        return await self._keeper.get()

    def links(self) -> Links:
        """How the links of this space are signed.

        Raises:
            Problem: 503, their key cannot be read.
        """
        config = self.settings
        try:
            secret = config.vault_key_path.read_bytes()
        except OSError as error:
            raise unavailable(
                "links_unavailable",
                "签收链接暂时无法使用，请电话回复值班室。",
                "links cannot be read now: telephone the duty room",
            ) from error
        return Links.of(secret, config.link_base, config.link_lifetime)

    def vault(self) -> Vault:
        """The vault of personal data and files.

        Raises:
            Problem: 503, its key cannot be read.
        """
        if self._vault is None:
            try:
                self._vault = Vault(self.settings.vault_key_path.read_bytes())
            except (OSError, ValueError) as error:
                log.error("the vault's key cannot be read: %s", type(error).__name__)
                raise unavailable(
                    "vault_unavailable",
                    "加密存储暂时无法使用，请先在纸上记录个人信息和材料。",
                    "the vault cannot be used now: keep personal data and files on paper",
                ) from error
        return self._vault

    def fingerprint(self, payload: bytes) -> str:
        """A digest of what was sent that tells nobody what it was.

        It stands in Temporal's memo, and a plain hash of a telephone number can be guessed.
        """
        try:
            key = self.settings.vault_key_path.read_bytes()
        except OSError:
            key = b""
        key = hashlib.sha256(b"yaoan fingerprint\x00" + key).digest()
        return hmac.new(key, payload, hashlib.sha256).hexdigest()
