"""The record: who did what, when, on which clause; chained so that a change shows.

Every event keeps three times: ``occurred`` (claimed, legal), ``received`` (by the API) and
``recorded`` (by the workflow). The hash of an event covers the exact bytes that are stored.
"""

import hashlib
import json
from typing import Any, Literal

from domain.base import Model, Moment, Strict

GENESIS = "0" * 64
"""What the first event of an incident names as its predecessor."""

Means = Literal[
    "in_person", "phone", "written_instruction", "meeting", "fax", "system", "message", "link"
]
"""当面, 电话, 批示, 会议, 传真, 系统, 短信或聊天消息, 签收链接."""


class Attribution(Strict):
    """Who decided or did a thing, who put it on record, by what means and on what evidence.

    ``decider`` is a body of the plan; ``recorder`` a seat. ``occurred_at`` defaults to the
    moment the API received the command. ``evidence`` holds SHA-256 digests of attachments.
    """

    decider: str
    decider_person: str | None = None
    recorder: str
    recorder_person: str | None = None
    means: Means = "system"
    occurred_at: Moment | None = None
    late_reason: str | None = None
    evidence: tuple[str, ...] = ()


class Request(Model):
    """The request that caused an event: its id, and the digest of what it carried."""

    id: str
    digest: str


class Event(Model):
    """One entry of the record. Stored bytes never change; older versions are upcast on reading."""

    incident: str
    seq: int
    type: str
    v: int = 1
    occurred: Moment
    received: Moment
    recorded: Moment
    by: Attribution | None = None
    clause: str
    request: Request | None = None
    data: dict[str, Any]
    prev: str
    hash: str = ""

    def canonical(self) -> bytes:
        """The bytes that are hashed and stored: JSON, keys sorted, UTF-8, without the hash."""
        return canonical_json(self.model_dump(mode="json", exclude={"hash"}))

    def sealed(self) -> "Event":
        """This event with its hash."""
        return self.model_copy(update={"hash": digest(self.canonical())})


def canonical_json(value: Any) -> bytes:
    """JSON with one spelling: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
