"""The words in which the papers of an exercise speak of it, in both languages (6.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.base import Text, beijing_text
from domain.drill.record import Rating
from domain.drill.scenario import After, Expected, Inject
from domain.incident.wording import Language, Values
from domain.plan import Plan

CHANNELS: Final = {
    "phone": Text(zh="电话", en="telephone"),
    "fax": Text(zh="传真", en="fax"),
    "mail": Text(zh="邮件", en="mail"),
    "chat": Text(zh="聊天消息", en="chat"),
    "media": Text(zh="媒体", en="media"),
    "in_person": Text(zh="当面", en="in person"),
    "document": Text(zh="公文", en="document"),
}
STATUS: Final = {
    "met": Text(zh="完成", en="met"),
    "late": Text(zh="超时完成", en="late"),
    "missed": Text(zh="未完成", en="missed"),
    "unseen": Text(zh="待评估人员认定", en="for an evaluator to say"),
    "not_due": Text(zh="未到时限", en="not due before the end"),
    "not_played": Text(zh="未注入", en="not played"),
}
VERDICT: Final = {
    "on_time": Text(zh="按时", en="on time"),
    "on_time_entered_late": Text(zh="按时（补录）", en="on time, entered late"),
    "late": Text(zh="超时", en="late"),
    "unmet": Text(zh="到期未完成", en="not met when due"),
    "running": Text(zh="未到期", en="not due yet"),
    "cancelled": Text(zh="已取消", en="cancelled"),
}
RATINGS: Final[dict[Rating, Text]] = {
    "P": Text(zh="P 完成，没有困难", en="P performed without challenges"),
    "S": Text(zh="S 完成，有一定困难", en="S performed with some challenges"),
    "M": Text(zh="M 完成，有较大困难", en="M performed with major challenges"),
    "U": Text(zh="U 未能完成", en="U unable to be performed"),
}
_NOT_RATED = Text(zh="未评定", en="not rated")
_PARTICIPANT = Text(zh="参演人员", en="a participant")
NONE = "—"
"""Where there is nothing to say."""


def said(text: Text, language: Language) -> str:
    return str(getattr(text, language))


def span(length: timedelta, language: Language) -> str:
    """A length of time to the minute, as people say it; the sign is left to the reader."""
    minutes = round(abs(length).total_seconds() / 60)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((days, "天", "d"), (hours, "小时", "h"), (minutes, "分钟", "min"))
    if language == "zh":
        return "".join(f"{n}{zh}" for n, zh, _ in parts if n) or "0分钟"
    return " ".join(f"{n} {en}" for n, _, en in parts if n) or "0 min"


@dataclass(frozen=True)
class Speaker:
    """Says a drill's values in one language."""

    plan: Plan
    language: Language

    def say(self, text: Text) -> str:
        """``text`` in this language."""
        return said(text, self.language)

    def either(self, zh: str, en: str) -> str:
        """The one of two texts that is in this language."""
        return zh if self.language == "zh" else en

    def at(self, moment: datetime | None) -> str:
        """A moment in Beijing time."""
        return NONE if moment is None else beijing_text(moment)

    def span(self, length: timedelta | None) -> str:
        """A length of time; see ``span``."""
        return NONE if length is None else span(length, self.language)

    def listed(self, items: Iterable[str]) -> str:
        """Several things in one line."""
        return self.either("、", ", ").join(items)

    def inject(self, number: int) -> str:
        """An inject by its number."""
        return self.either(f"注入{number}", f"inject {number}")

    def margin(self, length: timedelta | None) -> str:
        """What was left, or by how much it was exceeded."""
        if length is None:
            return NONE
        if length < timedelta():
            return self.either(f"超{self.span(length)}", f"{self.span(length)} over")
        return self.either(f"余{self.span(length)}", f"{self.span(length)} left")

    def rating(self, rating: Rating | None, provisional: bool = False) -> str:
        """A rating in words, with a mark while something still waits for an evaluator."""
        if rating is None:
            return self.say(_NOT_RATED)
        mark = self.either("（暂定，有待认定）", " (provisional: some to be judged)")
        return self.say(RATINGS[rating]) + (mark if provisional else "")

    def body(self, body: str | None) -> str:
        """A body by the plan's name for it."""
        known = self.plan.body_by_id.get(body or "")
        return self.say(known.name) if known else body or NONE

    def seat(self, seat: str | None) -> str:
        """A seat by the plan's name for it."""
        known = self.plan.seat_by_id.get(seat or "")
        return self.say(known.name) if known else seat or NONE

    def person(self, by: str) -> str:
        """Whoever said a thing, by seat: a name stays out of every paper."""
        return self.seat(by) if by in self.plan.seat_by_id else self.say(_PARTICIPANT)

    def offset(self, length: timedelta) -> str:
        """An offset from the start of the exercise."""
        sign = "-" if length < timedelta() else "+"
        return f"T{sign}{self.span(length)}"

    def when(self, inject: Inject, starts: datetime | None) -> str:
        """When an inject comes."""
        if inject.at is not None:
            clock = f" {self.at(starts + inject.at)}" if starts else ""
            return self.offset(inject.at) + clock
        return "" if inject.after is None else self._after(inject.after)

    def _after(self, after: After) -> str:
        what = after.event if after.event is not None else self.inject(after.inject or 0)
        if not after.by:
            return self.either(f"{what} 之后", f"after {what}")
        return self.either(
            f"{what} 之后{self.span(after.by)}", f"{self.span(after.by)} after {what}"
        )

    def expected(self, expected: Expected) -> Values:
        """An expected action, for those who may know it."""
        within = expected.within
        return {
            "text": self.say(expected.text),
            "clause": expected.clause,
            "objective": expected.objective,
            "within": self.either("结束前", "by the end") if within is None else self.span(within),
        }
