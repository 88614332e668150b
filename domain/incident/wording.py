"""What a notice has to say, as values for the plan's templates: no personal data, ever.

The templates are the plan's (``plans/notices/``); what they may name is fixed here, once for each
language. Times are Beijing's.
"""

from typing import Any, Literal, get_args

from domain.base import Text, beijing_text
from domain.incident.entries import Notice
from domain.incident.notices import DRILL_MARK, duty_name
from domain.incident.state import State
from domain.plan import Plan

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Values = dict[str, Any]
Wording = dict[Language, Values]

SUBJECTS = (
    "reported",
    "tasks",
    "informed",
    "reminder",
    "unrecorded",
    "decision",
    "decided",
    "response_started",
    "response_adjusted",
    "response_ended",
    "dismissed",
    "reopened",
    "merged",
    "ordered",
    "warned",
    "took_over",
    "voided",
    "refused",
    "failed",
    "call",
    "unanswered",
)
"""What a notice can be about; each has a template of its name."""
LAYOUT = "message"
"""The template of the whole message, around the notices in it."""

_KINDS = {
    "activation": Text(zh="启动响应", en="starting the response"),
    "adjustment": Text(zh="调整响应级别", en="changing the level"),
    "termination": Text(zh="终止响应", en="ending the response"),
    "release": Text(zh="信息发布", en="an information release"),
}
_OUTCOMES = {
    "open": Text(zh="待决定", en="open"),
    "approved": Text(zh="同意", en="approved"),
    "rejected": Text(zh="不同意", en="rejected"),
    "superseded": Text(zh="已被新方案取代", en="superseded"),
}
_NOT_GRADED = Text(zh="未定级", en="not graded")


def wording(plan: Plan, state: State, notice: Notice) -> Wording:
    """The values of ``notice`` in both languages."""
    facts = state.facts
    level = state.response_level or state.level
    return {
        language: {
            "mark": "" if state.space == "incidents" else DRILL_MARK,
            "incident": state.incident,
            "drug": facts.drug if facts else "",
            "place": facts.place if facts else "",
            "county": getattr(plan.jurisdiction.name, language),
            "level": getattr(plan.level_by_id[level].name if level else _NOT_GRADED, language),
            "id": notice.id,
            "clause": notice.clause,
            "cited": getattr(_cited(plan, notice.clause), language),
            "statutory": notice.statutory,
            "about": [
                {
                    name: getattr(value, language) if isinstance(value, Text) else value
                    for name, value in _about(plan, state, notice.subject, ref).items()
                }
                for ref in notice.ref.split()
            ],
        }
        for language in LANGUAGES
    }


def _cited(plan: Plan, clause: str) -> Text:
    """A clause with the document it stands in; another law's clause names that law itself."""
    if any(duty.law is not None and duty.clause == clause for duty in plan.obligations):
        return Text(zh=clause, en=clause)
    title = plan.jurisdiction.title
    return Text(zh=f"{title.zh} {clause}", en=f"{title.en}, {clause}")


def _about(plan: Plan, state: State, subject: str, ref: str) -> Values:
    """One of the things that a notice is about; every one of a subject has the same names."""
    match subject:
        case "tasks":
            task = state.tasks[ref]
            text = plan.item_by_id[task.pack, task.item].text
            return {
                "id": ref,
                "clause": task.clause,
                "text": text,
                "due": beijing_text(task.due) if task.due else "",
            }
        case "informed" | "reminder" | "unrecorded":
            clock = state.clocks[ref]
            zh, en = duty_name(plan, state, clock)
            return {
                "clause": clock.clause,
                "text": Text(zh=zh, en=en),
                "due": beijing_text(clock.due),
                "internal": clock.kind == "internal",
            }
        case "decision" | "decided":
            proposal = state.proposals[ref]
            return {
                "id": ref,
                "version": proposal.version,
                "matter": _KINDS[proposal.kind],
                "outcome": _OUTCOMES[proposal.status],
            }
        case "failed" | "refused" | "call" | "unanswered":
            notice = state.notices[ref]
            return {
                "id": ref,
                "body": plan.body_by_id[notice.recipient].name,
                # Never the words of an answer: whoever wrote them may have named people.
                "said": notice.failure or "",
                "since": beijing_text(notice.queued_at),
            }
        case _:
            return {"id": ref}


def sample(subject: str) -> Values:
    """Values of the shape of ``subject``'s, to try a template on."""
    shapes: dict[str, Values] = {
        "tasks": {"id": "t2.1", "clause": "4.2", "text": "…", "due": "2026-01-31 14:32"},
        "decision": {"id": "p7", "version": 1, "matter": "…", "outcome": "…"},
        "call": {"id": "n3.1", "body": "…", "said": "…", "since": "2026-01-31 14:32"},
        "informed": {"clause": "4.2", "text": "…", "due": "2026-01-31 14:32", "internal": True},
    }
    like = {
        "reminder": "informed",
        "unrecorded": "informed",
        "decided": "decision",
        "failed": "call",
        "refused": "call",
        "unanswered": "call",
    }
    return {
        "mark": "",
        "incident": "GQ-7K4-M2Q-X9C",
        "drug": "…",
        "place": "…",
        "county": "…",
        "level": "…",
        "id": "n2.1",
        "clause": "4.2",
        "cited": "… 4.2",
        "statutory": True,
        "about": [shapes.get(like.get(subject, subject), {"id": "7"})] * 2,
    }


def layout_sample() -> Values:
    """Values of the shape of a whole message's."""
    notice = {"id": "n2.1", "title": "…", "text": "…", "cited": "… 4.2", "again": True}
    return {
        "mark": "",
        "incident": "GQ-7K4-M2Q-X9C",
        "drug": "…",
        "place": "…",
        "county": "…",
        "body": "…",
        "notices": [notice, notice],
        "again": True,
        "statutory": True,
        "at": "2026-01-31 14:32",
        "link": "https://…",
    }
