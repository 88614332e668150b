"""The page behind a link in a message: what it says, and what the body answers to each notice."""

from dataclasses import dataclass
from datetime import datetime

from api.pages import render
from api.problems import Problem
from domain.base import Text
from domain.incident.entries import Notice
from domain.incident.notices import DRILL_MARK
from domain.incident.state import State
from domain.incident.wording import wording
from domain.plan import Plan
from store.links import Grant
from store.texts import say_notice, template_of
from workflows.contracts import INCIDENTS_SPACE


@dataclass(frozen=True)
class Shown:
    """A notice with what it says."""

    notice: Notice
    title: Text
    text: Text
    cited: Text


def page(
    plan: Plan,
    state: State,
    grant: Grant,
    action: str,
    now: datetime,
    problem: Problem | None = None,
    pending: bool = False,
) -> str:
    """The notices that ``grant`` is about, each with its answer or a form for one.

    Args:
        action: where the forms go.
        problem: what was wrong with the answer that was just given.
        pending: the answer that was just given is safe, and not carried out yet.
    """
    shown = []
    for notice in (state.notices[key] for key in grant.about if key in state.notices):
        values = wording(plan, state, notice)
        title, text = say_notice(template_of(plan, notice.subject), values)
        cited = Text(zh=values["zh"]["cited"], en=values["en"]["cited"])
        shown.append(Shown(notice, title, text, cited))
    return render(
        "answer.html",
        drill="" if state.space == INCIDENTS_SPACE else DRILL_MARK,
        plan=plan,
        state=state,
        now=now,
        body=plan.body_by_id[grant.body].name,
        shown=shown,
        action=action,
        until=grant.until,
        problem=problem,
        pending=pending,
    )
