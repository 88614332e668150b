"""The level over time: which level held when, with or without a response."""

from datetime import datetime

from domain.incident.entries import Held
from domain.incident.state import State


def hold(state: State, level: str | None, at: datetime) -> State:
    """``state`` with ``level`` held from ``at`` on; None ends it (3.2.3(2), 4.6.3, 4.6.4)."""
    periods = list(state.held)
    if periods and periods[-1].until is None:
        last = periods[-1]
        if (last.level, last.response) == (level, state.response_level):
            return state
        # A late entry may reach back before the period it ends.
        periods[-1] = last.model_copy(update={"until": max(at, last.since)})
    if level is not None:
        periods.append(Held(level=level, since=at, response=state.response_level))
    return state.model_copy(update={"held": tuple(periods)})
