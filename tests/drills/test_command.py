"""``yaoan drill``: scenarios are listed and checked, each mistake by file, line and field."""

import json
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


def test_a_scenario_is_rehearsed_by_the_rules_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    shipped = next(path for path in SHIPPED if path.stem == "late-report")
    answer = CliRunner().invoke(app, ["drill", "rehearse", str(shipped), "--json", str(out)])
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "refused as written: " in answer.stdout
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["surprises"] == []
    assert {one["phase"] for one in found["incidents"].values()} == {"closed"}
    outcomes = [one for inject in found["injects"].values() for one in inject["expected"]]
    assert {"met", "missed"} <= {*outcomes}


def test_a_script_that_does_not_run_says_where(tmp_path: Path) -> None:
    text, _ = edited("{decider: county-msa, report: $first}", "{decider: duty, report: $first}")
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(app, ["drill", "rehearse", str(file)])
    assert answer.exit_code == 1
    assert answer.stderr.startswith("surprise: action 2: sign_report: refused: no_authority")


def test_the_papers_of_an_exercise_are_made_before_it(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    answer = CliRunner().invoke(app, ["drill", "papers", str(SHIPPED[0]), str(folder)])
    assert (answer.exit_code, answer.stderr) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) >= 8
    assert {Path(name).suffix for name in names} == {".md", ".docx"}
    assert all(path.stat().st_size for path in folder.iterdir())
    scheme = (folder / f"{SHIPPED[0].stem}-scheme.zh.md").read_text(encoding="utf-8")
    assert "【演练】" in scheme
