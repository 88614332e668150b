"""Signed links: what somebody may do who has a message and no account.

A link names what it allows and until when, and is signed; nothing is stored. So it works with
PostgreSQL down, and every attempt to send a message makes the same one.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer
from pydantic import ValidationError

from domain.base import Moment, Strict

Purpose = Literal["acknowledge", "delivered", "call"]


class BadLink(Exception):
    """The link was cut off, changed, made for something else, or is no link of ours."""


class Grant(Strict):
    """What a link allows: one thing, within one incident, until a moment, UTC."""

    purpose: Purpose
    space: str
    incident: str
    about: tuple[str, ...] = ()
    """The notices that it is about."""
    body: str
    """Whose answer it is, or whom a call is to."""
    contact: str | None = None
    seat: str | None = None
    person: str | None = None
    until: Moment


@dataclass(frozen=True)
class Links:
    """Makes and reads links; ``base`` is where the API of the space is reached from outside."""

    key: bytes
    base: str
    lifetime: timedelta

    @classmethod
    def of(cls, secret: bytes, base: str, lifetime: timedelta) -> "Links":
        """Links under a key of their own, derived from ``secret``."""
        key = hashlib.sha256(b"yaoan links\x00" + secret).digest()
        return cls(key, base.rstrip("/"), lifetime)

    def url(
        self,
        purpose: Purpose,
        space: str,
        incident: str,
        about: tuple[str, ...],
        body: str,
        at: datetime,
        contact: str | None = None,
        seat: str | None = None,
        person: str | None = None,
    ) -> str:
        """A link that was made at ``at``, UTC, and is good for the lifetime."""
        grant = Grant(
            purpose=purpose,
            space=space,
            incident=incident,
            about=about,
            body=body,
            contact=contact,
            seat=seat,
            person=person,
            until=at + self.lifetime,
        )
        return f"{self.base}/{purpose}/{self.token(grant)}"

    def token(self, grant: Grant) -> str:
        """``grant``, signed."""
        said = grant.model_dump(mode="json", exclude_none=True, exclude={"purpose"})
        said["until"] = int(grant.until.timestamp())
        return str(self._signer(grant.purpose).dumps(said))

    def read(self, purpose: Purpose, token: str) -> Grant:
        """What ``token`` allows, if its moment has not passed by the incident's own clock.

        Raises:
            BadLink: it is not one of ours for this purpose.
        """
        try:
            said = self._signer(purpose).loads(token)
            until = datetime.fromtimestamp(said.pop("until"), UTC)
            return Grant.model_validate({**said, "purpose": purpose, "until": until})
        except (BadData, ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadLink(type(error).__name__) from None

    def _signer(self, purpose: Purpose) -> URLSafeSerializer:
        return URLSafeSerializer(
            self.key,
            salt=f"yaoan {purpose}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
