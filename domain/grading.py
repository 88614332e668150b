"""Grading by 附件1: any one line suffices, the gravest level wins, unknown never lowers it.

The lines, their numbers and their qualifiers are plan data. Three answers exist for every
qualifier: yes, no and unknown; an unknown leaves a line possible (the candidate level) and an
explicit no takes it out. Lines of the same name are the alternatives (或者) of one provision and
give one result.
"""

from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from domain.base import Strict
from domain.plan import Boundary, GradingLine, Plan, Qualifier

Answer = Literal["yes", "no", "unknown"]
Count = StrictInt | None


class Spread(Strict):
    """Areas in which the same drug caused an incident of the next lower level; None is unknown."""

    provinces_with_ii: Count = Field(default=0, ge=0)
    cities_with_iii: Count = Field(default=0, ge=0)
    counties_with_iv: Count = Field(default=0, ge=0)


class Findings(Strict):
    """What is known of an incident's harm; None is unknown.

    ``affected`` counts clinically similar, rare or unexpected events and is independent of
    ``severe`` (特别严重: permanent disability, permanent organ damage or danger to life), which
    includes those who died. ``deaths`` are those of the worst lot. A spread that is not
    mentioned is none; one that is null is unknown.
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

    @field_validator("spread", mode="before")
    @classmethod
    def _unknown_spread(cls, value: Any) -> Any:
        return dict.fromkeys(Spread.model_fields) if value is None else value

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
                f"deaths: {self.deaths} is more than severe {self.severe}; "
                "severe cases include those who died"
            )
        return self


class LineResult(Strict):
    """Whether one line of 附件1 is met, and why; ``measure`` is the count that decided."""

    line: str
    level: str
    measure: str
    met: Answer
    why: str
    why_zh: str


class Grade(Strict):
    """The outcome of grading; see Findings.

    ``level``: the gravest level with a fully met line. ``candidate``: the gravest if every
    unknown were yes. ``needs_judgement``: a person must decide. ``readings``: the readings that
    decided something and still await the interpreting body (7.2), shown as 待解释.
    """

    level: str | None
    candidate: str | None
    needs_judgement: bool
    lines: tuple[LineResult, ...]
    notes: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()


class _Test(NamedTuple):
    """One alternative of a line, tested."""

    line: GradingLine
    met: Answer
    why: str
    why_zh: str
    readings: tuple[str, ...] = ()


def grade(plan: Plan, findings: Findings) -> Grade:
    """Grade ``findings`` by the plan's lines (附件1). Raises ValueError on an unknown level."""
    if findings.judged_level is not None and findings.judged_level not in plan.level_ids:
        raise ValueError(f"judged_level: use one of {', '.join(plan.level_ids)} or null")
    tests = [_test(plan, line, findings) for line in plan.grading.lines]
    results = tuple(
        _result([test for test in tests if test.line.line == name])
        for name in dict.fromkeys(test.line.line for test in tests)
    )
    level = plan.gravest(*(r.level for r in results if r.met == "yes"))
    candidate = plan.gravest(*(r.level for r in results if r.met != "no"))
    disputed = {b: _met_at(plan, b, findings, tests) for b in plan.grading.boundaries}
    rests_on = [reading for test in tests for reading in test.readings]
    rests_on.extend(boundary.reading for boundary, met in disputed.items() if met != "no")
    rules = plan.grading.readings
    notes = [
        f"{plan.reading_by_id[b.reading].clause}：{plan.reading_by_id[b.reading].reading.zh}"
        "（待解释，请专家确认）"
        for b, met in disputed.items()
        if met != "no"
    ]
    if level is None:
        notes.append("没有一项标准完全符合，须由人作出研判。")
    if candidate is None:
        rests_on.append(rules.no_line or "")
    if level != candidate:
        rests_on.append(rules.unknown or "")
    if not findings.severe_includes_deaths:
        notes.append("死亡人数多于特别严重人数，请核对。")
    return Grade(
        level=level,
        candidate=candidate,
        needs_judgement=level != candidate or level is None or "yes" in disputed.values(),
        lines=results,
        notes=tuple(notes),
        readings=tuple(r for r in dict.fromkeys(rests_on) if r and plan.pending(r)),
    )


def _result(alternatives: list[_Test]) -> LineResult:
    """One provision from its alternatives: any of them suffices (或者)."""
    met = _any(alternatives)
    told = [test for test in alternatives if test.met == met]
    return LineResult(
        line=told[0].line.line,
        level=told[0].line.level,
        measure=told[0].line.measure,
        met=met,
        why="; ".join(test.why for test in told),
        why_zh="；".join(test.why_zh for test in told),
    )


def _any(tests: list[_Test]) -> Answer:
    """Yes if one of ``tests`` is met, unknown if one may be, else no."""
    answers = {test.met for test in tests}
    return "yes" if "yes" in answers else "unknown" if "unknown" in answers else "no"


def _met_at(plan: Plan, boundary: Boundary, findings: Findings, tests: list[_Test]) -> Answer:
    """Whether a line is met by a count that another claims, while no one has confirmed whose."""
    if _count(findings, boundary.measure)[0] != boundary.value or not plan.pending(
        boundary.reading
    ):
        return "no"
    return _any([test for test in tests if test.line.line in boundary.lines])


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


def _test(plan: Plan, line: GradingLine, findings: Findings) -> _Test:
    if line.measure == "judged":
        if findings.judged_level == line.level:
            return _Test(line, "yes", "judged so by a person", "由人研判认定")
        return _Test(line, "no", "not judged so by a person", "未经研判认定")
    name = plan.grading.names[line.measure]
    count, lower_bound = _count(findings, line.measure)
    limits = _limits(line)
    shown = "unknown" if count is None else f"at least {count}" if lower_bound else str(count)
    shown_zh = "不详" if count is None else f"至少{count}" if lower_bound else str(count)
    why, why_zh = f"{name.en} {shown}, {limits} asked", f"{name.zh}{shown_zh}，标准{limits}"
    in_range = _in_range(line, count, lower_bound)
    if in_range != "no" and (reading := _ruled_out(plan, line, count)):
        words = plan.reading_by_id[reading].reading
        return _Test(line, "no", f"{why}; {words.en}", f"{why_zh}；{words.zh}", (reading,))
    if in_range == "no":
        return _Test(line, "no", why, why_zh)
    refuted: list[Qualifier] = [q for q in line.needs if getattr(findings, q) is False]
    if refuted:
        names, names_zh = _names(plan, refuted)
        return _Test(line, "no", f"{why}; not so: {names}", f"{why_zh}；不符合：{names_zh}")
    unknown: list[Qualifier] = [q for q in line.needs if getattr(findings, q) is None]
    # A bound that is reached exactly is where the reading of 以上 and （含） decides.
    readings = line.readings if count in (line.at_least, line.at_most) else ()
    if lower_bound and in_range == "yes" and plan.grading.readings.lower_bound:
        readings = (*readings, plan.grading.readings.lower_bound)
    if unknown:
        names, names_zh = _names(plan, unknown)
        return _Test(
            line, "unknown", f"{why}; unknown: {names}", f"{why_zh}；不详：{names_zh}", readings
        )
    return _Test(line, in_range, why, why_zh, readings)


def _in_range(line: GradingLine, count: int | None, lower_bound: bool) -> Answer:
    if count is None:
        return "unknown"
    if line.at_least is not None and count < line.at_least:
        return "unknown" if lower_bound else "no"
    if line.at_most is not None and count > line.at_most:
        return "no"
    if lower_bound and line.at_most is not None:
        return "unknown"
    return "yes"


def _ruled_out(plan: Plan, line: GradingLine, count: int | None) -> str | None:
    """The reading by which a disputed count is not of this line's level but of a lower one."""
    for boundary in plan.grading.boundaries:
        disputed = line.line in boundary.lines and line.measure == boundary.measure
        if disputed and count == boundary.value:
            chosen = plan.choice(boundary.reading)
            if plan.rank(line.level) > plan.rank(chosen):
                return boundary.reading
    return None


def _limits(line: GradingLine) -> str:
    if line.at_least is not None and line.at_most is not None:
        return f"{line.at_least}–{line.at_most}"
    return f"≥{line.at_least}" if line.at_least is not None else f"≤{line.at_most}"


def _names(plan: Plan, qualifiers: list[Qualifier]) -> tuple[str, str]:
    """The names of ``qualifiers`` in English and in Chinese."""
    texts = [plan.grading.names[qualifier] for qualifier in qualifiers]
    return ", ".join(text.en for text in texts), "、".join(text.zh for text in texts)
