"""The activities an incident asks for: by name and shape, with their patience."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError

with workflow.unsafe.imports_passed_through():
    from domain.incident.entries import Message
    from domain.incident.merging import offer
    from domain.incident.record import Event
    from domain.incident.state import State
    from domain.incident.telling import INBOX
    from domain.incident.wording import LAYOUT, wording
    from domain.plan import Plan
    from workflows import contracts as c

JOURNAL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10)
)
OTHER_RETRIES = RetryPolicy(maximum_interval=timedelta(minutes=1))
ATTEMPT = timedelta(seconds=30)
"""One attempt of an activity; the retry policies decide how many there are."""
NOTICE_ATTEMPT = timedelta(minutes=5)
"""One attempt to reach all contacts of a body, each by one channel after the other."""
NOTICE_HEARTBEAT = timedelta(seconds=15)
"""A worker that was killed shows after so long, and another one sends the same message."""
SUMMARY_BYTES = 200
"""The server refuses longer summaries (limit.userMetadataSummarySize)."""


class Late(Exception):
    """PostgreSQL has not answered within the time given; it may yet."""


class Diverged(Exception):
    """PostgreSQL holds something else at this sequence: an alarm, see JOURNAL_DIVERGED."""


def notices_queue(task_queue: str) -> str:
    """The queue of messages beside ``task_queue``: a channel that hangs holds up nothing else."""
    return f"{task_queue}-notices"


def cut(text: str) -> str:
    """``text`` cut to what a summary may hold."""
    return text.encode()[:SUMMARY_BYTES].decode(errors="ignore")


def journal_key(batch: Sequence[Event]) -> str:
    """The id of the activity that writes ``batch``: a replay that yields other events differs."""
    return f"journal-{batch[-1].seq}-{batch[-1].hash[:12]}"


async def write(
    plan: Plan, state: State, batch: Sequence[Event], within: timedelta | None
) -> c.Appended:
    """Write a batch to the journal, trying until it succeeds or ``within`` has passed.

    Raises:
        Late: it has not been written yet.
        Diverged: it never will be as things stand.
    """
    order = c.AppendEvents(
        space=state.space,
        incident=state.incident,
        plan=plan if batch[0].seq == 1 else None,
        events=tuple(batch),
    )
    try:
        answer: c.Appended = await workflow.execute_activity(
            c.APPEND_EVENTS,
            order,
            result_type=c.Appended,
            activity_id=journal_key(batch),
            start_to_close_timeout=ATTEMPT,
            schedule_to_close_timeout=within,
            retry_policy=JOURNAL_RETRIES,
            summary=f"事件入库 {batch[0].seq}-{batch[-1].seq}",
        )
        return answer
    except ActivityError as error:
        if error.retry_state == RetryState.NON_RETRYABLE_FAILURE:
            raise Diverged from error
        raise Late from error


async def deliver(plan: Plan, state: State, message: Message, activity_id: str) -> c.MessageResult:
    """Hand a message to the channels; a failure is a result too."""
    notices = [(state.notices[notice], step) for notice, step in message.notices.items()]
    name = plan.body_by_id[message.recipient].name
    order = c.MessageOrder(
        space=state.space,
        incident=state.incident,
        message=message.id,
        key=f"{state.incident}:{message.id}",
        recipient=message.recipient,
        name=name,
        contacts=message.contacts,
        items=tuple(
            c.NoticeItem(
                notice=notice.id,
                subject=notice.subject,
                statutory=notice.statutory,
                queued_at=notice.queued_at,
                again=step > 0,
                values=wording(plan, state, notice),
                template=plan.texts.get(notice.subject),
            )
            for notice, step in notices
        ),
        layout=plan.texts.get(LAYOUT),
        at=message.at,
    )
    about = ",".join(notice.id for notice, _ in notices)
    try:
        answer: c.MessageResult = await workflow.execute_activity(
            c.DELIVER_NOTICE,
            order,
            result_type=c.MessageResult,
            activity_id=activity_id,
            task_queue=notices_queue(workflow.info().task_queue),
            start_to_close_timeout=NOTICE_ATTEMPT,
            heartbeat_timeout=NOTICE_HEARTBEAT,
            schedule_to_close_timeout=c.NOTICE_TIMEOUT,
            retry_policy=OTHER_RETRIES,
            summary=cut(f"通知 {name.zh}:{about}"),
        )
        return answer
    except ActivityError as error:
        return unfinished(error)


def unfinished(error: ActivityError) -> c.MessageResult:
    """What became of a message nobody could finish: whoever accepted it before has been told."""
    kept: Sequence[Any] = ()
    if isinstance(error.cause, TimeoutError):
        kept = error.cause.last_heartbeat_details
    elif isinstance(error.cause, ApplicationError):
        kept = error.cause.details
    accepted: dict[str, str] = kept[0] if kept else {}
    if not accepted:
        return c.MessageResult(failure=str(error.cause or error))
    contacts = tuple(contact for contact in accepted if contact != INBOX)
    return c.MessageResult(
        accepted=tuple(dict.fromkeys(accepted.values())),
        contacts=contacts,
        # An inbox calls nobody, and the channel that was to do so has not answered.
        phone_only=not contacts,
    )


async def offer_merge(plan: Plan, state: State, into: str, key: str) -> c.MergeResult:
    """Offer the incident as it stands to another one, until that one answers."""
    order = c.MergeOrder(
        space=state.space,
        into=into,
        request_id=f"merge:{state.incident}:{state.seq}",
        received=workflow.now(),
        offer=offer(plan, state),
    )
    try:
        answer: c.MergeResult = await workflow.execute_activity(
            c.OFFER_MERGE,
            order,
            result_type=c.MergeResult,
            activity_id=key,
            start_to_close_timeout=ATTEMPT,
            retry_policy=OTHER_RETRIES,
            summary=f"并入 {into}",
        )
        return answer
    except ActivityError as error:
        return c.MergeResult(accepted=False, reason=str(error.cause or error))
