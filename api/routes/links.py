"""Signed links: acknowledge without an account, report a delivery, key in a call.

A GET never answers anything, for scanners of mail open every link; only a person's POST does.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Path, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.intake import Key
from api.middleware import FORM_CSP
from api.pages import answer
from api.problems import Problem
from api.record import NOT_YET, Standing
from api.routes.commands import carry_out
from api.space import Space
from domain.base import BEIJING
from domain.incident.commands import AcknowledgeNotice, RecordCall
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.observations import Delivered
from domain.incident.record import Attribution
from domain.incident.rules import CLOCK_SKEW
from domain.plan import Plan
from store.links import BadLink, Grant, Purpose

CALL_LIFETIME: Final = timedelta(hours=12)
"""How long the forms of a call sheet work: a shift, not longer."""
NAME: Final = r"^[^\x00-\x1f\x7f]{0,100}$"
CLOCK: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$"
KEYED_IN: Final = "先通话，后在电话报告单上补录"
TEXT: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]{0,2000}$"

Seen = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="至少显示到此序号。")]
Token = Annotated[str, Path(max_length=4000, description="消息中的签名链接。")]


def seat_of(plan: Plan, body: str) -> str:
    """The seat that records what ``body`` answers: its own, or the duty seat's."""
    own = next((seat.id for seat in plan.seats if seat.body == body), None)
    return own or next(seat.id for seat in plan.seats if seat.body == plan.duty)


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["links"])

    async def granted(purpose: Purpose, token: str) -> Grant:
        """What ``token`` allows; a link of another space allows nothing here."""
        try:
            grant = space.links().read(purpose, token)
        except BadLink as error:
            raise _unknown() from error
        if grant.space != space.name:
            raise _unknown()
        if await space.now_of(grant.incident) >= grant.until:
            raise Problem(
                410,
                "link_expired",
                "链接已过期，请登录系统办理，或电话回复值班室。",
                "the link has expired: sign in, or telephone the duty room",
            )
        return grant

    async def shown(
        grant: Grant,
        standing: Standing,
        token: str,
        problem: Problem | None = None,
        pending: bool = False,
    ) -> HTMLResponse:
        page = answer.page(
            standing.plan,
            standing.state,
            grant,
            f"{base}/acknowledge/{token}",
            await space.now_of(grant.incident),
            problem,
            pending,
        )
        status = problem.status_code if problem else 200
        return HTMLResponse(page, status, {"Content-Security-Policy": FORM_CSP})

    @made.get("/acknowledge/{token}", include_in_schema=False)
    async def show(token: Token, seen: Seen = None, pending: bool = False) -> HTMLResponse:
        """The notices of a message, and what has been answered; this answers nothing."""
        grant = await granted("acknowledge", token)
        standing = await latest(space, grant.incident, seen)
        return await shown(grant, standing, token, pending=pending)

    @made.post("/acknowledge/{token}", include_in_schema=False)
    async def acknowledge(
        token: Token,
        notice: Annotated[str, Form(max_length=100)],
        action: Annotated[Literal["acknowledge", "refuse"], Form()],
        name: Annotated[str, Form(pattern=NAME)] = "",
        comment: Annotated[str, Form(pattern=TEXT)] = "",
    ) -> Response:
        """Acknowledge one notice of the message, or refuse it with a comment."""
        grant = await granted("acknowledge", token)
        if notice not in grant.about:
            raise _unknown()
        standing = await space.standing(grant.incident)
        contact = (await space.directory()).find(grant.contact or "")
        said = (comment.strip(), name.strip() or (contact.name if contact else None) or None)
        command = AcknowledgeNotice(
            notice=notice, refuse=action == "refuse", comment=said[0] or None
        )
        by = Attribution(
            decider=grant.body,
            decider_person=said[1],
            recorder=seat_of(standing.plan, grant.body),
            recorder_person=said[1],
            means="link",
        )
        try:
            answered = await _carry(space, base, grant, command, by, token)
        except Problem as problem:
            if problem.code != "already_acknowledged":
                return await shown(grant, standing, token, problem)
            return RedirectResponse(f"{base}/acknowledge/{token}", 303)
        return RedirectResponse(_seen(f"{base}/acknowledge/{token}", answered), 303)

    @made.post("/delivered/{token}", status_code=204, include_in_schema=False)
    async def delivered(token: Token) -> None:
        """A provider says that a message has reached its recipient's device."""
        grant = await granted("delivered", token)
        state = (await space.standing(grant.incident)).state
        new = [n for n in grant.about if n in state.notices and not state.notices[n].delivered_at]
        if state.done or not new:
            return
        envelope = Envelope(
            request_id=_request("delivered", token),
            received=await space.now_of(grant.incident),
            command=Delivered(notices=grant.about),
        )
        await space.gateway.send(grant.incident, envelope)

    @made.post("/call/{token}", include_in_schema=False)
    async def call(
        token: Token,
        action: Annotated[Literal["answered", "no_answer"], Form()],
        at: Annotated[str, Form(max_length=40)],
        taken_by: Annotated[str, Form(pattern=NAME)] = "",
        other: Annotated[str, Form(pattern=NAME)] = "",
        when: Annotated[str, Form(pattern=CLOCK)] = "",
    ) -> Response:
        """Key in a call from the call sheet: who answered, now or at the time given."""
        grant = await granted("call", token)
        seat = space.plan.seat_by_id.get(grant.seat or "")
        if seat is None:
            raise _unknown()
        command = RecordCall(
            recipient=grant.body,
            answered=action == "answered",
            taken_by=other.strip() or taken_by.strip() or None,
            # What came up since the page was made has not been read out.
            notices=grant.about,
        )
        made = _last(when, await space.now_of(grant.incident)) if when else None
        by = Attribution(
            decider=seat.body,
            recorder=seat.id,
            recorder_person=grant.person,
            means="phone",
            occurred_at=made,
            late_reason=KEYED_IN if made else None,
        )
        # One form is one call: the moment at which its page was made tells two calls apart.
        last = await _carry(space, base, grant, command, by, f"{token}{at}")
        return RedirectResponse(_seen(f"{base}/incidents/{grant.incident}/call-sheet", last), 303)

    return made


def _last(clock: str, now: datetime) -> datetime:
    """The last time at which a clock in Beijing showed ``clock``, HH:MM; UTC."""
    today = now.astimezone(BEIJING)
    hour, minute = map(int, clock.split(":"))
    found = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if found > today + CLOCK_SKEW:
        found -= timedelta(days=1)
    return min(found, today).astimezone(UTC)


async def latest(space: Space, incident: str, seen: int | None) -> Standing:
    """The incident as it stands, with what its reader has just done, if that is on record yet."""
    try:
        return await space.standing(incident, seen)
    except Problem as problem:
        if problem.code != NOT_YET:
            raise
        return await space.standing(incident)


def _seen(where: str, last: int) -> str:
    return f"{where}?seen={last}" if last else f"{where}?pending=true"


async def _carry(
    space: Space, base: str, grant: Grant, command: AnyCommand, by: Attribution, seed: str
) -> int:
    """Carry out what a form asked for; the last sequence, 0 while it is pending."""
    key = Key(_request(f"{command.model_dump_json()}{by.decider_person}", seed), given=True)
    done = await carry_out(space, base, grant.incident, key, by, command)
    return done.receipt.last if not isinstance(done, Response) else 0


def _request(what: str, seed: str) -> str:
    """The same form sent twice is one request."""
    return "link-" + hashlib.sha256(f"{what}\x00{seed}".encode()).hexdigest()[:32]


def _unknown() -> Problem:
    return Problem(
        404,
        "no_link",
        "链接无效或不完整，请从消息中重新打开完整链接。",
        "this is no link of ours, or a part of it was lost: open it from the message again",
    )
