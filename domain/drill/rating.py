"""Objectives rated P, S, M or U: by rule, or by an evaluator with a reason (6.5)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.base import Text
from domain.drill.record import DrillRecord, Rating
from domain.drill.results import ClockResult, Judged, Rated
from domain.duties import REPORTER


@dataclass(frozen=True)
class Tally:
    """What the rating of an objective is made from; ``broken``: statutory limits exceeded."""

    met: int
    late: int
    missed: int
    broken: int


@dataclass(frozen=True)
class Rule:
    """A rating, when it is given, and why then."""

    rating: Rating
    says: Text
    why: Text
    holds: Callable[[Tally], bool]


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "U",
        Text(zh="预期行动一项也没有完成。", en="None of the expected actions was done."),
        Text(
            zh="目标完全没有展示出来。",
            en="The objective was not shown at all.",
        ),
        lambda tally: tally.missed > 0 and tally.met + tally.late == 0,
    ),
    Rule(
        "M",
        Text(
            zh="有预期行动没有完成，或者突破了所涉条款的法定时限。",
            en="An expected action was missed, or a statutory limit on its clauses was exceeded.",
        ),
        Text(
            zh="漏做一项，或者超过法定时限，在真实事件中已是失职，按时完成其他行动不能抵消。",
            en="In a real incident a step left out or a statutory limit exceeded is a breach, "
            "which other steps in time do not make good.",
        ),
        lambda tally: tally.missed > 0 or tally.broken > 0,
    ),
    Rule(
        "S",
        Text(
            zh="预期行动全部完成，但有的超过了规定的时间。",
            en="All expected actions were done, some of them late.",
        ),
        Text(
            zh="事情都做了，只是慢了；慢的是演练自定的时间或内控目标，不是法定时限。",
            en="All was done, only slowly, against times that are the exercise's own, not statute.",
        ),
        lambda tally: tally.late > 0,
    ),
    Rule(
        "P",
        Text(zh="预期行动全部按时完成。", en="All expected actions were done in time."),
        Text(zh="目标完整展示。", en="The objective was shown in full."),
        lambda tally: tally.met > 0,
    ),
)
"""The first rule that holds rates an objective; an evaluator may rate otherwise, with a reason."""
UNRATED: Final = Text(
    zh="没有可据以评定的结果，须由评估人员评定。",
    en="Nothing was seen that could be rated: an evaluator must rate it.",
)


def rule_for(tally: Tally) -> Rule | None:
    """The rule that rates ``tally``; None when nothing was seen that could be rated."""
    return next((rule for rule in RULES if rule.holds(tally)), None)


def rated(
    record: DrillRecord, judged: Sequence[Judged], clocks: Sequence[ClockResult]
) -> Iterator[Rated]:
    overridden = {one.objective: one for one in record.overridden}
    for objective in record.scenario.objectives:
        results = [one.status for one in judged if one.objective == objective.id]
        results += [
            "met" if seen.met else "missed"
            for seen in record.observations
            if seen.objective == objective.id and seen.inject is None and seen.met is not None
        ]
        clauses = {*objective.clauses, *(j.clause for j in judged if j.objective == objective.id)}
        broken = tuple(
            f"{clock.incident}/{clock.id}"
            for clock in clocks
            # What the reporter owes is not for the players to keep.
            if clock.kind == "statutory" and clock.owner != REPORTER
            if clock.broken and clock.clause in clauses
        )
        tally = Tally(
            met=results.count("met"),
            late=results.count("late"),
            missed=results.count("missed"),
            broken=len(broken),
        )
        rule = rule_for(tally)
        by_rule = rule.rating if rule else None
        changed = overridden.get(objective.id)
        yield Rated(
            id=objective.id,
            text=objective.text,
            rating=changed.rating if changed else by_rule,
            by_rule=by_rule,
            rule=rule.says if rule else UNRATED,
            met=tally.met,
            late=tally.late,
            missed=tally.missed,
            unseen=results.count("unseen"),
            broken=broken,
            overridden=changed,
        )
