"""``yaoan grade``: what it answers, and what it refuses without a word on standard output."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import app
from tests.plans.files import ROOT, TINY

EXAMPLE: dict[str, Any] = {
    "affected": 13,
    "severe": 0,
    "deaths": 0,
    "unexpected": True,
    "similar_symptoms": True,
    "clustered": True,
    "lots_close": True,
    "same_drug": True,
    "same_lot": True,
    "short_term": None,
    "similar_cases": None,
    "spread": {"provinces_with_ii": 0, "cities_with_iii": 0, "counties_with_iv": 0},
    "judged_level": None,
}


def grade(findings: str | bytes | dict[str, Any], *options: str) -> Result:
    """What the command makes of ``findings`` on standard input."""
    given = json.dumps(findings) if isinstance(findings, dict) else findings
    return CliRunner().invoke(app, ["grade", "-", *options], input=given)


@pytest.mark.clause("附件1 四(一)")
def test_the_example_is_level_four() -> None:
    answer = grade(EXAMPLE)
    assert (answer.exit_code, answer.stderr) == (0, "")
    result = json.loads(answer.stdout)
    assert list(result)[:4] == ["level", "candidate", "needs_judgement", "lines"]
    assert [result["level"], result["candidate"]] == ["IV", "IV"]
    assert result["needs_judgement"] is False
    assert [list(line)[:4] for line in result["lines"]] == [["line", "level", "met", "why"]] * 14
    met = {line["line"]: line["met"] for line in result["lines"]}
    assert met.pop("附件1 四(一)") == "yes"
    assert set(met.values()) == {"no"}
    assert all(line["why"] and line["why_zh"] for line in result["lines"])


@pytest.mark.clause("附件1 二(二)")
def test_two_deaths_say_so_and_ask_an_expert() -> None:
    known = {**EXAMPLE, "affected": 0, "severe": 2, "deaths": 2, "short_term": True}
    result = json.loads(grade({**known, "clustered": False, "similar_cases": True}).stdout)
    assert (result["level"], result["candidate"], result["needs_judgement"]) == ("II", "II", True)
    assert "请专家确认" in result["notes"][0]
    assert result["readings"] == ["two-deaths"]


@pytest.mark.clause("附件1")
def test_nothing_known_is_for_a_person() -> None:
    result = json.loads(grade("{}").stdout)
    assert (result["level"], result["candidate"], result["needs_judgement"]) == (None, "I", True)


def test_a_file_is_read_by_name(tmp_path: Path) -> None:
    file = tmp_path / "findings.json"
    file.write_text(json.dumps(EXAMPLE), encoding="utf-8-sig")
    answer = CliRunner().invoke(app, ["grade", str(file)])
    assert json.loads(answer.stdout)["level"] == "IV"


def test_another_plan_grades_by_its_own_numbers() -> None:
    result = json.loads(grade(EXAMPLE, "--plan", str(TINY)).stdout)
    assert result["level"] == "A"


@pytest.mark.parametrize(
    ("findings", "named"),
    [
        ({"affected": -1}, "affected: must not be negative"),
        ({"severe": -1}, "severe"),
        ({"deaths": -1}, "deaths"),
        ({"spread": {"cities_with_iii": -2}}, "spread.cities_with_iii"),
        ({"affected": 1.0}, "affected: must be a whole number"),
        ('{"affected": 13e0}', "affected"),
        ('{"affected": NaN}', "affected"),
        ('{"affected": Infinity}', "affected"),
        ({"affected": True}, "affected"),
        ({"deaths": "3"}, "deaths"),
        ({"deaths": []}, "deaths"),
        ({"unexpected": 1}, "unexpected: must be true, false, or null"),
        ({"same_lot": "yes"}, "same_lot"),
        ({"injured": 1}, "injured: is no field"),
        ({"spread": {"towns": 1}}, "spread.towns: is no field"),
        ({"spread": []}, "spread: must be an object"),
        ({"a\nb": 1}, '"a\\nb": is no field'),
        ({"死伤": 1}, "死伤: is no field"),
        ({"deaths": 3, "severe": 2}, "deaths: 3 is more than severe 2"),
        ({"judged_level": "V"}, "judged_level: use one of I, II, III, IV"),
        ({"judged_level": ""}, "judged_level"),
        ({"judged_level": 4}, "judged_level"),
        ('{"affected": 1, "affected": 2}', "affected: stands there twice"),
        ('{"spread": {"cities_with_iii": 1, "cities_with_iii": 2}}', "cities_with_iii"),
        ("[]", "one JSON object"),
        ("13", "one JSON object"),
        ("null", "one JSON object"),
        ("NaN", "one JSON object"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{'affected': 1}", "not JSON"),
        ("{} {}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"affected": "\xff"}', "not UTF-8"),
        ('{"affected": ' + "9" * 5000 + "}", "not JSON"),
        ('{"\\ud800": 1}', "is no field"),
    ],
)
def test_what_cannot_be_graded_is_refused_in_one_sentence(
    findings: str | bytes | dict[str, Any], named: str
) -> None:
    answer = grade(findings)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert named in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_missing_file_is_refused() -> None:
    answer = CliRunner().invoke(app, ["grade", "nowhere.json"])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == "nowhere.json: no such file or directory\n"


def test_a_plan_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    answer = grade(EXAMPLE, "--plan", str(tmp_path))
    assert (answer.exit_code, answer.stdout) == (2, "")


def test_in_a_shell_of_another_language_the_answer_is_utf8() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "grade", "-"],
        cwd=ROOT,
        input=json.dumps(EXAMPLE).encode(),
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout.decode())["lines"][-1]["line"] == "附件1 四(二)"
    assert done.stderr == b""
