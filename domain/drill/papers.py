"""The papers of an exercise, as values for its templates: no personal data, ever (6.5).

The templates are ``drills/papers/<name>.<language>.md.j2``; what they may name is fixed here.
Papers that players get are made from a Briefing, which holds nothing that they may not know, so
no template can give it away. Times are Beijing's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from domain.base import Model, Moment, Refusal, Strict, Text
from domain.drill.paper_words import (
    CHANNELS,
    NONE,
    RATINGS,
    STATUS,
    VERDICT,
    Speaker,
    said,
)
from domain.drill.play import injects_of
from domain.drill.rating import RULES
from domain.drill.record import DrillRecord, Improvement, Remark
from domain.drill.results import Attempt, BodyResult, ClockResult, Evaluation, Judged, Rated
from domain.drill.scenario import Inject, Player, Scenario
from domain.incident.wording import LANGUAGES, Language, Values
from domain.plan import Plan

Audience = Literal["everyone", "staff", "after"]
"""``everyone`` may read it before and during play; ``staff`` are directors and evaluators;
``after`` is for everyone once the drill has ended."""


class Kind(Strict):
    """A kind of paper: the name of its template, its title, and who may read it."""

    name: str
    title: Text
    audience: Audience
    languages: tuple[Language, ...] = ("zh",)


PAPERS: Final[tuple[Kind, ...]] = (
    Kind(name="scheme", title=Text(zh="演练方案", en="Exercise scheme"), audience="everyone"),
    Kind(name="sign-in", title=Text(zh="签到表", en="Sign-in sheet"), audience="everyone"),
    Kind(name="script", title=Text(zh="演练脚本", en="Master scenario events"), audience="staff"),
    Kind(name="evaluation", title=Text(zh="评估表", en="Evaluation sheets"), audience="staff"),
    Kind(name="summary", title=Text(zh="演练总结", en="Exercise summary"), audience="after"),
    Kind(
        name="after-action",
        title=Text(zh="总结评估报告", en="After-action report"),
        audience="after",
        languages=LANGUAGES,
    ),
)


def open_to(kind: Kind, staff: bool, ended: bool) -> bool:
    """Whether a paper of that kind may be read: players see what directors used once it is over."""
    return kind.audience == "everyone" or ended or (staff and kind.audience == "staff")


KIND: Final = {kind.name: kind for kind in PAPERS}
FOR: Final[dict[Audience, Text | None]] = {
    "everyone": None,
    "staff": Text(
        zh="仅供导调、评估人员使用，结束前不得让参演人员看到",
        en="For directors and evaluators alone: players must not see it before the end",
    ),
    "after": None,
}


@dataclass(frozen=True)
class Content:
    """What one paper says in one language."""

    kind: Kind
    language: Language
    subject: str
    """The title of the exercise."""
    values: Values

    @property
    def title(self) -> str:
        """The paper's own title, after the exercise's."""
        return f"{self.subject} {said(self.kind.title, self.language)}"

    @property
    def warning(self) -> str | None:
        """Who alone may see it; None for everybody."""
        text = FOR[self.kind.audience]
        return None if text is None else said(text, self.language)


class Briefing(Model):
    """What players may know beforehand: neither injects nor what is expected, nor the sources.

    Summary and objectives stay out as well, for they tell the plot.
    """

    title: Text
    starts: Moment | None
    length: timedelta
    players: tuple[Player, ...]


def briefing(scenario: Scenario) -> Briefing:
    """What of ``scenario`` players may know beforehand."""
    return Briefing(
        title=scenario.title,
        starts=scenario.starts,
        length=scenario.length,
        players=scenario.players,
    )


# --- before -------------------------------------------------------------------------------------


def papers_before(plan: Plan, scenario: Scenario) -> tuple[Content, ...]:
    """The papers that an exercise needs before it begins: for players first, then for its staff."""
    told = briefing(scenario)
    return (
        *_contents(plan, "scheme", told.title, lambda says: _briefed(says, told)),
        *_contents(plan, "sign-in", told.title, lambda says: _briefed(says, told)),
        *_contents(plan, "script", scenario.title, lambda says: _script(says, scenario)),
        *_contents(plan, "evaluation", scenario.title, lambda says: _sheets(says, scenario)),
    )


def _contents(
    plan: Plan, name: str, title: Text, values: Callable[[Speaker], Values]
) -> Iterator[Content]:
    kind = KIND[name]
    for language in kind.languages:
        says = Speaker(plan, language)
        yield Content(kind, language, says.say(title), {**_common(says), **values(says)})


def _common(says: Speaker) -> Values:
    return {
        "county": says.say(says.plan.jurisdiction.name),
        "plan": says.say(says.plan.jurisdiction.title),
        "document": says.plan.jurisdiction.document,
        "government": says.body(says.plan.government),
        "regulator": says.body(says.plan.regulator),
        "rules": [
            {
                "rating": says.say(RATINGS[rule.rating]),
                "says": says.say(rule.says),
                "why": says.say(rule.why),
            }
            for rule in RULES
        ],
    }


def _briefed(says: Speaker, told: Briefing) -> Values:
    return {
        "title": says.say(told.title),
        "starts": says.at(told.starts) if told.starts else "",
        "length": says.span(told.length),
        "players": [_player(says, player) for player in told.players],
    }


def _player(says: Speaker, player: Player) -> Values:
    seat = says.plan.seat_by_id.get(player.seat)
    return {
        "role": says.say(player.text),
        "seat": says.seat(player.seat),
        "body": says.body(seat.body if seat else None),
    }


def _script(says: Speaker, scenario: Scenario) -> Values:
    return {
        **_briefed(says, briefing(scenario)),
        "summary": says.say(scenario.summary),
        "objectives": _objectives(says, scenario),
        "injects": [_inject(says, scenario, inject) for inject in scenario.injects],
        "sources": _sources(says, scenario),
    }


def _objectives(says: Speaker, scenario: Scenario) -> list[Values]:
    return [
        {"id": o.id, "text": says.say(o.text), "clauses": says.listed(o.clauses)}
        for o in scenario.objectives
    ]


def _sources(says: Speaker, scenario: Scenario) -> list[Values]:
    return [
        {
            "title": source.title,
            "published": source.published,
            "url": source.url or "",
            "used": says.say(source.used),
        }
        for source in scenario.sources
    ]


def _inject(says: Speaker, scenario: Scenario, inject: Inject) -> Values:
    roles = {player.id: says.say(player.text) for player in scenario.players}
    return {
        "number": inject.number,
        "when": says.when(inject, scenario.starts),
        "from": says.say(inject.from_),
        "to": says.listed(roles.get(role, role) for role in inject.to),
        "channel": says.say(CHANNELS[inject.channel]),
        "text": says.say(inject.text),
        "discussion": inject.discussion,
        "expected": [says.expected(expected) for expected in inject.expected],
    }


def _sheets(says: Speaker, scenario: Scenario) -> Values:
    """One sheet for each group of roles: those that are played from one seat."""
    objectives = {objective["id"]: objective for objective in _objectives(says, scenario)}
    groups: list[Values] = []
    for seat in dict.fromkeys(player.seat for player in scenario.players):
        roles = {player.id for player in scenario.players if player.seat == seat}
        injects = [inject for inject in scenario.injects if roles & set(inject.to)]
        shown = dict.fromkeys(e.objective for inject in injects for e in inject.expected)
        groups.append(
            {
                "name": says.seat(seat),
                "roles": [says.say(p.text) for p in scenario.players if p.seat == seat],
                "injects": [_inject(says, scenario, inject) for inject in injects],
                "objectives": [objectives[id] for id in shown if id in objectives],
            }
        )
    return {"groups": groups}


# --- after --------------------------------------------------------------------------------------


def papers_after(plan: Plan, record: DrillRecord, evaluation: Evaluation) -> tuple[Content, ...]:
    """Summary and after-action report of a drill that has ended.

    Raises:
        Refusal: it has not ended; the papers tell what players must not know yet.
    """
    if not evaluation.ended:
        raise Refusal(
            "drill_running",
            clause_of(plan),
            "演练尚未结束，不能出具总结；请先结束演练。",
            "the drill has not ended: end it first, then ask for its papers",
        )
    title = record.scenario.title
    return (
        *_contents(plan, "summary", title, lambda says: _after(says, record, evaluation)),
        *_contents(plan, "after-action", title, lambda says: _after(says, record, evaluation)),
    )


def clause_of(plan: Plan) -> str:
    """The clause that asks for exercises."""
    found = (duty.clause for duty in plan.standing if duty.id == "drills")
    return next(found, plan.recording.clause)


def _after(says: Speaker, record: DrillRecord, evaluation: Evaluation) -> Values:
    return {
        "title": says.say(record.scenario.title),
        "drill": record.drill,
        "summary": says.say(record.scenario.summary),
        "held": f"{says.at(record.real_started)} – {says.at(record.real_ended)}",
        "period": f"{says.at(record.started)} – {says.at(evaluation.until)}",
        "incidents": says.listed(f"{name} ({number})" for name, number in record.incidents.items()),
        "roles": [says.say(player.text) for player in record.scenario.players],
        "delivered": sum(inject.status == "delivered" for inject in record.played),
        "injects": len(injects_of(record.scenario, record.added)),
        "suspended": record.suspended or "",
        "objectives": [_objective(says, rated) for rated in evaluation.objectives],
        "counts": [
            {"status": says.say(text), "count": count}
            for status, text in STATUS.items()
            if (count := sum(judged.status == status for judged in evaluation.judged))
        ],
        "expected": [_expected(says, judged) for judged in evaluation.judged],
        "statutory": [_clock(says, c) for c in evaluation.clocks if c.kind == "statutory"],
        "internal_broken": [
            _clock(says, c) for c in evaluation.clocks if c.kind == "internal" and c.broken
        ],
        "internal": sum(c.kind == "internal" for c in evaluation.clocks),
        "bodies": [_body(says, body) for body in evaluation.bodies],
        "attempts": [_attempt(says, attempt) for attempt in evaluation.attempts],
        "observations": [
            {
                "at": says.at(seen.at),
                "by": says.person(seen.by),
                "about": "" if seen.inject is None else says.inject(seen.inject),
                "text": seen.text,
            }
            for seen in sorted(record.observations, key=lambda seen: seen.at)
        ],
        "remarks": [_remark(says, r) for r in record.remarks if not r.lesson],
        "lessons": [_remark(says, r) for r in record.remarks if r.lesson],
        "improvements": [_improvement(says, i) for i in record.improvements],
        "clauses": says.listed(evaluation.clauses),
        "sources": _sources(says, record.scenario),
    }


def _objective(says: Speaker, rated: Rated) -> Values:
    return {
        "id": rated.id,
        "text": says.say(rated.text),
        "rating": says.rating(rated.rating, rated.provisional),
        "rule": says.say(rated.rule),
        "by_rule": says.rating(rated.by_rule),
        "met": rated.met,
        "late": rated.late,
        "missed": rated.missed,
        "unseen": rated.unseen,
        "broken": len(rated.broken),
        "overridden": None
        if rated.overridden is None
        else {"reason": rated.overridden.reason, "by": says.person(rated.overridden.by)},
    }


def _expected(says: Speaker, judged: Judged) -> Values:
    if judged.observation is not None:
        shown = says.either("评估人员观察", "observed")
    else:
        shown = NONE if judged.seq is None else f"{judged.incident}#{judged.seq}"
    return {
        "inject": judged.inject,
        "text": says.say(judged.text),
        "clause": judged.clause,
        "status": says.say(STATUS[judged.status]),
        "at": says.at(judged.at),
        "margin": says.margin(judged.margin),
        "shown": shown,
        "open": judged.status in ("late", "missed", "unseen"),
    }


def _clock(says: Speaker, clock: ClockResult) -> Values:
    return {
        "incident": clock.incident,
        "clause": clock.clause,
        "name": says.say(clock.name),
        "due": says.at(clock.due),
        "met": says.at(clock.met_at),
        "verdict": says.say(VERDICT[clock.verdict]),
        "margin": says.margin(clock.margin),
        "broken": clock.broken,
    }


def _body(says: Speaker, body: BodyResult) -> Values:
    return {
        "name": says.body(body.body),
        "notices": body.notices,
        "answered": body.answered,
        "unanswered": body.unanswered,
        "never": body.answered == 0,
        "first": says.span(body.first),
        "typical": says.span(body.typical),
        "slowest": says.span(body.slowest),
    }


def _attempt(says: Speaker, attempt: Attempt) -> Values:
    return {
        "at": says.at(attempt.at),
        "incident": attempt.incident or NONE,
        "command": attempt.command,
        "seat": says.seat(attempt.seat),
        "decider": says.body(attempt.decider),
        "clause": attempt.clause,
    }


def _remark(says: Speaker, remark: Remark) -> Values:
    return {"by": says.person(remark.by), "text": remark.text}


def _improvement(says: Speaker, improvement: Improvement) -> Values:
    return {
        "id": improvement.id,
        "text": improvement.text,
        "owner": says.body(improvement.owner),
        "due": improvement.due.isoformat(),
        "done": improvement.done.isoformat() if improvement.done else "",
    }
