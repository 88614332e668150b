"""Which user PostgreSQL runs as, since it refuses to be root."""

import os
import pwd
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.problem import Problem

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class User:
    """An unprivileged user of the system."""

    name: str
    uid: int
    gid: int


def server_user(data: Path) -> User | None:
    """The user for PostgreSQL with its data in ``data``; None means ourselves.

    Only root changes the user: to the owner of existing data, else to ``nobody``.
    Raises ``Problem`` when there is no such user, or the data are somebody else's.
    """
    try:
        owner: int | None = data.stat().st_uid
    except FileNotFoundError:
        owner = None
    except PermissionError:
        raise Problem(
            f"The folder {data} belongs to another user: start yaoan as that user, "
            "or choose another folder with --data."
        ) from None
    me = os.geteuid()
    if me != 0:
        if owner not in (None, me):
            raise Problem(
                f"The folder {data} belongs to another user: start yaoan as that user, "
                "or choose another folder with --data."
            )
        return None
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        raise Problem(
            "PostgreSQL must not run as root, and this system has no user 'nobody': "
            "start yaoan as an ordinary user."
        ) from None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def launched(
    command: Sequence[str],
    user: User | None = None,
    orphan_signal: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """The command that runs ``command`` as ``user``, and not longer than we live."""
    ids = (str(user.uid), str(user.gid)) if user is not None else ("-", "-")
    # Isolated and without site-packages, the interpreter is there in 20 ms.
    launcher = [sys.executable, "-IS", str(LAUNCHER), str(os.getpid())]
    return [*launcher, str(int(orphan_signal)), *ids, *command]
