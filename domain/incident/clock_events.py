"""What the clock events do to the state; the rules that make them stand in domain/clocks.py."""

from domain.incident.events import (
    ClockCancelled,
    ClockMet,
    ClockMoved,
    ClockOpened,
    ClockReminded,
    ClockReopened,
    ClockUnrecorded,
)
from domain.incident.record import Event
from domain.incident.rules import evolves, put, set_clock
from domain.incident.state import State


@evolves(ClockOpened)
def _(state: State, event: Event, p: ClockOpened) -> State:
    return put(state, "clocks", p.clock.id, p.clock)


@evolves(ClockMoved)
def _(state: State, event: Event, p: ClockMoved) -> State:
    clock = state.clocks[p.clock]
    # A due moment that moved back into the future may be missed anew.
    unrecorded = clock.unrecorded_at if p.due <= event.recorded else None
    return set_clock(
        state,
        p.clock,
        basis=p.basis,
        due=p.due,
        readings=p.readings,
        remind_at=p.remind_at,
        unrecorded_at=unrecorded,
    )


@evolves(ClockReminded)
def _(state: State, event: Event, p: ClockReminded) -> State:
    left = tuple(at for at in state.clocks[p.clock].remind_at if at > event.recorded)
    return set_clock(state, p.clock, remind_at=left)


@evolves(ClockUnrecorded)
def _(state: State, event: Event, p: ClockUnrecorded) -> State:
    return set_clock(state, p.clock, unrecorded_at=event.recorded, remind_at=())


@evolves(ClockMet)
def _(state: State, event: Event, p: ClockMet) -> State:
    return set_clock(
        state,
        p.clock,
        status="met",
        met_at=p.at,
        met_recorded=event.recorded,
        met_by=p.by,
        verdict=p.verdict,
        late_by=p.late_by,
        remind_at=(),
    )


@evolves(ClockReopened)
def _(state: State, event: Event, p: ClockReopened) -> State:
    return set_clock(
        state,
        p.clock,
        status="open",
        # Open again and past its due moment, it has to be heard of again.
        unrecorded_at=None,
        remind_at=p.remind_at,
        met_at=None,
        met_recorded=None,
        met_by=None,
        verdict=None,
        late_by=None,
        reason=p.reason,
    )


@evolves(ClockCancelled)
def _(state: State, event: Event, p: ClockCancelled) -> State:
    return set_clock(state, p.clock, status="cancelled", reason=p.reason, remind_at=())
