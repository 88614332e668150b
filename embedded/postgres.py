"""A PostgreSQL server of our own: its files, its process, its roles."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import asyncpg

from embedded.binaries import POSTGRES_MAJOR
from embedded.ports import HOST
from embedded.problem import Problem
from embedded.supervisor import Program
from embedded.user import User, launched

SUPERUSER = "postgres"
MIGRATOR = "yaoan_migrator"
APPLICATION = "yaoan_app"
DATABASE = "yaoan"

LONGEST_SOCKET_PATH = 80
"""Systems allow about 100 bytes for the path of a socket, its name included."""


class Postgres:
    """A PostgreSQL server with its data in ``data`` and its socket in ``sockets``.

    ``binaries`` is the folder of its programs, ``user`` whom it runs as (None: ourselves),
    ``passwords`` those of the superuser, the migrator and the application. ``options`` are
    further server settings.
    """

    def __init__(
        self,
        binaries: Path,
        data: Path,
        sockets: Path,
        port: int,
        passwords: Mapping[str, str],
        user: User | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._binaries = binaries
        self._data = data
        self._sockets = sockets
        self._port = port
        self._passwords = passwords
        self._user = user
        self._options = dict(options or {})
        self._descriptors: list[int] = []

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return f"{HOST}:{self._port}"

    def initialise(self, durable: bool = True) -> bool:
        """Make the database files if there are none; True when they were made.

        They are made under another name and renamed, so that a start that was interrupted
        leaves nothing half done. Raises ``Problem`` when existing files cannot be used.
        """
        self._private_folder(self._sockets)
        if self._data.exists():
            self._check_version()
            return False
        draft = self._data.with_name(self._data.name + ".new")
        if draft.exists():
            shutil.rmtree(draft)
        self._private_folder(draft)
        password = self._sockets / "superuser"
        password.write_text(self._passwords[SUPERUSER])
        password.chmod(0o600)
        if self._user is not None:
            os.chown(password, self._user.uid, self._user.gid)
        with _Seen(self._user) as seen:
            command = [
                str(self._binaries / "initdb"),
                f"--pgdata={seen.path(draft)}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                f"--pwfile={seen.path(self._sockets)}/{password.name}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *([] if durable else ["--no-sync"]),
            ]
            try:
                done = subprocess.run(
                    launched(command, self._user),
                    capture_output=True,
                    text=True,
                    check=False,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                    pass_fds=seen.descriptors,
                    start_new_session=True,  # Ctrl-C is for us to act on
                )
            finally:
                password.unlink()
        if done.returncode != 0:
            words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise Problem(
                f"PostgreSQL could not make its files in {self._data}: "
                f"“{words[-1].strip() if words else 'no message'}”."
            )
        draft.rename(self._data)
        return True

    def program(self, log: Path) -> Program:
        """The server as a child; call once for each ``Supervisor.start``."""
        # The descriptors stay open: a restarted server needs them again.
        seen = _Seen(self._user)
        self._descriptors = seen.descriptors
        sockets = seen.path(self._sockets)
        options = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": sockets if len(sockets) <= LONGEST_SOCKET_PATH else "",
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "max_connections": "100",
            "shared_buffers": "64MB",
            **self._options,
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgresql",
            command=[str(self._binaries / "postgres"), "-D", seen.path(self._data), *settings],
            log=log,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stop_signal=signal.SIGINT,  # fast: ends the sessions, loses nothing
            stop_seconds=30.0,
            orphan_signal=signal.SIGINT,
            user=self._user,
            inherit=seen.descriptors,
        )

    def close(self) -> None:
        """Let go of the folders that were held open for the server."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    async def ready(self) -> None:
        """Return when the server answers.

        Raises ``Problem`` when it refuses our password.
        """
        while True:
            try:
                connection = await asyncpg.connect(self.url(SUPERUSER, SUPERUSER), timeout=5)
            except asyncpg.InvalidPasswordError:
                raise Problem(
                    "PostgreSQL refuses the password in secrets.json: put back the file that "
                    "belongs to this data folder, or choose another folder with --data."
                ) from None
            except (OSError, asyncpg.PostgresError, TimeoutError, ConnectionError):
                await asyncio.sleep(0.03)
            else:
                await connection.close()
                return

    def url(self, role: str, database: str = DATABASE, space: str | None = None) -> str:
        """The address of a database as a role; with ``space``, in the schema of that space."""
        address = f"postgresql://{role}:{quote(self._passwords[role], safe='')}"
        address += f"@{HOST}:{self._port}/{database}"
        return address if space is None else f"{address}?search_path={space}"

    async def prepare(self, spaces: Sequence[str], database: str = DATABASE) -> None:
        """Make the roles, the database and a schema for each space, where they are missing.

        The migrator owns the schemas; the application may only enter them, and does in them
        what the migrations grant. Nobody else may connect.
        """
        connection = await asyncpg.connect(self.url(SUPERUSER, SUPERUSER))
        try:
            for role in (MIGRATOR, APPLICATION):
                if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await connection.execute(f"CREATE ROLE {role} LOGIN")
                # No statement takes a password as a parameter; ours has no quote in it.
                await connection.execute(f"ALTER ROLE {role} PASSWORD '{self._passwords[role]}'")
            exists = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", database
            )
            if not exists:
                await connection.execute(f"CREATE DATABASE {database}")
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
            await connection.execute(
                f"GRANT CONNECT ON DATABASE {database} TO {MIGRATOR}, {APPLICATION}"
            )
        finally:
            await connection.close()
        connection = await asyncpg.connect(self.url(SUPERUSER, database))
        try:
            for space in spaces:
                await connection.execute(
                    f"CREATE SCHEMA IF NOT EXISTS {space} AUTHORIZATION {MIGRATOR}"
                )
                await connection.execute(f"GRANT USAGE ON SCHEMA {space} TO {APPLICATION}")
        finally:
            await connection.close()

    def _private_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if self._user is not None:
            os.chown(folder, self._user.uid, self._user.gid)

    def _check_version(self) -> None:
        try:
            version = (self._data / "PG_VERSION").read_text().strip()
        except OSError:
            raise Problem(
                f"{self._data} is damaged, it is no PostgreSQL database: put it back from a "
                "copy, or choose another folder with --data."
            ) from None
        if version != POSTGRES_MAJOR:
            raise Problem(
                f"{self._data} was made by PostgreSQL {version or '?'}, and this yaoan brings "
                f"PostgreSQL {POSTGRES_MAJOR}: use the yaoan that made it, or choose another "
                "folder with --data."
            )


class _Seen:
    """Folders as the server sees them.

    To an unprivileged user we hand folders as open descriptors, which it reaches through
    ``/proc/self/fd`` whatever the folders above allow. So neither the data folder nor its
    parents (think of /root) are ever opened to others.
    """

    def __init__(self, user: User | None) -> None:
        self._user = user
        self.descriptors: list[int] = []

    def path(self, folder: Path) -> str:
        """The folder's path for the server."""
        if self._user is None:
            return str(folder)
        self.descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        return f"/proc/self/fd/{self.descriptors[-1]}"

    def __enter__(self) -> "_Seen":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
