"""The way of a first report: vault, number, start of the workflow, or the outbox.

It is durable with the first of Temporal and PostgreSQL that answers, and turned away by none.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.audit import note_refusal
from api.gateway import telephone
from api.owners import MEMO_SEAT
from api.patience import within
from api.problems import Problem, refused, unavailable
from api.schemas import UNKNOWN, IntakeRequest
from api.security import Actor
from api.space import Space
from api.temporal import Late, NotRunning, TemporalDown
from domain import numbers
from domain.base import Refusal, Text
from domain.incident.commands import Intake
from domain.incident.engine import decide, initial
from domain.incident.entries import Caller, Facts
from domain.incident.envelope import Envelope
from domain.incident.privacy import guard
from domain.incident.record import Attribution, canonical_json
from domain.incident.state import RULES_VERSION
from store import outbox
from store.errors import Conflict, Purged, StoreError, Unavailable
from workflows.contracts import INCIDENT_WORKFLOW, SPACE, IncidentStart, Receipt

log = logging.getLogger(__name__)

START_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 1.5
STORE_SECONDS: Final = 3.0
"""How long a report waits for the vault; a database that hangs must not hold it up."""
KEEP_SECONDS: Final = 6.0
"""How long it waits for the outbox, the last place that can keep it."""
SALTS: Final = 8
"""How many numbers are tried; two callers drawing the same one is a matter of 2^-40."""
MEMO_REQUEST: Final = "request"
MEMO_DIGEST: Final = "digest"

VAULT_DOWN = Text(
    zh="来电人姓名和电话未能加密保存，请先写在纸上，恢复后再补录。",
    en="the caller's name and number could not be stored: write them on paper, enter them later",
)
KEPT = Text(
    zh="报告已保存，流程引擎恢复后自动立案；时限照常计算，请先按电话报告单报告。",
    en="the report is safe and opens when the workflow server is back; its clocks run all the "
    "same: make the calls of the call sheet now",
)
NO_RECEIPT = Text(
    zh="报告已安全接收，流程处理尚未完成，回执稍后可查。",
    en="the report is safe; it has not been processed yet, ask for the receipt later",
)


@dataclass(frozen=True)
class Key:
    """The idempotency key of a request; ``given`` when the caller chose it."""

    value: str
    given: bool


@dataclass(frozen=True)
class Opened:
    """A first report that is durable. ``new`` is False for a repeated request."""

    incident: str
    receipt: Receipt | None
    warnings: tuple[Text, ...]
    new: bool
    started: bool
    """False while it waits in the outbox for Temporal to come back."""


@dataclass(frozen=True)
class _Start:
    """One attempt under one number."""

    number: str
    request: str
    digest: str
    seat: str

    def memo(self) -> dict[str, str]:
        """What tells a repeated request from another; no personal data."""
        return {MEMO_REQUEST: self.request, MEMO_DIGEST: self.digest, MEMO_SEAT: self.seat}

    def same(self, memo: dict[str, Any]) -> bool:
        """True for the same request, False for another that drew the same number.

        Raises:
            Problem: 409, the same key came with another payload.
        """
        if memo.get(MEMO_REQUEST) != self.request:
            return False
        if memo.get(MEMO_DIGEST) != self.digest:
            raise reused()
        return True


def reused() -> Problem:
    """The key was used for something else."""
    return Problem(
        409,
        "request_reused",
        "同一请求编号（Idempotency-Key）已用于另一内容，请换一个编号。",
        "this Idempotency-Key was used for something else: choose another",
    )


async def take(space: Space, actor: Actor, key: Key, body: IntakeRequest) -> Opened:
    """Open an incident from a first report, or find the one that this request opened before.

    Raises:
        Problem: the body's attribution is refused (403, 422), the key was used for something
            else (409), or neither Temporal nor PostgreSQL answers (503).
    """
    received = space.now()
    sent = body.model_dump(mode="json", exclude_defaults=True)
    digest = space.fingerprint(canonical_json({"body": sent, "person": actor.person}))
    attribution = body.attribution(actor)
    # Before anything is written: a wrong decider is found now, not by a workflow that fails.
    await _check(space, _envelope(space, body, attribution, received, key.value, None))
    for salt in range(SALTS):
        number = numbers.draw(
            space.plan.jurisdiction.prefix, space.name, actor.seat, key.value, str(salt)
        )
        start = _Start(number, f"{actor.seat}:{key.value}", digest, actor.seat)
        # Only a key that the caller chose can have been used before.
        known = await _known(space, start, key) if key.given else None
        opened = known or (
            await _open(space, start, body, attribution, received, key) if known is None else None
        )
        if opened:
            space.owners.note(opened.incident, actor.seat)
            return opened
    raise unavailable("no_number", "编号暂时无法分配，请重试。", "no free number was found: retry")


def _envelope(
    space: Space,
    body: IntakeRequest,
    attribution: Attribution,
    received: datetime,
    request_id: str,
    person: str | None,
) -> Envelope:
    fields = {
        name: getattr(body, name)
        for name in Facts.model_fields
        if name in IntakeRequest.model_fields
    }
    fields |= {
        "kind": body.kind or UNKNOWN,
        "learned_at": body.learned_at or received,
    }
    command = Intake(
        caller=Caller(kind=body.caller.kind, unit=body.caller.unit, person=person),
        facts=Facts(**fields),
    )
    opening = Envelope(request_id=request_id, received=received, by=attribution, command=command)
    # Before it is sent: what a workflow is started with stands in its history for good.
    return guard(space.plan, opening)


async def _check(space: Space, envelope: Envelope) -> None:
    try:
        decide(space.plan, initial("-", space.plan, space.name), envelope, envelope.received)
    except Refusal as refusal:
        message = refusal.message
        problem = refused(refusal.code, refusal.clause, message.zh, message.en)
        await note_refusal(space, None, envelope, problem)
        raise problem from refusal


async def _known(space: Space, start: _Start, key: Key) -> Opened | Literal[False] | None:
    """What this request opened before; False if its number is another's, None if it is free.

    Raises:
        Problem: 409, the key came with another payload.
    """

    async def describe(client: Client) -> dict[str, Any]:
        found = await client.get_workflow_handle(start.number).describe()
        return dict(await found.memo())

    try:
        memo = await space.temporal.ask(describe, LOOK_SECONDS)
    except NotRunning:
        memo = None
    except (Late, TemporalDown):
        return await _waiting(space, start)
    if memo is not None:
        return await _again(space, start, key) if start.same(memo) else False
    try:
        # Histories are kept for a while only; the record for ever.
        if await within(STORE_SECONDS, space.record.reporter(start.number)) is not None:
            same = await space.record.handled(start.number, key.value)
            return await _again(space, start, key) if same else False
    except Unavailable:
        pass
    return None


async def _waiting(space: Space, start: _Start) -> Opened | Literal[False] | None:
    try:
        kept = await within(STORE_SECONDS, outbox.find(await space.pool(), start.number))
    except StoreError:
        return None
    if kept is None:
        return None
    if not start.same(kept["memo"]):
        return False
    return Opened(start.number, None, (KEPT,), new=False, started=False)


async def _again(space: Space, start: _Start, key: Key) -> Opened:
    receipt = await _receipt(space, start.number, key.value)
    return Opened(start.number, receipt, (), new=False, started=True)


async def _open(
    space: Space,
    start: _Start,
    body: IntakeRequest,
    attribution: Attribution,
    received: datetime,
    key: Key,
) -> Opened | None:
    """The opened incident; None when its number belongs to another request."""
    warnings: list[Text] = []
    person = await _hide(space, start, body, received, warnings)
    envelope = _envelope(space, body, attribution, received, key.value, person)
    opening = IncidentStart(
        incident=start.number,
        space=space.name,
        plan=space.plan,
        opening=envelope,
        rules_version=RULES_VERSION,
    )
    try:
        await space.temporal.ask(
            lambda client: launch(client, space, opening, start.memo()), START_SECONDS
        )
    except WorkflowAlreadyStartedError:
        return await _known(space, start, key) or None
    except (Late, TemporalDown) as down:
        await _keep(space, opening, start.memo(), received, down)
        warnings.append(KEPT)
        return Opened(start.number, None, tuple(warnings), new=True, started=False)
    receipt = await _receipt(space, start.number, key.value)
    if receipt is None:
        warnings.append(NO_RECEIPT)
    return Opened(start.number, receipt, tuple(warnings), new=True, started=True)


async def _hide(
    space: Space,
    start: _Start,
    body: IntakeRequest,
    received: datetime,
    warnings: list[Text],
) -> str | None:
    """Put the caller's name and number into the vault; its reference, None when there is none."""
    caller = body.caller
    if caller.name is None and caller.number is None:
        return None
    seed = f"{start.number}\x00{start.request}".encode()
    reference = "p-" + hashlib.sha256(seed).hexdigest()[:24]
    data = {"name": caller.name, "number": caller.number}
    try:
        vault, pool = space.vault(), await space.pool()
        stored = await within(
            STORE_SECONDS,
            vault.put_person(pool, start.number, "caller", data, received, reference),
        )
    except (Conflict, Purged) as error:
        raise reused() from error
    except (Problem, StoreError) as error:
        # Nothing stands before the report (E5), not even this.
        log.warning("the vault is down: %s", type(error).__name__)
        warnings.append(VAULT_DOWN)
        return None
    return stored.reference


async def launch(
    client: Client, space: Space, opening: IncidentStart, memo: dict[str, str]
) -> None:
    """Start the incident's workflow; durable when this returns.

    Raises:
        WorkflowAlreadyStartedError: an incident has or had this number.
    """
    # A static text is what everybody sees in Temporal's lists: no word that a caller typed.
    place = space.plan.jurisdiction.name.zh
    await client.start_workflow(
        INCIDENT_WORKFLOW,
        opening,
        id=opening.incident,
        task_queue=space.settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        memo=memo,
        search_attributes=TypedSearchAttributes([SearchAttributePair(SPACE, space.name)]),
        static_summary=f"{place} {opening.incident}",
        static_details=f"{space.plan.jurisdiction.title.zh} ({space.plan.id})",
    )


async def _receipt(space: Space, number: str, request_id: str) -> Receipt | None:
    """The receipt of the opening, from the incident itself; None when nobody answers in time."""
    try:
        state = await space.gateway.state(number)
    except (NotRunning, TemporalDown):
        state = None
    if state is None or (outcome := state.handled.get(request_id)) is None:
        return None
    return Receipt(
        incident=number,
        request_id=request_id,
        first=outcome.first,
        last=outcome.last,
        head=outcome.head,
    )


async def _keep(
    space: Space,
    opening: IncidentStart,
    memo: dict[str, str],
    received: datetime,
    down: Exception,
) -> None:
    """Keep the report in PostgreSQL until Temporal is back."""
    kept = {"start": opening.model_dump(mode="json"), "memo": memo}
    try:
        pool = await space.pool()
        await within(KEEP_SECONDS, outbox.put(pool, opening.incident, kept, received))
    except Unavailable as gone:
        text = telephone(space.plan)
        raise unavailable(
            "telephone",
            f"系统暂时无法接收报告，本报告未能确认保存。{text.zh}",
            f"the system cannot take this report now: {text.en}",
            retry_after=30,
        ) from gone
    log.warning("report %s waits for Temporal: %s", opening.incident, type(down).__name__)
