"""When each line of a drill is played: injects and scripted actions, by offset or by what happens.

At one moment injects come first, by number, then actions in the order of the file.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from domain.base import Model, Moment
from domain.drill.scenario import Action, After, Inject
from domain.drill.script import shows
from domain.incident.record import Event

Line = Inject | Action


def inject_key(number: int) -> str:
    """The key of the inject of that number."""
    return f"inject {number}"


def action_key(place: int) -> str:
    """The key of the action at that place, counted from 1, repeated ones each."""
    return f"action {place}"


def lines_of(injects: Iterable[Inject], actions: Iterable[Action]) -> dict[str, Line]:
    """Every line by its key, in the order in which they are played at one moment."""
    lines: dict[str, Line] = {
        inject_key(inject.number): inject
        for inject in sorted(injects, key=lambda inject: inject.number)
    }
    lines |= {action_key(place): action for place, action in enumerate(actions, 1)}
    return lines


class Watch(Model):
    """What a line waits for: an event, of one incident where it is an action's."""

    after: After
    incident: str | None = None

    def seen(self, name: str, event: Event) -> bool:
        """Whether ``event`` of the incident called ``name`` is what it waits for."""
        if self.after.event is None or self.incident not in (None, name):
            return False
        return shows(event, self.after.event, self.after.where)


class Schedule(Model):
    """The lines that are still to be played; ``due`` as far as it is known, UTC."""

    waiting: tuple[str, ...] = ()
    due: dict[str, Moment] = {}

    @classmethod
    def of(cls, lines: Mapping[str, Line], started: datetime) -> "Schedule":
        """Everything waits; what has an offset is due so long after ``started``."""
        due = {key: started + line.at for key, line in lines.items() if line.at is not None}
        return cls(waiting=tuple(lines), due=due)

    def ready(self, now: datetime) -> tuple[str, ...]:
        """The lines that are due by ``now``, in the order in which they are played."""
        due = (key for key in self.waiting if key in self.due and self.due[key] <= now)
        return tuple(sorted(due, key=lambda key: self.due[key]))

    def next_due(self, kind: str = "") -> datetime | None:
        """When the next line is due, of those whose key begins with ``kind``."""
        found = (self.due[key] for key in self.waiting if key in self.due and key.startswith(kind))
        return min(found, default=None)

    def watched(self, lines: Mapping[str, Line]) -> dict[str, Watch]:
        """The events that lines wait for, by the lines' keys."""
        return {
            key: Watch(after=line.after, incident=getattr(line, "incident", None))
            for key in self.waiting
            if key not in self.due
            and (line := lines[key]).after is not None
            and line.after.event is not None
        }

    def happened(self, lines: Mapping[str, Line], seen: Mapping[str, datetime]) -> "Schedule":
        """What each line in ``seen`` waited for has happened at that moment."""
        due = dict(self.due)
        for key, at in seen.items():
            after = lines[key].after
            if after is not None and key in self.waiting:
                due.setdefault(key, at + after.by)
        return self.model_copy(update={"due": due})

    def delivered(self, lines: Mapping[str, Line], number: int, at: datetime) -> "Schedule":
        """The inject of that number was delivered at that moment."""
        follow = {
            key: at
            for key in self.waiting
            if (after := lines[key].after) is not None and after.inject == number
        }
        return self.happened(lines, follow)

    def without(self, key: str) -> "Schedule":
        """``key`` no longer waits."""
        return self.model_copy(update={"waiting": tuple(k for k in self.waiting if k != key)})

    def at(self, lines: Mapping[str, Line], key: str, due: datetime | None) -> "Schedule":
        """``key`` waits, and is due then; None: when what it waits for has happened."""
        others = {k: moment for k, moment in self.due.items() if k != key}
        waiting = {*self.waiting, key}
        return self.model_copy(
            update={
                "waiting": tuple(k for k in lines if k in waiting),
                "due": others if due is None else {**others, key: due},
            }
        )

    def later(self, by: timedelta) -> "Schedule":
        """Everything that waits comes so much later: what lies between stays as it is."""
        due = {
            key: moment + by if key in self.waiting else moment for key, moment in self.due.items()
        }
        return self.model_copy(update={"due": due})


# --- what is said of a line ---------------------------------------------------------------------


class Surprise(Model):
    """Something that did not go as the script says, or a refusal that it does say."""

    line: str
    """``action 3: decide_activation`` (counted from 1, repeated ones each) or ``inject 7``."""
    at: Moment | None
    """None in a rehearsal, for what never came."""
    what: str


def line_name(key: str, line: Line) -> str:
    """A line as people are told of it."""
    return key if isinstance(line, Inject) else f"{key}: {line.command}"


NEVER_CAME: Final = "never came: what it waits for did not happen in time"
NOT_MADE: Final = "could not be made anew from the saved point: it has no record"


def not_opened(incident: str) -> str:
    """A line comes before the incident that it is about."""
    return f"the incident {incident!r} has not been opened yet"


def nothing_refused(code: str) -> str:
    """A line that should be refused asked for nothing."""
    return f"asked nothing, so nothing was refused ({code})"


def not_refused(code: str) -> str:
    """A line that should be refused was not."""
    return f"was allowed, not refused ({code})"
