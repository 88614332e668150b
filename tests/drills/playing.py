"""A drill without a server: ordered about, and driven as its workflow would, in time told here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

import pytest

from domain.base import Refusal
from domain.drill.course import (
    Looked,
    PassTime,
    PlayLine,
    Result,
    Step,
    acted,
    arrived,
    branched,
    delivered,
    failed,
    looked,
    next_step,
)
from domain.drill.direction import decide
from domain.drill.orders import Order, Start
from domain.drill.play import By, Play, number_of, opened
from domain.drill.scenario import Inject, Scenario
from domain.drill.schedule import not_opened
from tests.domain.story import beijing, gaoqing
from tests.drills.exercise import GRADED, inject, scenario

DIRECTOR: Final = By(role="director", seat="drill-director", person="导调员")
EVALUATOR: Final = By(role="evaluator", seat="drill-evaluator", person="评估员")
PLAYER: Final = By(role="player", seat="duty")
CLAUSE: Final = "6.5"

REAL: Final = beijing("2026-10-01 09:00")
"""When drills are opened here, in our time."""
START: Final = beijing("2026-10-06 14:00")
"""When the exercise begins, in its own."""
OFFICER: Final = {"officer": ("张三",)}
STEPS: Final = 200
"""Far more than any drill here takes."""

REPORT: Final[dict[str, Any]] = {
    "command": "submit_report",
    "seat": "duty",
    "fields": {"kind": "initial"},
}
VERIFY: Final[dict[str, Any]] = {
    "command": "verify",
    "seat": "county-msa",
    "fields": {"outcome": "pending", "text": "待核"},
}


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)


def following(number: int, after: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An inject that waits for something."""
    return inject(number, 0, at=None, after=after, **more)


def usual(*more: dict[str, Any], **changes: Any) -> Scenario:
    """Four hours: a first call, two injects an hour apart, one after the last; two actions."""
    given: dict[str, Any] = {
        "starts": START,
        "actions": [
            {"at": minutes(30), "as": "first", **REPORT},
            {"at": minutes(90), **VERIFY},
        ],
        **changes,
    }
    return scenario(
        inject(1, 0, GRADED, opens="main"),
        inject(2, 1),
        inject(3, 2),
        following(4, {"inject": 3, "by": minutes(10)}),
        *more,
        **given,
    )


class Playing:
    """One drill; ``real`` is our time, which passes only when the test or the drill lets it."""

    def __init__(
        self,
        given: Scenario | None = None,
        people: Mapping[str, Sequence[str]] | None = None,
        real: datetime = REAL,
        capable: bool = True,
    ) -> None:
        self.real = real
        players = {role: tuple(names) for role, names in (people or {}).items()}
        play = opened(gaoqing(), given or usual(), "D-1", CLAUSE, DIRECTOR, real, players)
        self.play: Play = play.model_copy(update={"capable": capable})
        self.came: dict[str, timedelta] = {}
        """When each line was played, from the start of the exercise."""
        self.answers: dict[str, tuple[Result, ...]] = {}
        """What becomes of the commands of an action, if not one that is carried out."""

    @property
    def now(self) -> datetime:
        """The exercise's time."""
        return self.play.now(self.real)

    @property
    def due(self) -> dict[str, timedelta]:
        """When each line that waits is due, from the start of the exercise, as far as known."""
        assert self.play.started is not None
        schedule = self.play.progress.schedule
        return {
            key: schedule.due[key] - self.play.started
            for key in schedule.waiting
            if key in schedule.due
        }

    @property
    def surprises(self) -> list[tuple[str, str]]:
        """The lines that surprise, with what happened."""
        return [(one.line, one.what) for one in self.play.progress.surprises]

    # --- orders ---

    def order(self, *orders: Order, by: By = DIRECTOR) -> Self:
        """Give orders, one after the other."""
        for order in orders:
            self.play = decide(self.play, order, by, self.real)
        return self

    def begun(self, minutes_per_hour: float = 60) -> Self:
        """Begin the exercise."""
        return self.order(Start(minutes_per_hour=minutes_per_hour))

    def refused(self, order: Order, by: By = DIRECTOR) -> Refusal:
        """Why an order is refused: in both languages, by the clause of the drill."""
        with pytest.raises(Refusal) as caught:
            decide(self.play, order, by, self.real)
        assert caught.value.clause == CLAUSE
        assert caught.value.message.zh
        assert caught.value.message.en
        return caught.value

    # --- time ---

    def wait(self, passing: timedelta) -> Self:
        """Our time passes, and nobody works on the drill."""
        self.real += passing
        return self

    @property
    def next(self) -> Step:
        """What happens next."""
        return next_step(self.play, self.real)

    def step(self, until: datetime | None = None) -> Step:
        """Do the next thing, as the workflow does; time passes no further than ``until``."""
        if self.play.branching:
            self.play = branched(self.play, next(iter(self.play.branching)), True, self.real)
        self.arrive()
        match step := self.next:
            case PlayLine(key, line):
                self._play(key)
                assert self.play.started is not None
                self.came[key] = self.now - self.play.started
                assert key not in self.play.progress.schedule.waiting, line
            case PassTime(to, pace):
                to = to if until is None else min(to, until)
                self.real += max(to - self.now, timedelta()) * pace / 60
                self.look(ahead=to - self.real)
            case None:
                pass
        return step

    def arrive(self) -> Self:
        """See whether the drill has come to the end of its goal or of its length."""
        self.play = arrived(self.play, self.real)
        return self

    def _play(self, key: str) -> None:
        line = self.play.lines[key]
        if isinstance(line, Inject):
            number = number_of(self.play, line.opens, self.play.attempt) if line.opens else None
            self.play = delivered(self.play, key, line, number, self.real)
        elif line.incident not in self.play.progress.incidents:
            self.play = failed(self.play, key, line, not_opened(line.incident), self.real)
        else:
            results = self.answers.get(key, (Result(first=7),))
            self.play = acted(self.play, key, line, results, self.real)

    def look(self, **seen: Any) -> Self:
        """The records are looked at; the clock stands where it stood unless ``ahead`` is given."""
        given = Looked.model_validate({"ahead": self.play.ahead, **seen})
        self.play = looked(self.play, given, self.real)
        return self

    def go(self, until: timedelta | None = None) -> Self:
        """Go on until that long after the start, or until nothing happens without an order."""
        moment = None if until is None else START + until
        for _ in range(STEPS):
            if moment is not None and self.now >= moment and not isinstance(self.next, PlayLine):
                return self
            if self.step(moment) is None:
                return self
        raise AssertionError(f"it goes round in circles: {self.next}")
