"""The data folder: what is made at the first start, and what is said when it is damaged."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.folder import DataFolder
from embedded.problem import Problem

ROOT = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    """The permissions of a file."""
    return path.stat().st_mode & 0o777


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    """An open data folder."""
    made = DataFolder(tmp_path / "data")
    made.open()
    yield made
    made.close()


def test_secrets_are_made_once_and_closed_to_others(folder: DataFolder) -> None:
    passwords = folder.passwords()
    key = folder.ensure_vault_key().read_bytes()
    assert len(set(passwords.values())) == 3
    assert len(key) == 32
    assert mode(folder.root) == 0o700
    assert mode(folder.root / "secrets.json") == 0o600
    assert mode(folder.vault_key) == 0o600
    assert folder.passwords() == passwords
    assert folder.ensure_vault_key().read_bytes() == key


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"postgres_passwords": {"postgres": "x"}}', '{"a": 1}']
)
def test_damaged_passwords_are_named(folder: DataFolder, content: str) -> None:
    (folder.root / "secrets.json").write_text(content)
    with pytest.raises(Problem, match=r"secrets\.json is damaged.*put it back from a copy"):
        folder.passwords()


@pytest.mark.parametrize("name", ["secrets.json", "vault.key"])
def test_what_an_existing_database_needs_is_not_made_anew(folder: DataFolder, name: str) -> None:
    folder.passwords()
    folder.ensure_vault_key()
    folder.postgres.mkdir()
    (folder.root / name).unlink()
    read = folder.passwords if name == "secrets.json" else folder.ensure_vault_key
    with pytest.raises(Problem, match=rf"{name} is missing"):
        read()
    assert not (folder.root / name).exists()


def test_a_short_vault_key_is_refused(folder: DataFolder) -> None:
    folder.vault_key.write_bytes(b"short")
    with pytest.raises(Problem, match="holds 5 bytes instead of 32"):
        folder.ensure_vault_key()


def test_only_one_stack_at_a_time(folder: DataFolder) -> None:
    source = (
        "import pathlib, sys; from embedded.folder import DataFolder;"
        "DataFolder(pathlib.Path(sys.argv[1])).open()"
    )
    command = [sys.executable, "-c", source, str(folder.root)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"in use by a yaoan that is running (process {os.getpid()})" in second.stderr
    folder.close()
    third = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert third.returncode == 0


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a letter")
    with pytest.raises(Problem, match="is not a folder"):
        DataFolder(tmp_path / "data").open()


def test_the_last_logs_are_kept(folder: DataFolder) -> None:
    for start in range(8):
        folder.log("api").write_text(f"start {start}")
    kept = {path.name: path.read_text() for path in folder.logs.iterdir()}
    assert kept == {
        "api.log": "start 7",
        **{f"api.log.{age}": f"start {7 - age}" for age in range(1, 6)},
    }


def test_a_half_written_file_is_never_seen(folder: DataFolder) -> None:
    (folder.root / "secrets.json.new").write_text('{"postgres_pass')
    made = folder.passwords()
    assert json.loads((folder.root / "secrets.json").read_text())["postgres_passwords"] == made
