"""What an evaluation is made from: the records of a drill's incidents, and what was refused."""

from dataclasses import dataclass
from typing import Final

from domain.drill.evaluation import evaluate
from domain.drill.record import DrillRecord
from domain.drill.results import Attempt, Evaluation
from domain.incident.record import Event
from domain.incident.state import State
from domain.plan import Plan
from store import audit, board, journal
from store.pool import Pool

REFUSALS_MOST: Final = 200
"""At most so many refusals of an incident are looked at."""


@dataclass(frozen=True)
class Evaluated:
    """A drill evaluated, with what that was made from; ``events`` by the openings' names."""

    record: DrillRecord
    plan: Plan
    evaluation: Evaluation
    events: dict[str, list[Event]]


async def evaluated(pool: Pool, plan: Plan, left: DrillRecord) -> Evaluated:
    """How the drill went that left ``left``.

    Args:
        plan: the one in force, should the drill have opened no incident.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    events: dict[str, list[Event]] = {}
    states: dict[str, State] = {}
    attempts: list[Attempt] = []
    for name, number in left.incidents.items():
        found = await board.get(pool, number)
        if found is None:
            continue
        states[name], plan = found[0], await board.get_plan(pool, found[1])
        events[name] = await _whole(pool, number)
        attempts += await _refused(pool, number)
    return Evaluated(left, plan, evaluate(plan, left, events, states, attempts), events)


async def _whole(pool: Pool, incident: str) -> list[Event]:
    """Every event of an incident."""
    found: list[Event] = []
    while page := await journal.read_events(pool, incident, found[-1].seq if found else 0):
        found += page
    return found


async def _refused(pool: Pool, incident: str) -> list[Attempt]:
    """What was wanted of an incident and refused."""
    return [
        Attempt(
            at=one.at,
            incident=incident,
            command=one.command,
            seat=one.seat,
            decider=one.decider,
            code=one.code,
            clause=one.clause,
        )
        for one in await audit.list_refusals(pool, incident=incident, limit=REFUSALS_MOST)
    ]
