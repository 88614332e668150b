"""PostgreSQL never runs as root, and nobody's folders are opened for it."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

from embedded import binaries
from embedded.user import launched, server_user


def said_by(command: list[str]) -> str:
    """What a program prints."""
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout


def test_only_root_becomes_somebody_else(tmp_path: Path) -> None:
    user = server_user(tmp_path / "new")
    assert (user is None) == (os.geteuid() != 0)
    uid = int(said_by(launched(["/usr/bin/id", "-u"], user)))
    assert uid != 0
    assert uid == (user.uid if user is not None else os.geteuid())


def test_the_owner_of_the_data_stays_the_same(tmp_path: Path) -> None:
    user = server_user(tmp_path / "new")
    if user is not None:
        shutil.chown(tmp_path, "daemon")
        assert server_user(tmp_path) not in (None, user)
        shutil.chown(tmp_path, user.name)
    assert server_user(tmp_path) == user


def test_programs_in_a_closed_folder_are_lent_and_taken_back(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    package = binaries.find().postgres.parents[1]
    for part in (package.with_name(f"{package.name}.libs"), package / "pginstall18"):
        shutil.copytree(part, tmp_path / part.relative_to(package.parent), symlinks=True)
    closed = tmp_path / package.name / "pginstall18" / "bin"
    scratch = tmp_path / "scratch"
    user = server_user(tmp_path / "new")
    usable = binaries.reachable(closed, user, scratch)
    for name in ("postgres", "initdb", "psql"):
        assert said_by(launched([str(usable / name), "--version"], user)).startswith(name)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert (usable == closed) == (user is None)
    binaries.forget_copy(scratch)
    assert usable.exists() == (user is None)
    assert not scratch.exists()
