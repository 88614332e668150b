"""``python -m tests.clauses``: every clause of the plan's data and the tests that show it.

A test says with ``@pytest.mark.clause("4.2(3)", …)`` which provisions it shows. A clause counts
by its exact name: a test of 4.2 says nothing about 4.2(3). Ends with status 1 when a clause has
no test, 2 when the tests cannot be collected.

The same file is the pytest plugin that collects the markers.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.plan import Plan
from store.plans import load_plan

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / "plans" / "gaoqing-2023.yaml"
OUTPUT = "YAOAN_CLAUSES_OUTPUT"

Shown = dict[str, list[str]]
"""The node ids of the tests of each clause, in the order of collection."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """As a plugin: write the clauses of every collected test to the file that OUTPUT names."""
    shown: Shown = defaultdict(list)
    for item in session.items:
        for marker in item.iter_markers("clause"):
            for clause in marker.args:
                shown[clause].append(item.nodeid)
    if OUTPUT in os.environ:
        text = json.dumps(shown, ensure_ascii=False)
        Path(os.environ[OUTPUT]).write_text(text, encoding="utf-8")


def clauses_of(plan: Plan) -> dict[str, set[str]]:
    """Every clause that ``plan`` names, in its order, with the sections that name it."""
    found: dict[str, set[str]] = defaultdict(set)
    for section, value in plan.model_dump(mode="json").items():
        for clause in _clauses_in(value):
            found[clause].add(section)
    return dict(found)


def _clauses_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        # A grading line's name is its clause.
        yield from (value[key] for key in ("clause", "line") if isinstance(value.get(key), str))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _clauses_in(item)


def collect(*paths: str) -> Shown:
    """The clauses of the tests under ``paths``, collected in a process of their own.

    Raises:
        RuntimeError: pytest could not collect; the message is what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "clauses.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "--no-header"]
        ended = subprocess.run(
            [*command, "-p", "tests.clauses", *paths],
            cwd=ROOT,
            env={**os.environ, OUTPUT: str(output)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0 or not output.exists():
            raise RuntimeError((ended.stdout + ended.stderr).strip())
        shown: Shown = json.loads(output.read_text(encoding="utf-8"))
        return shown


def order(clause: str) -> tuple[int, list[tuple[int, str]]]:
    """Sort key: chapters by number, then the annexes, then other laws."""
    group = 0 if clause[:1].isdigit() else 1 if clause.startswith("附件") else 2
    numerals = {"一": 1, "二": 2, "三": 3, "四": 4}
    parts: list[tuple[int, str]] = []
    for part in clause.replace("(", ".").replace(")", "").replace(" ", ".").split("."):
        number = int(part) if part.isdigit() else numerals.get(part, 0)
        parts.append((number, part))
    return group, parts


def matrix(plan: Plan, shown: Shown) -> tuple[list[str], list[str]]:
    """The lines of the matrix, and the clauses that no test shows."""
    named = clauses_of(plan)
    lines: list[str] = []
    for clause in sorted(named, key=order):
        tests = shown.get(clause, [])
        lines.append(f"{clause}  [{', '.join(sorted(named[clause]))}]")
        lines.extend(f"    {line}" for line in _by_function(tests))
        if not tests:
            lines.append("    — no test")
        elif data_only(tests):
            lines.append("    (the data alone; no test yet of what the system does about it)")
    return lines, [clause for clause in sorted(named, key=order) if not shown.get(clause)]


def data_only(tests: list[str]) -> bool:
    """Whether ``tests`` look at the plan's data and at nothing that the system does."""
    return all(test.startswith("tests/plans/") for test in tests)


def _by_function(tests: list[str]) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    for test in tests:
        counts[test.split("[", 1)[0].removeprefix("tests/")] += 1
    return [name if n == 1 else f"{name} (×{n})" for name, n in counts.items()]


def main() -> int:
    """Print the matrix; see the module."""
    plan = load_plan(PLAN)
    try:
        shown = collect("tests")
    except RuntimeError as error:
        print(f"the tests cannot be collected:\n{error}", file=sys.stderr)  # noqa: T201
        return 2
    lines, missing = matrix(plan, shown)
    others = sorted(set(shown) - set(clauses_of(plan)), key=order)
    if others:
        lines.append("")
        lines.append(f"Shown as well, named by no entry of the plan's data: {', '.join(others)}")
    lines.append("")
    named = clauses_of(plan)
    alone = sum(data_only(shown[clause]) for clause in named if clause in shown)
    lines.append(
        f"{len(named) - len(missing)} of {len(named)} clauses have a test, "
        f"{alone} of them one of the data alone."
    )
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    print("\n".join(lines))  # noqa: T201
    for clause in missing:
        print(f"no test shows {clause}", file=sys.stderr)  # noqa: T201
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
