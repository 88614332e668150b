"""What every rule stands on: frozen models, aware time, two-language texts, refusals."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

# Beijing time has had no daylight saving since 1991, so a fixed offset is exact for
# every date the plan can meet, and needs no time zone database inside a workflow.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(
            "the time has no zone: write it with an offset, as in 2026-01-31T14:32:00+08:00"
        )
    return moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]
"""A point in time; always aware, always UTC inside."""


class Model(BaseModel):
    """A value that never changes. Unknown fields are ignored, so older code reads newer data."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")


class Strict(Model):
    """A value that people write by hand: an unknown field is a mistake, not the future."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class Text(Strict):
    """A text in Chinese, which officials read, and in English."""

    zh: str
    en: str


class Refusal(Exception):
    """A command that the plan or the state of the incident does not allow.

    ``code`` is stable and meant for programs, ``clause`` names the provision that forbids it,
    ``message`` says in both languages what is wrong and what to do instead.
    """

    def __init__(self, code: str, clause: str, zh: str, en: str) -> None:
        super().__init__(f"{en} ({clause})")
        self.code = code
        self.clause = clause
        self.message = Text(zh=zh, en=en)


def beijing_day(moment: datetime) -> date:
    """The calendar day in Beijing on which ``moment`` falls (3.2.3(2): 每日)."""
    return moment.astimezone(BEIJING).date()


def day_start(day: date) -> datetime:
    """The moment, in UTC, at which ``day`` begins in Beijing."""
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING).astimezone(UTC)


def beijing_text(moment: datetime) -> str:
    """``moment`` as officials read it: Beijing time to the minute."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
