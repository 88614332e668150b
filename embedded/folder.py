"""The data folder: everything that must survive, and who may have it open."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO, Any

from embedded.problem import Problem

ROLES = ("postgres", "yaoan_migrator", "yaoan_app")
"""PostgreSQL's roles: superuser, owner of the schemas, and the application's."""

VAULT_KEY_BYTES = 32
LOGS_KEPT = 5


class DataFolder:
    """The data folder of one stack, held by a lock for as long as the stack runs.

    ``open`` raises ``Problem`` when the folder cannot be used; nothing is changed then.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    @property
    def sockets(self) -> Path:
        """The folder of PostgreSQL's Unix socket, closed to others."""
        return self.root / "run" / "postgres"

    @property
    def run(self) -> Path:
        """What is of use only while the stack runs: process records."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log for each child."""
        return self.root / "logs"

    @property
    def credentials(self) -> Path:
        """The API tokens, one for each seat."""
        return self.root / "credentials.json"

    @property
    def vault_key(self) -> Path:
        """The key that wraps the vault's keys."""
        return self.root / "vault.key"

    def temporal(self, space: str) -> Path:
        """The Temporal server's database of one space."""
        return self.root / "temporal" / f"{space}.sqlite"

    def open(self) -> None:
        """Make the folder if it is new, and take its lock.

        Raises ``Problem`` when it cannot be made or written, or another stack runs on it.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in (self.run, self.logs, self.root / "temporal"):
                part.mkdir(mode=0o700, exist_ok=True)
            lock = (self.root / "lock").open("a+", encoding="utf-8")
        except (FileExistsError, NotADirectoryError):
            raise Problem(f"{self.root} is not a folder: choose another with --data.") from None
        except OSError as error:
            raise Problem(
                f"The data folder {self.root} cannot be written ({error.strerror}): "
                "allow it, or choose another with --data."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Problem(
                f"The data folder {self.root} is in use by a yaoan that is running "
                f"(process {holder}): stop that one, or choose another folder with --data."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    @property
    def held(self) -> bool:
        """Whether the lock is ours."""
        return self._lock is not None

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def passwords(self) -> dict[str, str]:
        """The password of each PostgreSQL role, made at the first start.

        Raises ``Problem`` when they are lost or unreadable while a database needs them.
        """
        path = self.root / "secrets.json"
        if not path.exists():
            if self.postgres.exists():
                raise Problem(
                    f"{path} is missing, and the database in {self.postgres} opens only with "
                    "the passwords in it: put it back from a copy, or choose another folder "
                    "with --data."
                )
            made = {role: secrets.token_urlsafe(24) for role in ROLES}
            write_private(path, json.dumps({"postgres_passwords": made}, indent=2) + "\n")
        content = read_json(path)
        kept = content.get("postgres_passwords") if isinstance(content, dict) else None
        if not isinstance(kept, dict) or not all(isinstance(kept.get(r), str) for r in ROLES):
            raise Problem(
                f"{path} is damaged, a password is missing in it: put it back from a copy, "
                "or choose another folder with --data."
            )
        return {role: kept[role] for role in ROLES}

    def ensure_vault_key(self) -> Path:
        """Make the vault's key at the first start.

        Raises ``Problem`` when it is lost or has the wrong length while a database exists:
        a new key would make what the vault holds unreadable for ever.
        """
        path = self.vault_key
        if not path.exists():
            if self.postgres.exists():
                raise Problem(
                    f"{path} is missing, and victims' data in the vault open only with it: "
                    "put it back from a copy, or choose another folder with --data."
                )
            write_private(path, secrets.token_bytes(VAULT_KEY_BYTES))
        try:
            length = len(path.read_bytes())
        except OSError as error:
            raise Problem(f"{path} cannot be read ({error.strerror}): allow it.") from None
        if length != VAULT_KEY_BYTES:
            raise Problem(
                f"{path} is damaged, it holds {length} bytes instead of {VAULT_KEY_BYTES}: "
                "put it back from a copy, or choose another folder with --data."
            )
        return path

    def log(self, name: str) -> Path:
        """The log of a child, begun anew; the last few are kept as ``.1``, ``.2``, …"""
        path = self.logs / f"{name}.log"
        for number in range(LOGS_KEPT - 1, -1, -1):
            old = path.with_suffix(f".log.{number}") if number else path
            if old.exists():
                old.replace(path.with_suffix(f".log.{number + 1}"))
        return path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only we may read, whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> Any:
    """The content of a JSON file of ours.

    Raises ``Problem`` when it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror}): allow it.") from None
    except ValueError:
        raise Problem(
            f"{path} is damaged, it is no JSON: put it back from a copy, or choose another "
            "folder with --data."
        ) from None
