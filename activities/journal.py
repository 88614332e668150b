"""Writing the record to PostgreSQL."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from store import journal
from store.errors import Diverged
from store.pool import Pool
from workflows.contracts import APPEND_EVENTS, JOURNAL_DIVERGED, Appended, AppendEvents


class Journal:
    """Appends events; the database decides whether they are new, known or in conflict."""

    def __init__(self, pool: Pool) -> None:
        """Write by way of ``pool``, which belongs to the space that the worker serves."""
        self._pool = pool

    @activity.defn(name=APPEND_EVENTS)
    async def append_events(self, batch: AppendEvents) -> Appended:
        """Append a batch in one transaction; the same batch again changes nothing.

        Raises:
            ApplicationError: of type JOURNAL_DIVERGED, never retried: the journal holds other
                events at the same sequence, so either the history or the table was tampered with.
        """
        try:
            seq, head = await journal.append(
                self._pool, batch.space, batch.incident, batch.plan, batch.events
            )
        except Diverged as alarm:
            raise ApplicationError(str(alarm), type=JOURNAL_DIVERGED, non_retryable=True) from alarm
        return Appended(seq=seq, head=head)
