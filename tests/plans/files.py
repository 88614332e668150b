"""The plan files that tests read, each loaded once."""

from functools import cache
from pathlib import Path

from domain.plan import Plan
from store.plans import load_plan

ROOT = Path(__file__).resolve().parent.parent.parent
GAOQING = ROOT / "plans" / "gaoqing-2023.yaml"
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
SCHEMA = ROOT / "plans" / "plan.schema.json"


@cache
def gaoqing() -> Plan:
    """The county's plan."""
    return load_plan(GAOQING)


@cache
def tiny() -> Plan:
    """An invented county's plan: two levels, other bodies, other numbers."""
    return load_plan(TINY)


def with_reading(plan: Plan, reading: str, choice: str | None, confirmed: bool = False) -> Plan:
    """``plan`` with another choice for ``reading``, confirmed by the interpreting body or not."""
    changed = tuple(
        entry.model_copy(
            update={
                "choice": choice,
                "confirmed_by": plan.regulator if confirmed else None,
                "confirmed_on": "2026-01-05" if confirmed else None,
            }
        )
        if entry.id == reading
        else entry
        for entry in plan.readings
    )
    return Plan.model_validate({**plan.model_dump(), "readings": changed})
