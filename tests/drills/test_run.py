"""``yaoan drill run``: from a file to an evaluation, on servers of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.short import SHORT
from tests.plans.files import ROOT

pytestmark = pytest.mark.clause("6.5")

YAOAN = Path(sys.executable).with_name("yaoan")


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The command with a scenario of that text, all its temporary files below ``folder``."""
    scenario = folder / "scenario.yaml"
    scenario.write_text(text, encoding="utf-8")
    return subprocess.run(
        [str(YAOAN), "drill", "run", str(scenario), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=240,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def test_it_plays_evaluates_and_leaves_only_what_was_asked_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    result, papers = tmp_path / "result.json", tmp_path / "papers"
    done = run(tmp_path, SHORT, "--json", str(result), "--papers", str(papers))
    assert done.returncode == 0, done.stderr
    assert "两小时内报告" in done.stdout
    found = json.loads(result.read_text(encoding="utf-8"))
    assert [one["status"] for one in found["evaluation"]["judged"]] == ["met", "unseen"]
    assert found["surprises"] == []
    assert found["incidents"]["main"]["events"][0]["type"] == "incident.reported"
    assert (papers / "short-one-after-action.zh.docx").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"scenario.yaml", "result.json", "papers"}


def test_what_went_otherwise_than_written_ends_it_with_1(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    otherwise = SHORT.replace("refused: unknown_proposal", "refused: no_authority")
    done = run(tmp_path, otherwise)
    assert done.returncode == 1, done.stderr
    assert "surprise: action 6: decide_activation: refused: unknown_proposal" in done.stderr


def test_a_file_that_cannot_be_played_ends_it_with_2_and_says_why(tmp_path: Path) -> None:
    done = run(tmp_path, SHORT.replace("seat: county-msa", "seat: nobody"))
    assert done.returncode == 2
    assert "nobody" in done.stderr
