"""Orders: what directors, evaluators and players may ask of a drill, as the API takes them."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, TypeAdapter

from domain.base import Moment, Strict, Text
from domain.drill.record import Rating
from domain.drill.scenario import Channel, Inject


class Start(Strict):
    """Begin the exercise, at the pace that is set unless another is given."""

    name: Literal["start"] = "start"
    minutes_per_hour: float | None = Field(default=None, ge=0, le=60)


class Pause(Strict):
    """Play nothing until it goes on; what was due comes as much later."""

    name: Literal["pause"] = "pause"


class Resume(Strict):
    """Go on, also after a real emergency."""

    name: Literal["resume"] = "resume"


class Pace(Strict):
    """Let an hour of the exercise take so many of our minutes; 0: as fast as it goes."""

    name: Literal["pace"] = "pace"
    minutes_per_hour: float = Field(ge=0, le=60)


class Advance(Strict):
    """Let time pass at once: by so much, to the next inject, or to the next clock that is due."""

    name: Literal["advance"] = "advance"
    by: timedelta | None = Field(default=None, gt=timedelta(), le=timedelta(days=60))
    to: Literal["inject", "due"] | None = None
    through: bool = False
    """Past the injects on the way, which otherwise end it."""


class Deliver(Strict):
    """Let an inject come now."""

    name: Literal["deliver"] = "deliver"
    number: int


class Skip(Strict):
    """Let an inject not come at all."""

    name: Literal["skip"] = "skip"
    number: int


class Write(Strict):
    """Write a new inject, or one that has not come yet anew."""

    name: Literal["write"] = "write"
    inject: Inject


class Say(Strict):
    """Say something at once as the city, the media, a family, whoever."""

    name: Literal["say"] = "say"
    sender: Text
    to: tuple[str, ...] = Field(min_length=1)
    channel: Channel
    text: Text


class Act(Strict):
    """Give a command in the place of a seat, as a script would."""

    name: Literal["act"] = "act"
    seat: str
    command: str
    fields: dict[str, Any] = {}
    incident: str = "main"


class Save(Strict):
    """Keep this moment, to return to it."""

    name: Literal["save"] = "save"
    point: str = Field(min_length=1, max_length=60)


class Retry(Strict):
    """Return to a saved point and try again from there."""

    name: Literal["retry"] = "retry"
    point: str


class Assign(Strict):
    """Say who plays a role; nobody: it follows the script."""

    name: Literal["assign"] = "assign"
    role: str
    people: tuple[str, ...] = ()


class Suspend(Strict):
    """Break off for a real emergency (实战)."""

    name: Literal["suspend"] = "suspend"
    reason: str = Field(min_length=1, max_length=500)


class End(Strict):
    """End the exercise."""

    name: Literal["end"] = "end"


class Observe(Strict):
    """Enter what an evaluator saw: ``at`` in the exercise's time, now unless given."""

    name: Literal["observe"] = "observe"
    text: str = Field(min_length=1, max_length=2000)
    at: Moment | None = None
    inject: int | None = None
    expected: int | None = Field(default=None, ge=0)
    objective: str | None = None
    met: bool | None = None


class Override(Strict):
    """Rate an objective otherwise than the rule does, with a reason."""

    name: Literal["override"] = "override"
    objective: str
    rating: Rating
    reason: str = Field(min_length=1, max_length=2000)


class Comment(Strict):
    """Say what there is to say of the exercise; ``lesson`` for what should change."""

    name: Literal["comment"] = "comment"
    text: str = Field(min_length=1, max_length=2000)
    lesson: bool = False


class Improve(Strict):
    """Put down a corrective action, with an owner and a due day."""

    name: Literal["improve"] = "improve"
    text: str = Field(min_length=1, max_length=2000)
    owner: str
    due: date
    objective: str | None = None


class Complete(Strict):
    """A corrective action has been carried out."""

    name: Literal["complete"] = "complete"
    improvement: str
    day: date


Order = (
    Start
    | Pause
    | Resume
    | Pace
    | Advance
    | Deliver
    | Skip
    | Write
    | Say
    | Act
    | Save
    | Retry
    | Assign
    | Suspend
    | End
    | Observe
    | Override
    | Comment
    | Improve
    | Complete
)
AnyOrder = Annotated[Order, Field(discriminator="name")]
ORDERS: Final[dict[str, type[Strict]]] = {
    kind.model_fields["name"].default: kind for kind in get_args(Order)
}
"""Every order by its name."""
order_adapter: Final[TypeAdapter[Order]] = TypeAdapter(AnyOrder)
