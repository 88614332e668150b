"""Where an incident stands, for people: what is next, what is overdue, whom it waits for."""

from datetime import datetime

from domain.base import beijing_text
from domain.incident.entries import Clock
from domain.incident.notices import deciders, duty_name
from domain.incident.rules import PHASE_ZH
from domain.incident.state import State
from domain.plan import Plan

SHOWN = 12
"""How many clocks the summary for the Temporal UI lists."""


def overdue(state: State, now: datetime) -> tuple[Clock, ...]:
    """The open clocks whose due moment has passed, longest overdue first."""
    return tuple(clock for clock in state.open_clocks if clock.due <= now)


def next_due(state: State, now: datetime) -> Clock | None:
    """The open clock that falls due next."""
    return next((clock for clock in state.open_clocks if clock.due > now), None)


def unanswered(state: State) -> tuple[str, ...]:
    """The bodies that have a notice and have not answered it, by id."""
    return tuple(sorted({notice.recipient for notice in state.unanswered}))


def waiting_for(plan: Plan, state: State) -> tuple[str, ...]:
    """The bodies from which something is expected, by id: open decisions, duties and tasks."""
    bodies: set[str] = set()
    for proposal in state.proposals.values():
        if proposal.status == "open":
            bodies.update(deciders(plan, state, proposal))
        elif (
            proposal.kind == "release"
            and proposal.status == "approved"
            and all(r.proposal != proposal.id for r in state.releases.values())
        ):
            bodies.add(plan.office)
    if state.pursues and state.open_calls:
        bodies.add(plan.duty)
    for clock in state.open_clocks:
        bodies.add(clock.owner)
    for task in state.tasks.values():
        if task.status == "open":
            bodies.add(task.owner)
    return tuple(sorted(bodies))


def details(plan: Plan, state: State, now: datetime, journal: str = "current") -> str:
    """The state of the incident as Markdown for the Temporal UI; never personal data."""
    level = state.level or (f"≤{state.candidate}?" if state.candidate else "未定级 not graded")
    lines = [
        f"## {state.incident} · {PHASE_ZH[state.phase]} ({state.phase}) · {level}",
        "",
    ]
    if state.facts is not None:
        lines.append(f"{state.facts.drug} · {state.facts.place}")
        lines.append("")
    if journal != "current":
        lines += [f"**记录库 journal: {journal}**", ""]
    late = sorted(overdue(state, now), key=lambda clock: clock.kind != "statutory")
    if late:
        lines.append(f"### 已超时 overdue: {len(late)}")
        lines += [_clock_line(plan, state, clock) for clock in late[:SHOWN]]
        lines.append("")
    # Statutory first: many internal targets must not push a legal deadline off the page.
    upcoming = sorted(
        (clock for clock in state.open_clocks if clock.due > now),
        key=lambda clock: (clock.kind != "statutory", clock.due),
    )
    if upcoming:
        lines.append("### 接下来 next")
        lines += [_clock_line(plan, state, clock) for clock in upcoming[:SHOWN]]
        lines.append("")
    silent = [plan.body_by_id[body].name for body in unanswered(state)]
    if silent:
        lines.append("### 未签收 not answered")
        lines += [f"- {name.zh} {name.en}" for name in silent]
        lines.append("")
    names = [plan.body_by_id[b].name for b in waiting_for(plan, state) if b in plan.body_by_id]
    if names:
        lines.append("### 等待 waiting for")
        lines += [f"- {name.zh} {name.en}" for name in names]
    return "\n".join(lines)


def _clock_line(plan: Plan, state: State, clock: Clock) -> str:
    zh, en = duty_name(plan, state, clock)
    label = "" if clock.kind == "statutory" else " 内控"
    return f"- {beijing_text(clock.due)}{label} · {clock.clause} · {zh} ({en})"
