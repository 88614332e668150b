"""From a scenario's lines to commands: what its words stand for, and when they are met.

In the fields of an action these values stand for others:

- ``$name``: the id of what the action named so created; ``$name.seq`` the number of its entry
- ``$all``: every notice that the body has not answered, every open task that it owns; the
  command is given once for each
- ``$pack/item``: the newest task made from an item of a pack of the plan
- ``@PT2H``, ``@-PT30M``: the moment at that offset from the start of the exercise
- ``@P14D day``: the Beijing day of that moment
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from domain.base import beijing_day
from domain.drill.scenario import Action, Opening
from domain.incident.commands import Intake
from domain.incident.entries import Caller, Facts
from domain.incident.envelope import COMMANDS, Envelope, command_adapter
from domain.incident.events import EVENTS
from domain.incident.record import Attribution, Event
from domain.incident.state import State
from domain.plan import Plan

UNKNOWN: Final = "不详"
ALL: Final = "$all"
SEQ: Final = ".seq"
MANY: Final = {"acknowledge_notice": "notice", "complete_task": "task"}
"""The commands that ``$all`` gives once for each, and the field in which it stands."""
CREATES: Final = {
    "propose_activation": "p",
    "propose_adjustment": "p",
    "propose_termination": "p",
    "propose_release": "p",
    "submit_report": "r",
    "publish_release": "x",
    "record_order": "o",
    "record_authorisation": "a",
    "log_resource": "g",
    "add_corrective_action": "c",
    "issue_warning": "w",
}
"""The commands that create something: its id is this letter and the number of the entry."""
ATTRIBUTED: Final = frozenset({"decider", "decider_person", "means", "late_reason", "evidence"})
"""Fields of an action that say on whose authority it is given, not what is done."""
NOT_SCRIPTED: Final = {
    "intake": "an incident is opened by an inject, see `opens`",
    "merge": "merging is for people to play",
    "attach": "files are for people to attach",
    "register_person": "people harmed are entered through the vault alone",
    "purge_persons": "people harmed are entered through the vault alone",
}
"""Commands that no script gives, with the reason."""

_duration: TypeAdapter[timedelta] = TypeAdapter(timedelta)


class ScriptError(ValueError):
    """A line of the script that means nothing at this moment; says which value and why."""


@dataclass(frozen=True)
class Created:
    """What an action created: the number of its first entry, and the id if it has one."""

    seq: int
    id: str | None


def scripted() -> dict[str, frozenset[str]]:
    """The commands that a script may give, each with the fields it takes."""
    return {
        name: frozenset(kind.model_fields) - {"name"} | ATTRIBUTED
        for name, kind in COMMANDS.items()
        if not kind.internal and name not in NOT_SCRIPTED
    }


def created(command: str, first: int) -> Created:
    """What the command of that name created, the first of whose entries is number ``first``."""
    letter = CREATES.get(command)
    return Created(first, f"{letter}{first}" if letter else None)


def body_of(plan: Plan, action: Action) -> str:
    """The body that an action is given for: who decided, else that of the seat."""
    return str(action.fields.get("decider") or plan.seat_by_id[action.seat].body)


def opening(plan: Plan, facts: Opening, started: datetime, now: datetime, request: str) -> Envelope:
    """The first report that opens an incident at ``now``, as the API would send it.

    Raises:
        ScriptError: its facts are no facts of a first report.
    """
    given = {"kind": UNKNOWN, "drug": UNKNOWN, "people": UNKNOWN, "place": UNKNOWN}
    given |= _moments(facts.facts, started)
    try:
        command = Intake(
            # Name and number go to the vault, which an exercise has no need of.
            caller=Caller(kind=facts.caller["kind"], unit=facts.caller.get("unit")),
            facts=Facts.model_validate({**given, "learned_at": now + facts.learned}),
        )
    except (ValidationError, KeyError) as error:
        raise ScriptError(f"no first report: {error}") from error
    by = Attribution(
        decider=plan.seat_by_id[facts.by].body,
        recorder=facts.by,
        occurred_at=now + facts.occurred if facts.occurred else None,
        late_reason=facts.late_reason,
    )
    return Envelope(request_id=request, received=now, by=by, command=command)


def commands(
    plan: Plan,
    state: State,
    action: Action,
    names: Mapping[str, Created],
    started: datetime,
    now: datetime,
    request: str,
) -> tuple[Envelope, ...]:
    """What ``action`` asks of an incident at ``now``: one command, or with ``$all`` any number.

    Args:
        names: what earlier actions created, by the names they were given.
        started: the beginning of the exercise, UTC.
        request: the id of the request; with ``$all`` the id of each thing is added to it.

    Raises:
        ScriptError: a value stands for nothing, or the fields make no command.
    """
    if action.seat not in plan.seat_by_id:
        raise ScriptError(f"{action.seat}: the plan has no such seat")
    field = MANY.get(action.command)
    if field is None or action.fields.get(field) != ALL:
        return (_envelope(plan, state, action, names, started, now, request),)
    return tuple(
        _envelope(
            plan,
            state,
            action.model_copy(update={"fields": {**action.fields, field: one}}),
            names,
            started,
            now,
            f"{request}-{one}",
        )
        for one in _all(plan, state, action)
    )


def _all(plan: Plan, state: State, action: Action) -> tuple[str, ...]:
    body = body_of(plan, action)
    if action.command == "acknowledge_notice":
        return tuple(n.id for n in state.unanswered if n.recipient == body)
    tasks = state.tasks.values()
    return tuple(t.id for t in tasks if t.status == "open" and t.owner == body)


def _envelope(
    plan: Plan,
    state: State,
    action: Action,
    names: Mapping[str, Created],
    started: datetime,
    now: datetime,
    request: str,
) -> Envelope:
    fields = resolved(action.fields, started, lambda word: _stands_for(state, names, word))
    by = {name: fields.pop(name) for name in ATTRIBUTED & fields.keys()}
    try:
        return Envelope(
            request_id=request,
            received=now,
            by=Attribution.model_validate(
                {
                    "decider": body_of(plan, action),
                    "recorder": action.seat,
                    "occurred_at": None if action.occurred is None else started + action.occurred,
                    **by,
                }
            ),
            command=command_adapter.validate_python({"name": action.command, **fields}),
        )
    except ValidationError as error:
        raise ScriptError(f"no command {action.command}: {error}") from error


def _stands_for(state: State, names: Mapping[str, Created], word: str) -> str | int:
    name = word.removesuffix(SEQ)
    if "/" in word:
        pack, _, item = word.partition("/")
        found = [t.id for t in state.tasks.values() if (t.pack, t.item) == (pack, item)]
        if not found:
            raise ScriptError(f"${word}: there is no such task yet")
        return found[-1]
    if name not in names:
        raise ScriptError(f"${word}: nothing has been named {name!r} yet")
    if name != word:
        return names[name].seq
    if (named := names[name].id) is None:
        raise ScriptError(f"${word}: that action created nothing that has an id")
    return named


def resolved(
    fields: Mapping[str, Any], started: datetime, stands_for: Callable[[str], str | int]
) -> dict[str, Any]:
    """``fields`` with every value that stands for another replaced.

    Raises:
        ScriptError: a value that stands for a moment is no duration.
    """

    def value(given: Any) -> Any:
        match given:
            case dict():
                return {key: value(inner) for key, inner in given.items()}
            case list() | tuple():
                return [value(inner) for inner in given]
            case str() if given.startswith("$"):
                return stands_for(given[1:])
            case str() if given.startswith("@"):
                return moment(given, started)
            case _:
                return given

    return {key: value(given) for key, given in fields.items()}


def _moments(fields: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    return resolved(fields, started, lambda word: f"${word}")


def moment(text: str, started: datetime) -> datetime | date:
    """What ``@PT2H`` or ``@P14D day`` stands for in an exercise that began at ``started``.

    Raises:
        ScriptError: no duration stands behind the ``@``.
    """
    offset, _, kind = text[1:].partition(" ")
    try:
        at = started + _duration.validate_python(offset)
    except (ValidationError, OverflowError) as error:
        raise ScriptError(f"{text}: write an ISO 8601 duration, as in @PT2H30M") from error
    if kind not in ("", "day"):
        raise ScriptError(f"{text}: only `day` may follow the duration")
    return beijing_day(at) if kind else at


def shows(event: Event, kind: str | None, where: Mapping[str, Any]) -> bool:
    """Whether ``event`` is of that type and its content holds ``where``."""
    if event.type != kind:
        return False
    # With defaults, which the record leaves out: `refused: false` can be asked for.
    payload = EVENTS[event.type].model_validate(event.data)
    return _holds(payload.model_dump(mode="json"), where)


def _holds(content: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(content, Mapping) and all(
            key in content and _holds(content[key], inner) for key, inner in wanted.items()
        )
    return bool(content == wanted)
