"""One API token for each body and seat of the plan, kept where only its owner reads it."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded.folder import read_json, write_private
from embedded.problem import Problem

FILE = "credentials.json"


@dataclass(frozen=True)
class Credential:
    """A token that speaks for a seat of a body."""

    seat: str
    body: str
    token: str

    @property
    def digest(self) -> str:
        """SHA-256 of the token in hexadecimal: all that the database ever holds of it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


def ensure_credentials(data_dir: Path, seats: Sequence[tuple[str, str]]) -> list[Credential]:
    """The credentials of all ``seats``, pairs of seat and body, in their order.

    Tokens are made at the first start and when the plan gains a seat; those that exist stay
    as they are, also of seats that the plan no longer has, though these are not returned.
    The file keeps mode 0600. Raises ``Problem`` when it is damaged.
    """
    path = data_dir / FILE
    kept = _read(path) if path.exists() else []
    by_seat = {(one.seat, one.body): one for one in kept}
    for seat, body in seats:
        if (seat, body) not in by_seat:
            token = "yaoan_" + secrets.token_urlsafe(32)
            by_seat[seat, body] = Credential(seat, body, token)
    if len(by_seat) > len(kept):
        content = {"credentials": [asdict(one) for one in by_seat.values()]}
        write_private(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    elif path.exists() and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return [by_seat[seat, body] for seat, body in seats]


def known_digests(data_dir: Path) -> set[str]:
    """The digests of every token in the file, also of seats that the plan no longer has.

    Raises ``Problem`` when it is damaged.
    """
    return {one.digest for one in _read(data_dir / FILE)}


def _read(path: Path) -> list[Credential]:
    content = read_json(path)
    try:
        return [
            Credential(str(one["seat"]), str(one["body"]), str(one["token"]))
            for one in content["credentials"]
        ]
    except (TypeError, KeyError):
        raise Problem(
            f"{path} is damaged, it does not list seats with their tokens: put it back from a "
            "copy, or remove it to have new tokens made."
        ) from None
