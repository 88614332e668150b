"""Which seat reported an incident: a reporter sees what it reported itself, and nothing else."""

from typing import Final

from temporalio.client import Client

from api.patience import within
from api.problems import no_record, not_found
from api.record import Record
from api.security import Actor
from api.temporal import Late, NotRunning, Temporal, TemporalDown
from store.errors import Unavailable

MEMO_SEAT: Final = "seat"
MEMO_SECONDS: Final = 1.5
RECORD_SECONDS: Final = 3.0
_KEPT: Final = 10_000


class Owners:
    """Remembers the seats that reported; the first event of an incident never changes."""

    def __init__(self, record: Record, temporal: Temporal) -> None:
        self._record = record
        self._temporal = temporal
        self._known: dict[str, str] = {}

    def note(self, incident: str, seat: str) -> None:
        """Remember who reported ``incident``."""
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[incident] = seat

    async def of(self, incident: str) -> str | None:
        """The seat that reported ``incident``; None when there is no such incident.

        Raises:
            Problem: 503, neither the record nor Temporal can tell.
        """
        if incident in self._known:
            return self._known[incident]
        seat: str | None = None
        gone: Unavailable | None = None
        try:
            seat = await within(RECORD_SECONDS, self._record.reporter(incident))
        except Unavailable as error:
            gone = error
        # Also when the record has nothing: it may not have been told yet.
        seat = seat if seat is not None else await self._by_memo(incident)
        if seat is None and gone is not None:
            raise no_record() from gone
        if seat is not None:
            self.note(incident, seat)
        return seat

    async def _by_memo(self, incident: str) -> str | None:
        async def describe(client: Client) -> str | None:
            found = await client.get_workflow_handle(incident).describe()
            seat: str | None = await found.memo_value(MEMO_SEAT, None, type_hint=str)
            return seat

        try:
            return await self._temporal.ask(describe, MEMO_SECONDS)
        except (NotRunning, Late, TemporalDown):
            return None

    async def require(self, incident: str, actor: Actor) -> None:
        """Refuse a reporter what it did not report: as if it did not exist.

        Raises:
            Problem: 404, or 503 when nobody can tell.
        """
        if actor.sees_all_incidents:
            return
        if await self.of(incident) != actor.seat:
            raise not_found("该事件", "such incident", "no_incident")
