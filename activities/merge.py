"""Offering one incident to another, which must accept before anything changes."""

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.incident.envelope import Envelope
from domain.incident.observations import AcceptMerge
from workflows.contracts import OFFER_MERGE, MergeOrder, MergeResult, Receipt, update_id

GONE = "目标事件不存在或已办结,不能并入;如需并入请先重新启动该事件。"


class Merge:
    """Speaks to the other incident as a client would."""

    def __init__(self, client: Client) -> None:
        """Reach other incidents by way of ``client``, which belongs to the same space."""
        self._client = client

    @activity.defn(name=OFFER_MERGE)
    async def offer_merge(self, order: MergeOrder) -> MergeResult:
        """Ask the other incident to take over; asking again with the same id is harmless."""
        envelope = Envelope(
            request_id=order.request_id,
            received=order.received,
            command=AcceptMerge(offer=order.offer),
        )
        handle = self._client.get_workflow_handle(order.into)
        try:
            await handle.execute_update(
                envelope.command.name, envelope, id=update_id(envelope), result_type=Receipt
            )
        except WorkflowUpdateFailedError as failed:
            return MergeResult(accepted=False, reason=_reason(failed.cause))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return MergeResult(accepted=False, reason=GONE)
        return MergeResult(accepted=True)


def _reason(cause: BaseException | None) -> str:
    """What the other incident said, in Chinese where it said so."""
    if isinstance(cause, ApplicationError) and len(cause.details) == 3:
        clause, zh, _ = cause.details
        return f"{zh}({clause})" if clause else str(zh)
    return str(cause)
