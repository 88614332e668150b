"""What a scenario's fields cannot say one by one: whether it holds together and fits its plan."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from domain.base import Refusal
from domain.drill.scenario import Action, After, Scenario
from domain.drill.script import (
    ALL,
    ATTRIBUTED,
    CREATES,
    MANY,
    NOT_SCRIPTED,
    SEQ,
    ScriptError,
    opening,
    resolved,
    scripted,
)
from domain.faults import Fault, Loc, twice, unknown
from domain.incident.envelope import COMMANDS, Envelope, command_adapter
from domain.incident.events import EVENTS
from domain.incident.privacy import guard
from domain.incident.record import Attribution
from domain.plan import Plan

SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""Any beginning: only whether offsets make sense is looked at."""


def contradictions(scenario: Scenario, plan: Plan) -> list[Fault]:
    """Everything in ``scenario`` that does not fit together or not to ``plan``."""
    return list(dict.fromkeys(fault for check in _CHECKS for fault in check(scenario, plan)))


def clauses(plan: Plan) -> frozenset[str]:
    """Every clause and line that the plan's data cites, and the sections around them."""
    found = {line.line for line in plan.grading.lines}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(clause := value.get("clause"), str):
                found.add(clause)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(plan.model_dump(mode="json", exclude={"texts"}))
    for clause in tuple(found):
        section = clause.partition("(")[0]
        while section:
            found.add(section)
            section = section.rpartition(".")[0]
    return frozenset(found)


def _plan(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    if scenario.plan != plan.id:
        yield Fault(("plan",), f"it is for {scenario.plan!r}, and this plan is {plan.id!r}")


def _people(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    roles = [player.id for player in scenario.players]
    for name in ("players", "objectives"):
        yield from twice((name,), (entry.id for entry in getattr(scenario, name)), "the id")
    for i, player in enumerate(scenario.players):
        yield from unknown(("players", i, "seat"), player.seat, plan.seat_by_id, "seat")
    for i, inject in enumerate(scenario.injects):
        yield from unknown(("injects", i, "to"), inject.to, roles, "role")
        yield from unknown(("injects", i, "sender"), inject.sender, roles, "role")
    for i, action in enumerate(scenario.actions):
        loc: Loc = ("actions", i)
        yield from unknown((*loc, "seat"), action.seat, plan.seat_by_id, "seat")
        decider = action.fields.get("decider")
        yield from unknown((*loc, "fields", "decider"), decider, plan.body_by_id, "body")
    for name, facts in scenario.openings.items():
        yield from unknown(("openings", name, "by"), facts.by, plan.seat_by_id, "seat")


def _objectives(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    known = clauses(plan)
    ids = [objective.id for objective in scenario.objectives]
    exercised = {e.objective for inject in scenario.injects for e in inject.expected}
    for i, objective in enumerate(scenario.objectives):
        yield from unknown(("objectives", i, "clauses"), objective.clauses, known, "clause")
        if objective.id not in exercised:
            message = f"nothing exercises {objective.id!r}: no expected action is for it"
            yield Fault(("objectives", i, "id"), message)
    for i, inject in enumerate(scenario.injects):
        for j, expected in enumerate(inject.expected):
            loc: Loc = ("injects", i, "expected", j)
            yield from unknown((*loc, "objective"), expected.objective, ids, "objective")
            yield from unknown((*loc, "clause"), expected.clause, known, "clause")
            yield from _event(loc, expected.event, expected.where)
            if expected.within is not None and expected.within <= timedelta():
                yield Fault((*loc, "within"), "leaves no time: say how long after the inject")
            if expected.event is None and expected.script != "met":
                yield Fault(
                    (*loc, "script"),
                    "cannot be seen: name the event that would show it, or leave it to evaluators",
                )
            if expected.script == "late" and expected.within is None:
                yield Fault((*loc, "within"), "is missing: without it nothing is late")


def _event(loc: Loc, event: str | None, where: dict[str, Any]) -> Iterator[Fault]:
    yield from unknown((*loc, "event"), event, EVENTS, "event")
    if event is None and where:
        yield Fault((*loc, "where"), "says what an event must hold, and no event is named")
    elif event in EVENTS:
        fields = EVENTS[event].model_fields
        for key in where:
            yield from unknown((*loc, "where", key), key, fields, "field of the event")


def _order(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    """Numbers rise, and what has an offset comes in the order of the file."""
    yield from twice(("injects",), (i.number for i in scenario.injects), "the number", "number")
    before, last = 0, timedelta()
    for i, inject in enumerate(scenario.injects):
        if inject.number < before:
            yield Fault(("injects", i, "number"), f"comes after number {before}: keep the order")
        before = max(before, inject.number)
        if inject.at is None:
            continue
        if inject.at < last:
            yield Fault(("injects", i, "at"), f"is earlier than an inject before it: {last}")
        last = max(last, inject.at)
    for name in ("injects", "actions"):
        for i, entry in enumerate(getattr(scenario, name)):
            at = None if entry.at is None else max(once.at for once in _each(entry))
            if at is not None and not timedelta() <= at <= scenario.length:
                yield Fault((name, i, "at"), "lies outside of the exercise: see `length`")


def _each(entry: Any) -> Iterable[Any]:
    return entry.each() if isinstance(entry, Action) else (entry,)


def _conditions(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    numbers = [inject.number for inject in scenario.injects]
    entries: list[tuple[Loc, After | None, int | None]] = [
        (("injects", i, "after"), inject.after, inject.number)
        for i, inject in enumerate(scenario.injects)
    ]
    entries += [
        (("actions", i, "after"), action.after, None) for i, action in enumerate(scenario.actions)
    ]
    for loc, after, number in entries:
        if after is None:
            continue
        yield from _event(loc, after.event, after.where)
        if after.by < timedelta():
            yield Fault((*loc, "by"), "nothing follows before its cause")
        if after.inject is not None and after.inject not in numbers:
            yield Fault((*loc, "inject"), f"no inject {after.inject}")
        elif number is not None and after.inject is not None and after.inject >= number:
            yield Fault((*loc, "inject"), f"inject {number} can only follow an earlier one")


def _openings(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    opens = [inject.opens for inject in scenario.injects]
    for i, name in enumerate(opens):
        yield from unknown(("injects", i, "opens"), name, scenario.openings, "opening")
        if name is not None and name in opens[:i]:
            yield Fault(("injects", i, "opens"), f"{name!r} has been opened before")
    for name, facts in scenario.openings.items():
        if name not in opens:
            yield Fault(("openings", name), "no inject opens it")
        if max(facts.learned, facts.occurred) > timedelta():
            yield Fault(("openings", name), "nobody learns or takes down what is still to come")
        if facts.by not in plan.seat_by_id:
            continue
        try:
            opening(plan, facts, SOME_TIME, SOME_TIME, "check")
        except ScriptError as error:
            yield Fault(("openings", name, "facts"), _first_line(error))
    for i, action in enumerate(scenario.actions):
        known = scenario.openings
        yield from unknown(("actions", i, "incident"), action.incident, known, "opening")


def _commands(scenario: Scenario, plan: Plan) -> Iterator[Fault]:
    takes = scripted()
    named: dict[str, Action] = {}
    for i, action in enumerate(scenario.actions):
        loc: Loc = ("actions", i)
        if action.command not in takes:
            yield from _no_command(loc, action.command, takes)
        else:
            fields = takes[action.command]
            for key in action.fields:
                what = f"field of {action.command}"
                yield from unknown((*loc, "fields", key), key, fields, what)
            if set(action.fields) <= fields:
                yield from _makes_command(loc, action, plan, named)
        if action.as_ is not None:
            if action.as_ in named:
                yield Fault((*loc, "as"), f"{action.as_!r} names something else already")
            if action.refused is not None:
                yield Fault((*loc, "as"), "what shall be refused creates nothing")
            named[action.as_] = action


def _no_command(loc: Loc, command: str, takes: Iterable[str]) -> Iterator[Fault]:
    if command in NOT_SCRIPTED:
        yield Fault((*loc, "command"), f"{command} is for no script: {NOT_SCRIPTED[command]}")
    elif command in COMMANDS:
        yield Fault((*loc, "command"), f"{command} is given by the system itself, by nobody")
    else:
        yield from unknown((*loc, "command"), command, takes, "command")


def _makes_command(
    loc: Loc, action: Action, plan: Plan, named: dict[str, Action]
) -> Iterator[Fault]:
    """Whether the fields make the command, whatever its references will stand for."""
    faults: list[Fault] = []
    items = plan.item_by_id

    def stands_for(word: str) -> str | int:
        name = word.removesuffix(SEQ)
        message = None
        if f"${word}" == ALL:
            if action.command not in MANY:
                message = f"$all is for {' and '.join(sorted(MANY))} alone"
        elif "/" in word:
            pack, _, item = word.partition("/")
            if (pack, item) not in items:
                message = f"the plan has no item {item!r} in a pack {pack!r}"
        elif name not in named:
            message = f"nothing before this action is named {name!r}"
        elif name == word and named[name].command not in CREATES:
            message = f"{named[name].command} creates nothing that has an id: use ${name}{SEQ}"
        if message is not None:
            faults.append(Fault((*loc, "fields"), message))
        return 1 if name != word else word

    try:
        fields = resolved(action.fields, SOME_TIME, stands_for)
    except ScriptError as error:
        yield Fault((*loc, "fields"), str(error))
        return
    yield from faults
    by = {name: fields.pop(name) for name in ATTRIBUTED & fields.keys()}
    try:
        Attribution.model_validate({"decider": action.seat, "recorder": action.seat, **by})
        command = command_adapter.validate_python({"name": action.command, **fields})
    except ValidationError as error:
        for found in error.errors(include_url=False):
            # The command's own name leads the way to its fields.
            where = [part for part in found["loc"] if part not in (action.command, "[key]")]
            yield Fault((*loc, "fields", *where), _lower(found["msg"]))
        return
    try:
        guard(plan, Envelope(received=SOME_TIME, command=command))
    except Refusal as refusal:
        yield Fault((*loc, "fields"), refusal.message.en)


def _lower(message: str) -> str:
    return f"{message[0].lower()}{message[1:]}"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())


_CHECKS = (_plan, _people, _objectives, _order, _conditions, _openings, _commands)
