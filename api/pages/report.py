"""A report on paper: the fields of 3.2.3 in the plan's order, then who reports and who signed."""

from dataclasses import dataclass
from datetime import datetime

from api.pages import render
from api.schemas import UNKNOWN
from domain.base import beijing_text
from domain.incident.entries import Report
from domain.incident.notices import DRILL_MARK
from domain.incident.state import State
from domain.plan import Plan
from workflows.contracts import INCIDENTS_SPACE

CHANNELS_ZH = {
    "system": "系统",
    "network": "网络",
    "phone": "电话",
    "fax": "传真",
    "paper": "书面",
    "e_document": "电子文档",
    "in_person": "当面",
}
TAIL = ("unit", "liaison", "contact")
"""Fields that stand in the block at the end, wherever the form lists them."""


@dataclass(frozen=True)
class Row:
    """A field of the form with what was filled in."""

    name: str
    value: str
    blank: bool


def rows(plan: Plan, report: Report) -> tuple[Row, ...]:
    """The form's fields in the plan's order; a blank reads 不详."""
    form = plan.report_by_kind[report.kind]
    return tuple(
        Row(
            name=field.name.zh,
            value=report.fields.get(field.id) or UNKNOWN,
            blank=not report.fields.get(field.id),
        )
        for field in form.fields
        if field.id not in TAIL
    )


def draft(plan: Plan, state: State, kind: str) -> dict[str, str]:
    """The fields of a report of ``kind`` that the facts on record can fill, by field id."""
    facts = state.facts
    if facts is None:
        return {}
    known: dict[str, object] = {
        **dict(facts),
        "event_name": facts.name,
        "nature": next((one.name.zh for one in plan.kinds if one.id == facts.kind), None),
        "lots": "、".join(facts.lots),
        "happened_at": beijing_text(facts.happened_at) if facts.happened_at else None,
        "unit": plan.body_by_id[plan.regulator].name.zh,
    }
    fields = (field.id for field in plan.report_by_kind[kind].fields)
    return {
        field: value for field in fields if isinstance(value := known.get(field), str) and value
    }


def superseded_by(state: State, report: Report) -> Report | None:
    """The later version of ``report``, if there is one."""
    return next((other for other in state.reports.values() if other.supersedes == report.id), None)


def page(plan: Plan, state: State, report: Report, now: datetime, *, names: bool) -> str:
    """The report as HTML.

    Args:
        names: whether the reader may see who took the report and who signed it.
    """
    body = plan.body_by_id.get(report.by)
    newer = superseded_by(state, report)
    return render(
        "report.html",
        drill="" if state.space == INCIDENTS_SPACE else DRILL_MARK,
        plan=plan,
        state=state,
        report=report,
        form=plan.report_by_kind[report.kind],
        level=plan.level_by_id[report.level].name.zh if report.level else "尚未定级",
        rows=rows(plan, report),
        unit=report.fields.get("unit") or (body.name.zh if body else report.by),
        liaison=report.fields.get("liaison") or UNKNOWN,
        contact=report.fields.get("contact") or UNKNOWN,
        given=[
            (
                plan.body_by_id[given.recipient].name.zh,
                given,
                CHANNELS_ZH.get(given.channel, given.channel),
            )
            for given in report.given
        ],
        newer=newer,
        older=state.reports.get(report.supersedes) if report.supersedes else None,
        now=now,
        names=names,
    )
