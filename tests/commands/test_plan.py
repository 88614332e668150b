"""``yaoan plan``: a plan is complete, or each mistake is named by file, line and field."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from domain.plan import plan_digest
from store.plans import load_plan
from tests.plans.files import GAOQING, SCHEMA, TINY


@pytest.mark.parametrize("file", [GAOQING, TINY])
def test_a_complete_plan_is_called_complete(file: Path) -> None:
    answer = CliRunner().invoke(app, ["plan", "check", str(file)])
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "is complete" in answer.stdout
    assert plan_digest(load_plan(file)) in answer.stdout


def test_each_mistake_gets_a_line(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    text = TINY.read_text(encoding="utf-8")
    file.write_text(
        text.replace("regulator: watch", "regulator: wacht").replace("[staff, hall]", "[]", 1),
        encoding="utf-8",
    )
    answer = CliRunner().invoke(app, ["plan", "check", str(file)])
    assert (answer.exit_code, answer.stdout) == (1, "")
    first, *_ = answer.stderr.splitlines()
    line = text[: text.index("regulator: watch")].count("\n") + 1
    assert first == f"{file}:{line}: regulator: no body 'wacht': did you mean 'watch'?"


def test_a_missing_file_is_named() -> None:
    answer = CliRunner().invoke(app, ["plan", "check", "nowhere.yaml"])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == "nowhere.yaml: No such file or directory\n"


def test_the_schema_is_printed_as_it_is_kept() -> None:
    answer = CliRunner().invoke(app, ["plan", "schema"])
    assert answer.stdout_bytes == SCHEMA.read_bytes()
