"""How notices go out and are pursued until somebody answers (2.1.1(2) 检查督促).

Notices to one body leave together, as a message. A notice that nobody answers climbs the ladder
that the plan has for it: reminded, the next contact, the leader, a telephone call, the command
office. Every step is at an absolute moment from when the notice was queued. Nothing ends the
climb but an answer, a recorded stop, or that the matter itself is over, which is recorded too.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from domain.directory import ROLES
from domain.incident.entries import Call, Message, Notice
from domain.incident.events import CallWanted, MessageComposed, NoticesSettled
from domain.incident.rules import Fact
from domain.incident.state import State
from domain.plan import Ladder, Plan, Rung
from domain.plan_words import ContactRole

FIRST = Ladder(rungs=(Rung(after=timedelta(), contacts=ROLES[:2]),))
"""The ladder of a plan that has none: told once, to whoever is on duty."""
ABOUT_NOTICES = frozenset({"call", "unanswered", "failed", "refused"})
"""News of notices: that such news gets lost or stays unanswered calls for no news again."""
ENDINGS = frozenset({"dismissed", "merged", "reopened", "voided"})
"""What bodies hear of an incident that ends without having been closed: pursued all the same."""


def clause_of(plan: Plan) -> str:
    """The clause under which notices are pursued."""
    return plan.escalation.clause if plan.escalation else plan.reminders.clause


def ladder_of(plan: Plan, notice: Notice) -> Ladder:
    """The ladder that ``notice`` climbs."""
    if plan.escalation is None:
        return FIRST
    return plan.escalation.statutory if notice.statutory else plan.escalation.internal


def rung_of(ladder: Ladder, step: int) -> Rung:
    """What is done at ``step``; past its end the last rung recurs."""
    return ladder.rungs[min(step, len(ladder.rungs) - 1)]


def step_at(ladder: Ladder, queued_at: datetime, step: int) -> datetime | None:
    """When ``step`` is taken, None if never."""
    at = queued_at + rung_of(ladder, step).after
    beyond = step - len(ladder.rungs) + 1
    if beyond <= 0:
        return at
    return None if ladder.repeat is None else at + beyond * ladder.repeat


def next_step(plan: Plan, notice: Notice) -> datetime | None:
    """When ``notice`` goes out next, the gathering apart; None if never again."""
    if not notice.open or (notice.climbed and not notice.pursued):
        return None
    return step_at(ladder_of(plan, notice), notice.base, notice.climbed)


def _gather(plan: Plan) -> timedelta:
    return plan.escalation.gather if plan.escalation else timedelta()


def _soon(plan: Plan, now: datetime) -> datetime:
    """Until when a moment counts as now: what was due at once is a little apart once recorded."""
    together = plan.escalation is not None and plan.escalation.early > 0
    return now + _gather(plan) // 2 if together else now


def _in_flight(state: State) -> frozenset[str]:
    return frozenset(notice for message in state.messages.values() for notice in message.notices)


def _waiting(plan: Plan, state: State) -> dict[str, list[tuple[Notice, datetime]]]:
    """The notices that will go out (again), by body, each with its next step."""
    found: dict[str, list[tuple[Notice, datetime]]] = {}
    flying = _in_flight(state)
    for notice in state.notices.values() if state.pursues else ():
        if notice.id not in flying and (at := next_step(plan, notice)) is not None:
            found.setdefault(notice.recipient, []).append((notice, at))
    return found


def next_moments(plan: Plan, state: State) -> dict[str, datetime]:
    """When the next message to each body is composed, by body."""
    gather = _gather(plan)
    moments: dict[str, datetime] = {}
    for body, waiting in _waiting(plan, state).items():
        # What is not urgent waits a little for what else may come.
        patient = (
            at if notice.statutory or notice.climbed or notice.climbs_from else at + gather
            for notice, at in waiting
        )
        moment = min(patient)
        if (last := state.last_message.get(body)) is not None:
            moment = max(moment, last + gather)
        moments[body] = moment
    return moments


def compose(plan: Plan, state: State, now: datetime) -> list[Fact]:
    """The messages whose moment has come, each with everything that waits for its body."""
    facts: list[Fact] = []
    moments = next_moments(plan, state)
    if all(moment > now for moment in moments.values()):
        return facts
    for body, waiting in _waiting(plan, state).items():
        near = _near(plan, state, body, now)
        notices: dict[str, int] = {}
        contacts: set[ContactRole] = set()
        for notice, at in waiting:
            if (at <= now and moments[body] <= now) or near(notice, at):
                steps = _steps(plan, notice, now)
                notices[notice.id] = steps[-1]
                ladder = ladder_of(plan, notice)
                contacts.update(*(rung_of(ladder, step).contacts for step in steps))
        if not notices:
            continue
        message = Message(
            id=f"m{state.seq + 1 + len(facts)}",
            recipient=body,
            notices=notices,
            contacts=tuple(role for role in ROLES if role in contacts),
            at=now,
        )
        facts.append(Fact(MessageComposed(message=message), clause_of(plan), now))
    return facts


def _near(plan: Plan, state: State, body: str, now: datetime) -> Callable[[Notice, datetime], bool]:
    """Which of the notices to ``body`` are told again now, though their moment is still to come.

    That is what is due in a moment, and what recurs and has waited for long enough. So a message
    to one body wakes the incident for all, and brings everything at once.
    """
    share = plan.escalation.early if plan.escalation else 0
    last = state.last_message.get(body)
    just = last is not None and now < last + _gather(plan)
    soon = _soon(plan, now)

    def near(notice: Notice, at: datetime) -> bool:
        if not share or just or not notice.climbed:
            return False
        ladder = ladder_of(plan, notice)
        before = step_at(ladder, notice.base, notice.climbed - 1)
        if before is None or notice.climbed < len(ladder.rungs):
            return soon >= at
        before = max(before, last or before)
        return soon >= at - (at - before) * share // 100

    return near


def _steps(plan: Plan, notice: Notice, now: datetime) -> range:
    """The steps that are due: several when nobody worked meanwhile, and nobody is left out."""
    ladder, last = ladder_of(plan, notice), notice.climbed
    while notice.pursued:
        at = step_at(ladder, notice.base, last + 1)
        if at is None or at > now:
            break
        last += 1
    return range(notice.climbed, last + 1)


def unanswered_by(plan: Plan, state: State, now: datetime) -> Iterator[Notice]:
    """The notices of which the command office hears now that nobody answers them."""
    soon = _soon(plan, now)
    for notice, at in _office_hears(plan, state):
        if at <= soon:
            yield notice


def calls_wanted(plan: Plan, state: State, now: datetime) -> list[Fact]:
    """The telephone calls that are due now, one for each body."""
    bodies: dict[str, list[str]] = {}
    soon = _soon(plan, now)
    for notice, at in _called(plan, state):
        if at <= soon:
            bodies.setdefault(notice.recipient, []).append(notice.id)
    facts: list[Fact] = []
    for body, notices in bodies.items():
        facts += call(plan, state, body, notices, "unanswered", now, len(facts))
    return facts


def next_rise(plan: Plan, state: State) -> datetime | None:
    """When somebody beside the body hears next that it does not answer; None if never.

    Apart from the messages, which may be on their way for long.
    """
    moments = (at for _, at in (*_office_hears(plan, state), *_called(plan, state)))
    return min(moments, default=None)


def _office_hears(plan: Plan, state: State) -> Iterator[tuple[Notice, datetime]]:
    told = {
        ref for n in state.notices.values() if n.subject == "unanswered" for ref in n.ref.split()
    }
    for notice, rung in _rungs(plan, state):
        if rung.office and notice.recipient != plan.office and notice.id not in told:
            yield notice, notice.base + rung.after


def _called(plan: Plan, state: State) -> Iterator[tuple[Notice, datetime]]:
    called = {notice for known in state.calls.values() for notice in known.notices}
    for notice, rung in _rungs(plan, state):
        if rung.phone and notice.recipient != plan.duty and notice.id not in called:
            yield notice, notice.base + rung.after


def call(
    plan: Plan,
    state: State,
    body: str,
    notices: Sequence[str],
    reason: str,
    now: datetime,
    offset: int,
) -> list[Fact]:
    """A call to ``body`` about those of ``notices`` that no call is about yet.

    Nobody is asked to telephone himself, and of lost news of calls no call is made.
    """
    called = {notice for known in state.calls.values() for notice in known.notices}
    about = tuple(
        notice
        for notice in notices
        if notice not in called and state.notices[notice].subject not in ABOUT_NOTICES
    )
    if not about or body == plan.duty:
        return []
    wanted = Call.model_validate(
        {
            "id": f"k{state.seq + 1 + offset}",
            "recipient": body,
            "notices": about,
            "reason": reason,
            "at": now,
        }
    )
    return [Fact(CallWanted(call=wanted), clause_of(plan), now)]


def _rungs(plan: Plan, state: State) -> Iterator[tuple[Notice, Rung]]:
    """Every rung of the unanswered notices; who has quiet hours is not to be called either."""
    if plan.escalation is not None:
        for notice in state.unanswered:
            if notice.subject not in ABOUT_NOTICES:
                for rung in ladder_of(plan, notice).rungs:
                    yield notice, rung


def settled(plan: Plan, state: State, now: datetime) -> list[Fact]:
    """The notices whose matter is over, so that nobody is asked about it any more."""
    if not state.pursues:
        return []
    over = {n.id: why for n in state.notices.values() if n.open and (why := _over(state, n))}
    return [Fact(NoticesSettled(notices=over), clause_of(plan), now)] if over else []


def _over(state: State, notice: Notice) -> str | None:
    """Why there is nothing left to answer, None while there is."""
    if state.phase == "closed":
        return "the incident is closed"
    if state.phase in ("dismissed", "merged") and notice.subject not in ENDINGS:
        return f"the incident is {state.phase}"
    refs = notice.ref.split()
    match notice.subject:
        case "reminder" | "unrecorded":
            running = [r for r in refs if r in state.clocks and state.clocks[r].status == "open"]
            return None if running else "the clock has stopped"
        case "tasks":
            tasks = [state.tasks[r] for r in refs if r in state.tasks]
            theirs = [t for t in tasks if t.status == "open" and t.owner == notice.recipient]
            return None if theirs else "the tasks are done, or another's"
        case "informed":
            owed = [r for r in refs if r in state.clocks and state.clocks[r].status != "cancelled"]
            return None if owed else "nothing is to be told any more"
        case "decision":
            undecided = [r for r in refs if state.proposals[r].status == "open"]
            return None if undecided else "it has been decided"
        case "call" | "unanswered":
            silent = [r for r in refs if state.notices[r].open]
            return None if silent else "it has been answered"
    return None
