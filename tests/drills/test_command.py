"""``yaoan drill``: scenarios are listed and checked, each mistake by file, line and field."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from tests.drills.small import SCHEMA, SHIPPED, SMALL, edited
from tests.plans.files import TINY


def test_what_ships_is_listed() -> None:
    answer = CliRunner().invoke(app, ["drill", "list"])
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert [line.partition(":")[0] for line in answer.stdout.splitlines()] == [
        path.name for path in SHIPPED
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_is_complete(path: Path) -> None:
    answer = CliRunner().invoke(app, ["drill", "check", str(path)])
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "is complete" in answer.stdout


def test_each_mistake_gets_a_line(tmp_path: Path) -> None:
    text, line = edited("to: [duty]", "to: [boss]")
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(app, ["drill", "check", str(file)])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == f"{file}:{line}: injects[0].to[0]: no role 'boss'\n"


def test_a_faulty_file_is_named_beside_those_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("", encoding="utf-8")
    answer = CliRunner().invoke(app, ["drill", "list", str(tmp_path)])
    assert answer.exit_code == 1
    assert answer.stdout == "a.yaml: 小演练 · Small (1 d, 1 injects)\n"
    assert answer.stderr.startswith(f"{tmp_path / 'b.yaml'}:1: a scenario is a mapping")


def test_a_scenario_is_checked_against_the_plan_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL, encoding="utf-8")
    answer = CliRunner().invoke(app, ["drill", "check", str(file), "--plan", str(TINY)])
    assert answer.exit_code == 1
    assert "plan: it is for 'gaoqing-2023', and this plan is 'shili-2031'" in answer.stderr
    answer = CliRunner().invoke(app, ["drill", "check", str(file), "--plan", "nowhere.yaml"])
    assert (answer.exit_code, answer.stderr) == (1, "nowhere.yaml: No such file or directory\n")


def test_the_schema_is_printed_as_it_is_kept() -> None:
    answer = CliRunner().invoke(app, ["drill", "schema"])
    assert answer.stdout_bytes == SCHEMA.read_bytes()
