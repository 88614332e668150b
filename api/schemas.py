"""Request bodies: what a command asks for, and on whose authority it is put on record.

The bodies of commands are made from the commands themselves, so the two never differ.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, create_model, model_validator

from api.security import Actor
from domain.base import Moment, Strict
from domain.grading import Findings
from domain.incident.commands import Command, Long, Short
from domain.incident.envelope import COMMANDS, AnyCommand, command_adapter
from domain.incident.record import Attribution, Means

UNKNOWN = "不详"
"""An honest answer (3.2.3): a blank never keeps a report from being in time."""

OWN_ROUTES = frozenset({"intake", "attach", "register_person", "purge_persons"})
"""Commands that need more than their own fields: the vault comes first."""


EARLIEST: Final = datetime(1949, 10, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
MOST: Final = 10**9
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Sent(Strict):
    """What people send: plain text, and times that a calendar on the wall has."""

    @model_validator(mode="before")
    @classmethod
    def _plain_text(cls, value: Any) -> Any:
        # PostgreSQL keeps no NUL, and an event that it refuses would block its incident's record.
        for path, inner in _leaves(value):
            if isinstance(inner, str) and _CONTROL.search(inner):
                raise ValueError(f"{path}: control characters are not allowed")
        return value

    @model_validator(mode="after")
    def _sane_times(self) -> Self:
        for path, inner in _leaves(dict(self)):
            moment = inner
            if isinstance(inner, date) and not isinstance(inner, datetime):
                moment = datetime(inner.year, inner.month, inner.day, tzinfo=UTC)
            if isinstance(inner, int) and abs(inner) > MOST:
                raise ValueError(f"{path}: a number so large cannot be meant")
            if isinstance(moment, datetime) and not EARLIEST <= moment < LATEST:
                raise ValueError(f"{path}: the year {moment.year} cannot be meant")
        return self


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value within ``value`` that holds no other, keys of mappings too, with its path."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path or str(key), key
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


class Attributed(Sent):
    """Who decided or did it, when and how; whoever holds the token is its recorder."""

    decider: Short | None = Field(
        default=None, description="决定或办理的单位（预案单位编号）；缺省为本席位所在单位。"
    )
    decider_person: Short | None = Field(default=None, description="决定人姓名。")
    means: Means = Field(default="system", description="当面、电话、批示、会议、传真、系统。")
    occurred_at: Moment | None = Field(
        default=None, description="实际发生时间，须带时区；缺省为收到本请求的时间。"
    )
    late_reason: Long | None = Field(default=None, description="补录原因。")
    evidence: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = Field(
        default=(), max_length=50, description="已上传附件的 SHA-256。"
    )

    command: ClassVar[type[Command]]

    def attribution(self, actor: Actor) -> Attribution:
        """On whose authority, and recorded by which seat."""
        return Attribution(
            decider=self.decider or actor.body,
            decider_person=self.decider_person,
            recorder=actor.seat,
            recorder_person=actor.person,
            means=self.means,
            occurred_at=self.occurred_at,
            late_reason=self.late_reason,
            evidence=self.evidence,
        )

    def as_command(self) -> AnyCommand:
        """The command that this body asks for."""
        given = {
            field: getattr(self, field)
            for field in self.command.model_fields
            if field in self.model_fields_set
        }
        return command_adapter.validate_python(
            {"name": self.command.model_fields["name"].default, **given}
        )


class PurgePersonsRequest(Attributed):
    """Destroy the keys of all personal data of a closed incident (突发事件应对法 85)."""

    files: StrictBool = Field(
        default=False, description="是否一并销毁附件；需作为证据保存的附件不要销毁。"
    )


class CallerRequest(Strict):
    """Who reports. Name and number go to the vault; only a reference travels on."""

    kind: Short = Field(description="报告主体类型（预案 reporters 编号）。")
    unit: Short | None = Field(default=None, description="单位名称。")
    name: Short | None = Field(default=None, description="来电人姓名，加密另存。")
    number: Short | None = Field(default=None, description="回拨电话，加密另存。")


class IntakeRequest(Attributed):
    """A first report: six fields suffice, and nothing in it is ever turned away (3.2, E6)."""

    caller: CallerRequest
    learned_at: Moment | None = Field(
        default=None, description="获知时间，须带时区；缺省为收到本请求的时间。"
    )
    drug: Short = UNKNOWN
    people: Long = UNKNOWN
    place: Short = UNKNOWN
    kind: Short | None = Field(default=None, description="事件种类（预案 kinds 编号）。")
    name: Short | None = None
    device: bool = False
    manufacturer: Short | None = None
    seller: Short | None = None
    specification: Short | None = None
    packaging: Short | None = None
    lots: tuple[Short, ...] = Field(default=(), max_length=100)
    symptoms: Long | None = None
    scope: Long | None = None
    happened_at: Moment | None = None
    discovered_at: Moment | None = None
    in_scope: bool | None = None
    harm: bool | None = None
    abroad: bool | None = None
    compatriots: bool | None = None
    outside_firm: bool | None = None
    crime_suspected: bool | None = None
    measures: Long | None = None
    trend: Long | None = None
    next_steps: Long | None = None
    secret_pointer: Short | None = Field(
        default=None, description="涉密内容存放处的指引；涉密内容本身不得录入（3.2.4）。"
    )
    findings: Findings = Findings()
    other_rules: tuple[Short, ...] = Field(default=(), max_length=20)


class PersonData(Strict):
    """Personal data, only what the response needs (突发事件应对法 83)."""

    model_config = ConfigDict(json_schema_extra={"x-personal-data": True})

    name: Short
    sex: Short | None = None
    age: Annotated[int, Field(ge=0, le=150)] | None = None
    id_number: Short | None = None
    phone: Short | None = None
    address: Short | None = None
    hospital: Short | None = None
    symptoms: Long | None = None
    outcome: Short | None = None
    note: Long | None = None


class PersonRequest(Attributed):
    """A person harmed. Everything but the attribution is kept encrypted, each under a key."""

    person: PersonData


def _body(kind: type[Command]) -> type[Attributed]:
    fields: dict[str, Any] = {
        name: (info.annotation, info) for name, info in kind.model_fields.items() if name != "name"
    }
    made: type[Attributed] = create_model(
        f"{kind.__name__}Request", __base__=Attributed, __doc__=kind.__doc__, **fields
    )
    made.command = kind
    return made


BODIES: dict[str, type[Attributed]] = {
    name: _body(kind)
    for name, kind in COMMANDS.items()
    if not kind.internal and name not in OWN_ROUTES
}
"""The request body of every uniform command, under the command's name."""


def route_of(name: str) -> str:
    """The path segment of a command: ``submit_report`` → ``submit-report``."""
    return name.replace("_", "-")
