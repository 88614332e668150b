"""What the watchdog keeps in mind between its rounds, and whom it tells of what has changed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import structlog
from prometheus_client import CollectorRegistry, Gauge

from activities.channel import Channel, ChannelError, Outgoing
from commands.database import CannotTell
from commands.rounds import Round, Rounds
from domain.base import Text
from settings import Settings
from store.errors import StoreError
from store.pool import Pool
from store.watchdog import KINDS, Finding, Kind, Run, keep_run
from workflows.contracts import INCIDENTS_SPACE

AGAIN: Final = timedelta(hours=1)
"""How often an operator is told of what lasts."""
SEND_SECONDS: Final = 20.0
HEARTBEAT_SECONDS = 10.0
TOLD: Final = 20
"""At most so many findings are named in one message."""
NEVER: Final = datetime.min.replace(tzinfo=UTC)

MEANING: Final[dict[Kind, Text]] = {
    "clock_missed": Text(zh="时限已过而无到期记录", en="a deadline passed and no event says so"),
    "notice_stuck": Text(zh="通知发出后无结果", en="a notice has no outcome"),
    "notice_overdue": Text(zh="通知到时未发出", en="a notice should have gone out (again)"),
    "journal_behind": Text(zh="数据库记录落后于流程", en="the record is behind the workflow"),
    "not_on_board": Text(zh="流程在运行而看板未列", en="a workflow runs and is not on the board"),
    "no_workflow": Text(zh="事件未结束而无流程运行", en="an open incident has no running workflow"),
    "postgresql": Text(zh="数据库无法访问", en="PostgreSQL does not answer"),
    "temporal": Text(zh="Temporal 无法访问", en="Temporal does not answer"),
    "worker": Text(zh="没有工作进程领取任务", en="no worker asks for work"),
    "intake_waiting": Text(zh="接报后流程尚未启动", en="a report waits to be started"),
    "intake_failed": Text(zh="接报后流程无法启动", en="a report cannot be started"),
    "alarm": Text(zh="入库告警", en="an alarm of the journal"),
    "unchecked": Text(zh="检查未能完成", en="a check could not be carried out"),
}

log: structlog.stdlib.BoundLogger = structlog.get_logger("watchdog")

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Now, as the space of real incidents takes it: UTC."""
    return datetime.now(UTC)


class Watchdog:
    """Keeps in mind what is wrong, and says what has changed."""

    def __init__(
        self,
        config: Settings,
        rounds: Rounds,
        pool: Pool,
        operator: Channel | None = None,
        now: Clock = wall_clock,
    ) -> None:
        """``operator`` is the channel by which alarms go to ``config.operator_to``."""
        self._config = config
        self._rounds = rounds
        self._pool = pool
        self._operator = operator
        self._now = now
        self._known: dict[tuple[str, str, str], Finding] = {}
        self._told: dict[tuple[str, str, str], datetime] = {}
        self._alarmed = False
        self.registry = CollectorRegistry()
        self._findings = Gauge(
            "yaoan_watchdog_findings",
            "What is wrong, by kind",
            ["kind"],
            registry=self.registry,
        )
        self._last = Gauge(
            "yaoan_watchdog_last_run_timestamp_seconds",
            "When the watchdog last looked",
            registry=self.registry,
        )
        self._complete = Gauge(
            "yaoan_watchdog_complete",
            "Whether everything could be looked at",
            registry=self.registry,
        )

    async def round(self) -> Round:
        """Look once; log what changed, keep the counts, tell the operator, give the heartbeat."""
        seen = await self._rounds.look(self._now())
        self._take(seen)
        counts = Counter(one.kind for one in self._known.values())
        for kind in KINDS:
            self._findings.labels(kind).set(counts[kind])
        self._last.set(seen.at.timestamp())
        self._complete.set(not seen.unseen)
        try:
            await keep_run(self._pool, Run(seen.at, {kind: counts[kind] for kind in KINDS}))
        except StoreError as error:
            log.warning("the counts are not kept", error=type(error).__name__)
        # From any other space nothing reaches the outside.
        if self._config.space == INCIDENTS_SPACE:
            await self._alarm(seen.at)
            if seen.well:
                await self._heartbeat()
        return seen

    async def watch(self, seconds: float, stopping: asyncio.Event) -> None:
        """Look every so many seconds until told to stop."""
        clock = asyncio.get_running_loop().time
        log.info("watching", seconds=seconds)
        ended = asyncio.ensure_future(stopping.wait())
        while not stopping.is_set():
            next_at = clock() + seconds
            looking = asyncio.ensure_future(self.round())
            await asyncio.wait({looking, ended}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done() and (error := looking.exception()) is not None:
                # A bug of ours must not blind it for good.
                log.error("a round failed", exc_info=error)
            looking.cancel()
            await asyncio.wait({ended}, timeout=max(0.0, next_at - clock()))
        log.info("stopped")

    def _take(self, seen: Round) -> None:
        """Compare with what was known. What could not be looked at is as it was."""
        found = {one.key: one for one in seen.findings}
        for key, one in found.items():
            if key not in self._known:
                self._known[key] = one
                log.error("wrong", **_fields(one, seen.at))
        for key, one in list(self._known.items()):
            if key not in found and one.kind not in seen.unseen:
                del self._known[key]
                self._told.pop(key, None)
                log.info("well again", **_fields(one, seen.at))

    async def _alarm(self, at: datetime) -> None:
        """Tell the operator what is new, again what lasts, and once that all is well again."""
        due = [one for key, one in self._known.items() if at - self._told.get(key, NEVER) >= AGAIN]
        over = self._alarmed and not self._known
        if self._operator is None or not (due or over):
            return
        if await self._send(self._operator, due, at):
            self._told.update({one.key: at for one in due})
            self._alarmed = not over

    async def _send(self, channel: Channel, due: list[Finding], at: datetime) -> bool:
        title, text = message(due, at)
        key = f"{self._config.space}/watchdog/{at:%Y%m%dT%H%M%S.%fZ}"
        outgoing = Outgoing(
            key=key,
            space=self._config.space,
            incident="watchdog",
            message=key,
            recipient="operator",
            contact="operator",
            address=self._config.operator_to or "",
            statutory=False,
            title=title,
            text=text,
            at=at,
        )
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.send(outgoing)
        except ChannelError as error:
            log.error("the operator was not told", error=str(error))
            return False
        except Exception as error:
            # Whatever it was: the next round tries again, and must come.
            log.error("the operator was not told", error=type(error).__name__)
            return False
        return True

    async def _heartbeat(self) -> None:
        if self._config.heartbeat_url is None:
            return
        try:
            async with httpx.AsyncClient(timeout=HEARTBEAT_SECONDS) as client:
                answer = await client.get(self._config.heartbeat_url.get_secret_value())
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            log.warning("the heartbeat was refused", status=error.response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the heartbeat found nobody", error=type(error).__name__)


def _fields(one: Finding, at: datetime) -> dict[str, object]:
    """A finding as its log line has it; nothing of what the incident is about."""
    seconds = int((at - one.since).total_seconds()) if one.since else None
    fields = {
        "kind": one.kind,
        "incident": one.incident,
        "ref": one.ref or None,
        "clause": one.clause or None,
        "since": one.since.isoformat() if one.since else None,
        "seconds": seconds,
    }
    return {name: value for name, value in fields.items() if value is not None}


def message(due: list[Finding], at: datetime) -> tuple[Text, Text]:
    """Title and text for the operator: numbers, kinds, clauses, how long; nothing else."""
    if not due:
        return (
            Text(zh="药安值守:已恢复正常", en="yaoan watchdog: all is well again"),
            Text(zh="先前各项异常均已消除。", en="What was wrong before is no more."),
        )
    lines = [line(one, at) for one in due[:TOLD]]
    if (left := len(due) - TOLD) > 0:
        lines.append(Text(zh=f"另有{left}项", en=f"and {left} more"))
    return (
        Text(zh=f"药安值守:{len(due)}项异常", en=f"yaoan watchdog: {len(due)} findings"),
        Text(zh="\n".join(one.zh for one in lines), en="\n".join(one.en for one in lines)),
    )


def line(one: Finding, at: datetime) -> Text:
    """One finding in a line."""
    where = " ".join(part for part in (one.incident, one.ref) if part)
    clause = f"({one.clause})" if one.clause else ""
    minutes = int((at - one.since).total_seconds() // 60) if one.since else 0
    meaning = MEANING[one.kind]
    return Text(
        zh="".join(
            [
                meaning.zh,
                f":{where}" if where else "",
                clause,
                f",已{minutes}分钟" if minutes else "",
            ]
        ),
        en="".join(
            [
                meaning.en,
                f": {where}" if where else "",
                f" {clause}" if clause else "",
                f", for {minutes} min" if minutes else "",
            ]
        ),
    )


def operator_of(config: Settings) -> Channel | None:
    """The channel to the operator; None when nobody is to be told.

    Raises:
        CannotTell: the settings name a channel that is not there, or no address for it.
    """
    if config.operator_channel is None or config.space != INCIDENTS_SPACE:
        return None
    # Only here: some channels take their time, and memory, to load.
    from activities.outward.providers import channels_of

    channels = channels_of(config)
    if config.operator_channel not in channels:
        raise CannotTell(
            f"YAOAN_OPERATOR_CHANNEL names {config.operator_channel}, which is no channel: "
            f"define it in YAOAN_CHANNELS, or use one of {', '.join(sorted(channels)) or 'none'}"
        )
    if not config.operator_to:
        raise CannotTell("YAOAN_OPERATOR_TO is missing: say where the operator is to be told")
    return channels[config.operator_channel]
