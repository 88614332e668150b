"""Grading by 附件1: any one line suffices, the gravest level wins, unknown never lowers it.

The lines, their numbers and their qualifiers are plan data. Three answers exist for every
qualifier: yes, no and unknown; an unknown leaves a line possible (the candidate level) and an
explicit no takes it out.
"""

from typing import Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from domain.base import Strict
from domain.plan import GradingLine, Plan, Qualifier

Answer = Literal["yes", "no", "unknown"]
Count = StrictInt | None


class Spread(Strict):
    """Areas in which the same drug caused an incident of the next lower level."""

    provinces_with_ii: StrictInt = Field(default=0, ge=0)
    cities_with_iii: StrictInt = Field(default=0, ge=0)
    counties_with_iv: StrictInt = Field(default=0, ge=0)


class Findings(Strict):
    """What is known of an incident's harm; None is unknown.

    ``affected`` counts clinically similar, rare or unexpected events and is independent of
    ``severe`` (特别严重: permanent disability, permanent organ damage or danger to life), which
    includes those who died. ``deaths`` are those of the worst lot.
    """

    affected: Count = Field(default=None, ge=0)
    severe: Count = Field(default=None, ge=0)
    deaths: Count = Field(default=None, ge=0)
    unexpected: StrictBool | None = None
    similar_symptoms: StrictBool | None = None
    clustered: StrictBool | None = None
    lots_close: StrictBool | None = None
    same_drug: StrictBool | None = None
    same_lot: StrictBool | None = None
    short_term: StrictBool | None = None
    similar_cases: StrictBool | None = None
    spread: Spread = Spread()
    judged_level: str | None = None

    @property
    def severe_includes_deaths(self) -> bool:
        """False when more people died than were severely harmed, which cannot be."""
        return self.severe is None or self.deaths is None or self.deaths <= self.severe


class CheckedFindings(Findings):
    """Findings outside a first report, where contradictory counts are refused."""

    @model_validator(mode="after")
    def _deaths_within_severe(self) -> Self:
        if not self.severe_includes_deaths:
            raise ValueError(
                f"severe: {self.severe} is fewer than the {self.deaths} deaths; "
                "severe cases include those who died"
            )
        return self


class LineResult(Strict):
    """Whether one line of 附件1 is met, and why."""

    line: str
    level: str
    measure: str
    met: Answer
    why: str
    why_zh: str


class Grade(Strict):
    """The outcome of grading; see Findings.

    ``level``: the gravest level with a fully met line. ``candidate``: the gravest if every
    unknown were yes. ``needs_judgement``: a person must decide.
    """

    level: str | None
    candidate: str | None
    needs_judgement: bool
    lines: tuple[LineResult, ...]
    notes: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()


def grade(plan: Plan, findings: Findings) -> Grade:
    """Grade ``findings`` by the plan's lines (附件1). Raises ValueError on an unknown level."""
    if findings.judged_level is not None and findings.judged_level not in plan.level_ids:
        raise ValueError(f"judged_level: use one of {', '.join(plan.level_ids)} or null")
    results = tuple(_line(plan, line, findings) for line in plan.grading.lines)
    level = plan.gravest(*(r.level for r in results if r.met == "yes"))
    candidate = plan.gravest(*(r.level for r in results if r.met != "no"))
    notes: list[str] = []
    readings: list[str] = []
    for boundary in plan.grading.boundaries:
        at_boundary = _count(findings, boundary.measure)[0] == boundary.value
        possible = [r for r in results if r.line in boundary.lines and r.met == "yes"]
        if at_boundary and possible and plan.pending(boundary.reading):
            reading = plan.reading_by_id[boundary.reading]
            readings.append(reading.id)
            notes.append(f"{reading.clause}: {reading.reading.zh}(待解释,请专家确认)")
    if level is None:
        notes.append("没有一项标准完全符合,须由人作出研判。")
    if not findings.severe_includes_deaths:
        notes.append("死亡人数多于特别严重人数,请核对。")
    return Grade(
        level=level,
        candidate=candidate,
        needs_judgement=level != candidate or level is None or bool(readings),
        lines=results,
        notes=tuple(notes),
        readings=tuple(readings),
    )


def _count(findings: Findings, measure: str) -> tuple[int | None, bool]:
    """The count of ``measure`` and whether it is only a lower bound."""
    if measure in Spread.model_fields:
        return getattr(findings.spread, measure), False
    count: int | None = getattr(findings, measure)
    if measure == "severe" and findings.deaths is not None:
        if count is None:
            return findings.deaths, True
        return max(count, findings.deaths), False
    return count, False


def _line(plan: Plan, line: GradingLine, findings: Findings) -> LineResult:
    def result(met: Answer, why: str, why_zh: str) -> LineResult:
        return LineResult(
            line=line.line, level=line.level, measure=line.measure, met=met, why=why, why_zh=why_zh
        )

    if line.measure == "judged":
        if findings.judged_level == line.level:
            return result("yes", "judged by a person", "由人研判认定")
        return result("no", "not judged to be so", "未经研判认定")
    name = plan.grading.names[line.measure]
    count, lower_bound = _count(findings, line.measure)
    in_range = _in_range(plan, line, count, lower_bound)
    limits = _limits(line)
    shown = "unknown" if count is None else f"at least {count}" if lower_bound else str(count)
    shown_zh = "不详" if count is None else f"至少{count}" if lower_bound else str(count)
    if in_range == "no":
        return result(
            "no", f"{name.en} {shown}, {limits} needed", f"{name.zh}{shown_zh},须{limits}"
        )
    refuted = [q for q in line.needs if getattr(findings, q) is False]
    if refuted:
        return result(
            "no", f"not so: {_names(plan, refuted, 'en')}", f"否:{_names(plan, refuted, 'zh')}"
        )
    unknown = [q for q in line.needs if getattr(findings, q) is None]
    if in_range == "unknown" or unknown:
        why = [f"{name.en} {shown}, {limits} needed"] if in_range == "unknown" else []
        why_zh = [f"{name.zh}{shown_zh},须{limits}"] if in_range == "unknown" else []
        if unknown:
            why.append(f"unknown: {_names(plan, unknown, 'en')}")
            why_zh.append(f"不详:{_names(plan, unknown, 'zh')}")
        return result("unknown", "; ".join(why), ";".join(why_zh))
    return result("yes", f"{name.en} {shown}, {limits} needed", f"{name.zh}{shown_zh},须{limits}")


def _in_range(plan: Plan, line: GradingLine, count: int | None, lower_bound: bool) -> Answer:
    if count is None:
        return "unknown"
    for boundary in plan.grading.boundaries:
        # Only the line of the level that the reading chose keeps the disputed count.
        if line.line in boundary.lines and line.measure == boundary.measure:
            chosen = plan.choice(boundary.reading)
            grave = plan.rank(chosen)
            if count == boundary.value and plan.rank(line.level) > grave:
                return "no"
    if line.at_least is not None and count < line.at_least:
        return "unknown" if lower_bound else "no"
    if line.at_most is not None and count > line.at_most:
        return "no"
    if lower_bound and line.at_most is not None:
        return "unknown"
    return "yes"


def _limits(line: GradingLine) -> str:
    if line.at_least is not None and line.at_most is not None:
        return f"{line.at_least}–{line.at_most}"
    return f"≥ {line.at_least}" if line.at_least is not None else f"≤ {line.at_most}"


def _names(plan: Plan, qualifiers: list[Qualifier], language: str) -> str:
    separator = "、" if language == "zh" else ", "
    return separator.join(getattr(plan.grading.names[q], language) for q in qualifiers)
