"""Who is asking: bearer tokens, and what each kind of seat may read.

Only SHA-256 digests of tokens are known here. They are refreshed from PostgreSQL and copied to
disk, so that people can still act while the database is down.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from api.problems import Problem
from domain.drill.play import STAFF_SEATS, By, Staff
from domain.plan import Plan, SeatKind
from store.credentials import Row, load_copy, save_copy
from store.errors import StoreError

log = logging.getLogger(__name__)

Load = Callable[[], Awaitable[Iterable[Row]]]

REFRESH_SECONDS: Final = 30.0
"""How long a revoked token may still work, and a new one may not yet."""
RETRY_SECONDS: Final = 5.0
UNKNOWN_SECONDS: Final = 1.0
"""A token nobody knows causes at most one extra look at the database in this time."""
_PERSON = re.compile(r"^[^\x00-\x1f\x7f]{1,100}$")

ACTS_FOR_ALL: Final[frozenset[SeatKind | Staff]] = frozenset(
    {"duty", "office", "command", "government"}
)
"""Seats that lead the response read everything of it."""
READS_AUDIT: Final[frozenset[SeatKind | Staff]] = frozenset(
    {"administrator", "office", "duty", "director", "evaluator"}
)


class Actor(BaseModel):
    """Whoever holds a seat now; ``person`` is what the caller says in ``X-Person``."""

    model_config = ConfigDict(frozen=True)

    seat: str
    body: str
    kind: SeatKind | Staff
    person: str | None = None

    @property
    def by(self) -> By:
        """As what the seat acts on an exercise."""
        return By(role=STAFF_SEATS.get(self.seat, "player"), seat=self.seat, person=self.person)

    @property
    def staff(self) -> bool:
        """Whether it directs or evaluates exercises, and plays no part in them."""
        return self.seat in STAFF_SEATS

    @property
    def sees_all_incidents(self) -> bool:
        """A reporter sees only what it reported itself."""
        return self.kind != "reporter"

    @property
    def sees_names(self) -> bool:
        """Whether names of officials who decided, signed or took a call are shown."""
        return self.kind not in ("reporter", "observer")

    @property
    def reads_persons(self) -> bool:
        """Whether the seat may read personal data of victims at all, for a stated reason."""
        return self.kind in ACTS_FOR_ALL

    @property
    def reads_audit(self) -> bool:
        """Whether the seat may read the refusals."""
        return self.kind in READS_AUDIT


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The tokens' digests in memory, with their last good copy on disk."""

    def __init__(self, plan: Plan, copy: Path, load: Load, staff: bool = False) -> None:
        """The tokens of the seats of ``plan``, and with ``staff`` those of an exercise's staff."""
        self._plan = plan
        self._staff = staff
        self._copy = copy
        self._load = load
        self._rows: dict[str, tuple[str, str]] = {}
        self._looked = -UNKNOWN_SECONDS
        self._looking = asyncio.Lock()

    async def refresh(self) -> bool:
        """Take the digests from the database; False when it cannot be reached."""
        try:
            rows = list(await self._load())
        except StoreError as error:
            log.warning("tokens not refreshed: %s", type(error).__name__)
            if not self._rows:
                self._read_copy()
            return False
        fresh = {row.digest: (row.seat, row.body) for row in rows}
        if fresh != self._rows:
            self._rows = fresh
            self._write_copy(rows)
        return True

    async def keep_fresh(self) -> None:
        """Refresh for ever; apart from the requests, which a hanging database must not delay."""
        while True:
            done = await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS if done else RETRY_SECONDS)

    async def find(self, token: str) -> tuple[str, str] | None:
        """Seat and body of ``token``."""
        # A look-up by digest tells a guesser nothing: he would have to guess the digest's
        # pre-image, and tokens are random.
        digest = digest_of(token)
        found = self._rows.get(digest)
        if found is None and time.monotonic() - self._looked >= UNKNOWN_SECONDS:
            async with self._looking:
                self._looked = time.monotonic()
                if digest not in self._rows:
                    await self.refresh()
            found = self._rows.get(digest)
        return found

    def _read_copy(self) -> None:
        try:
            self._rows = {row.digest: (row.seat, row.body) for row in load_copy(self._copy)}
        except (OSError, ValueError) as error:
            log.error("no copy of the tokens can be read: %s", type(error).__name__)

    def _write_copy(self, rows: list[Row]) -> None:
        try:
            save_copy(self._copy, rows)
        except OSError as error:
            log.error("the copy of the tokens cannot be written: %s", type(error).__name__)

    def actor(self, seat: str, body: str, person: str | None) -> Actor | None:
        """The actor of a token's seat, None when the plan no longer has the seat."""
        if self._staff and seat in STAFF_SEATS:
            return Actor(seat=seat, body=body, kind=STAFF_SEATS[seat], person=person)
        held = self._plan.seat_by_id.get(seat)
        if held is None:
            return None
        return Actor(seat=seat, body=body, kind=held.kind, person=person)


def _unauthorised(zh: str, en: str, *, page: bool) -> Problem:
    # A browser asks for the token itself only when it is offered Basic.
    scheme = 'Basic realm="yaoan", charset="UTF-8"' if page else 'Bearer realm="yaoan"'
    return Problem(401, "not_authenticated", zh, en, headers={"WWW-Authenticate": scheme})


def _token(request: Request, *, page: bool) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if page and scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
    return None


def _person(request: Request) -> str | None:
    given = request.headers.get("X-Person")
    if given is None:
        return None
    # Header bytes are Latin-1; Chinese names come percent-encoded or as raw UTF-8.
    with contextlib.suppress(UnicodeEncodeError, UnicodeDecodeError):
        given = given.encode("latin-1").decode()
    person = unquote(given).strip()
    if not person:
        return None
    if not _PERSON.match(person):
        raise Problem(
            422,
            "bad_person",
            "X-Person 须为 1 至 100 个字符的姓名（UTF-8 百分号编码）。",
            "X-Person must be a name of 1 to 100 characters, percent-encoded UTF-8",
        )
    return person


async def authenticate(tokens: Tokens, request: Request, *, page: bool = False) -> Actor:
    """The actor of ``request``.

    Args:
        page: a printable page, opened in a browser: the token may also come as the password
            of HTTP Basic. Only safe methods accept that, so no foreign page can act with it.

    Raises:
        Problem: 401 without a known token.
    """
    token = _token(request, page=page)
    if token is None:
        raise _unauthorised(
            "请在 Authorization 头中提供 Bearer 令牌。",
            "send a bearer token in the Authorization header",
            page=page,
        )
    found = await tokens.find(token)
    actor = tokens.actor(*found, _person(request)) if found else None
    if actor is None:
        raise _unauthorised(
            "令牌无效或已停用。", "the token is unknown or no longer valid", page=page
        )
    return actor
