"""The directory: whom to reach in each body, by shift and absence; readiness (6.4)."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, model_validator

from api.audit import deny
from api.deps import dependencies
from api.intake import Key
from api.problems import FieldError, Problem, documented, malformed, not_found, refused
from api.schemas import Sent
from api.security import Actor
from api.space import Space
from api.tables import TABLE, both, read_table, require_sound
from domain.base import Moment, Refusal, Text
from domain.directory import (
    Address,
    Clock,
    Contact,
    ContactId,
    Directory,
    Line,
    Shift,
    Substitution,
    address_fault,
    id_fault,
    on_duty,
)
from domain.directory_csv import read_contacts, read_roster
from domain.incident.privacy import mask
from domain.plan import SeatKind
from domain.plan_words import ContactRole
from domain.readiness import Gap, readiness
from domain.sheet import RowError
from settings import channel_names
from store import directory_changes as changes
from store.directory import load
from store.errors import Conflict

WRITES_ALL: Final[frozenset[SeatKind]] = frozenset({"duty", "office", "administrator"})
WRITES_OWN: Final[frozenset[SeatKind]] = frozenset({"department", "government", "command"})
"""Seats of a body that keep its own contacts, roster and absences."""
WRITTEN: Final = documented(400, 401, 403, 413, 415, 422, 503)
ContactPath = Annotated[ContactId, Path(description="联系人编号。")]
DryRun = Annotated[bool, Query(description="只检查，不写入。")]


class ContactView(BaseModel):
    """A contact; name and addresses are for those who work with it."""

    id: str
    role: ContactRole
    position: int
    name: str | None
    addresses: list[Address] | None
    quiet_from: Clock | None
    quiet_to: Clock | None
    on_duty: bool


class BodyView(BaseModel):
    """Whom to reach in a body. Shifts and absences that are over are left out; times are UTC."""

    body: str
    name: Text
    contacts: list[ContactView]
    shifts: list[Shift]
    substitutions: list[Substitution]


class ContactRequest(Sent):
    """A contact as it shall be; ``addresses`` in the order of preference."""

    body: Line
    role: ContactRole
    position: int = Field(default=0, ge=0, le=9999)
    name: Line | None = None
    addresses: Annotated[tuple[Address, ...], Field(max_length=20)] = ()
    quiet_from: Clock | None = None
    quiet_to: Clock | None = None

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError("quiet hours need both ends: quiet_from and quiet_to")
        return self


class HandoverRequest(Sent):
    """Who hands over to whom; ``at`` is now unless given."""

    outgoing: ContactId
    incoming: ContactId
    at: Moment | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None


class SubstitutionRequest(Sent):
    """Who answers for whom, and how long. The same contact and start again changes the rest."""

    contact: ContactId
    substitute: ContactId
    starts: Moment
    ends: Moment
    reason: Line | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("the absence ends no later than it starts: correct ends")
        if self.contact == self.substitute:
            raise ValueError("nobody stands in for themselves: choose another substitute")
        return self


class Imported(BaseModel):
    """What a file held, and how many entries of it were new or different."""

    rows: int
    changed: int
    dry_run: bool
    warnings: list[RowError]


class Readiness(BaseModel):
    """Who could not be reached at ``at``, UTC."""

    at: datetime
    reachable: bool
    gaps: list[Gap]


class ChangeView(BaseModel):
    """Who changed what in the directory. ``at`` is UTC."""

    id: int
    at: datetime
    seat: str
    person: str | None
    what: str
    body: str
    subject: str
    detail: dict[str, Any]
    note: str | None


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["directory"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]
    requested = Annotated[Key, deps.key]

    async def allow(actor: Actor, what: str, *bodies: str) -> None:
        """Let those change a body's entries who lead, or are of that body themselves."""
        own = actor.kind in WRITES_OWN and {*bodies} <= {actor.body}
        if actor.kind in WRITES_ALL or own:
            return
        problem = Problem(
            403,
            "not_ours",
            "通讯录由本单位席位维护，其他单位的请交值班、办公室或系统管理席位办理。",
            "a body's own seat keeps its entries: ask a duty, office or administrator seat to "
            "change those of others",
        )
        await deny(space, actor, None, what, problem)

    def hand(actor: Actor, note: str | None = None) -> changes.Hand:
        # The log of changes can never be cleared.
        said = mask(note) if note else None
        return changes.Hand(at=space.now(), seat=actor.seat, person=actor.person, note=said)

    def body_of(directory: Directory, contact: str) -> str:
        known = directory.find(contact)
        if known is None:
            raise not_found(f"联系人 {contact}，请先登记", f"contact {contact}: enter it first")
        return known.body

    def view(directory: Directory, body: str, actor: Actor, now: datetime) -> BodyView:
        duty = {contact.id for contact in on_duty(directory, body, now)}
        contacts = directory.of(body)
        known = {contact.id for contact in contacts}
        shown = None if actor.sees_names else {"name": None, "addresses": None}
        return BodyView(
            body=body,
            name=space.plan.body_by_id[body].name,
            contacts=[
                ContactView.model_validate(
                    {**dict(one), "on_duty": one.id in duty, **(shown or {})}, extra="ignore"
                )
                for one in contacts
            ],
            shifts=[one for one in directory.shifts if one.body == body and one.ends > now],
            substitutions=[
                one if actor.sees_names else one.model_copy(update={"reason": None})
                for one in directory.substitutions
                if one.contact in known and one.ends > now
            ],
        )

    @made.get(
        "/directory",
        operation_id=f"{space.name}_list_directory",
        summary="通讯录与值班表",
        responses=documented(401, 422, 503),
    )
    async def list_directory(
        actor: caller, body: Annotated[str | None, Query(max_length=100)] = None
    ) -> list[BodyView]:
        """The bodies of the plan with their contacts, shifts and absences."""
        directory, now = await load(await space.pool()), space.now()
        known = space.plan.body_by_id
        return [view(directory, one, actor, now) for one in known if body in (None, one)]

    @made.get(
        "/directory/check",
        operation_id=f"{space.name}_check_directory",
        summary="此刻联系不上的单位",
        responses=documented(401, 403, 503),
    )
    async def check_directory(actor: caller) -> Readiness:
        """Every body that could not be reached now, why, and what to do about it."""
        if not actor.sees_names:
            raise Problem(
                403, "not_ours", "本席位不能查看联络检查。", "this seat may not read the check"
            )
        now, channels = space.now(), channel_names(space.settings)
        gaps = readiness(space.plan, await load(await space.pool()), channels, now)
        return Readiness(at=now, reachable=not gaps, gaps=list(gaps))

    @made.get(
        "/directory/changes",
        operation_id=f"{space.name}_list_directory_changes",
        summary="通讯录变更与交接班记录",
        responses=documented(401, 403, 422, 503),
    )
    async def list_directory_changes(
        actor: caller,
        body: Annotated[str | None, Query(max_length=100)] = None,
        before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[ChangeView]:
        """Who changed what, newest first; handover notes are among it."""
        own = None if actor.kind in WRITES_ALL else actor.body
        await allow(actor, "read_directory_changes", body or own or "")
        found = await changes.list_changes(
            await space.pool(), body=body or own, before=before, limit=limit
        )
        return [ChangeView.model_validate(one, from_attributes=True) for one in found]

    @made.put(
        "/directory/contacts/{contact}",
        operation_id=f"{space.name}_put_contact",
        summary="登记或修改联系人",
        responses={**WRITTEN, **documented(409)},
    )
    async def put_contact(actor: caller, contact: ContactPath, body: ContactRequest) -> ContactView:
        """Enter a contact, or change it: what is sent replaces what was there."""
        if body.body not in space.plan.body_by_id:
            raise malformed([FieldError(field="body", message="预案中没有该单位 / no such body")])
        await allow(actor, "put_contact", body.body)
        faults = [
            FieldError(field=f"addresses.{place}.to", message=both(fault))
            for place, address in enumerate(body.addresses)
            if (fault := address_fault(address))
        ]
        if fault := id_fault(contact):
            faults.insert(0, FieldError(field="contact", message=both(fault)))
        if faults:
            raise malformed(faults)
        pool = await space.pool()
        known = (await load(pool)).find(contact)
        if known is not None and known.body != body.body:
            raise Problem(
                409,
                "contact_elsewhere",
                f"编号 {contact} 已属于 {known.body}，请先在那里停用，或另取编号。",
                f"{contact} is a contact of {known.body}: retire it there first, or choose "
                "another id",
            )
        entry = Contact(id=contact, **dict(body))
        await changes.put_contacts(pool, [entry], hand(actor))
        shown = view(await load(pool), body.body, actor, space.now()).contacts
        return next(one for one in shown if one.id == contact)

    @made.delete(
        "/directory/contacts/{contact}",
        status_code=204,
        operation_id=f"{space.name}_retire_contact",
        summary="停用联系人",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def retire_contact(actor: caller, contact: ContactPath) -> None:
        """Take a contact out, with its shifts, absences and numbers."""
        pool = await space.pool()
        await allow(actor, "retire_contact", body_of(await load(pool), contact))
        await changes.retire_contact(pool, contact, hand(actor))

    @made.post(
        "/directory/import",
        operation_id=f"{space.name}_import_contacts",
        summary="导入联系人（CSV）",
        responses={**WRITTEN, **documented(409)},
        openapi_extra=TABLE,
    )
    async def import_contacts(
        request: Request, actor: caller, _key: requested, dry_run: DryRun = False
    ) -> Imported:
        """Take contacts from a table, all or none; every faulty row is named. Repeatable."""
        await allow(actor, "import_contacts")
        data, pool = await read_table(request), await space.pool()
        channels = channel_names(space.settings)
        sheet = read_contacts(data, space.plan, await load(pool), channels)
        await allow(actor, "import_contacts", *(one.body for one in sheet.found))
        require_sound(sheet)
        changed = 0 if dry_run else await changes.put_contacts(pool, sheet.found, hand(actor))
        return Imported(
            rows=len(sheet.found), changed=changed, dry_run=dry_run, warnings=sheet.warnings
        )

    @made.post(
        "/directory/roster",
        operation_id=f"{space.name}_import_roster",
        summary="导入值班表（CSV）",
        responses={**WRITTEN, **documented(409)},
        openapi_extra=TABLE,
    )
    async def import_roster(
        request: Request, actor: caller, _key: requested, dry_run: DryRun = False
    ) -> Imported:
        """Take shifts from a table, all or none: they replace what stood in their span."""
        await allow(actor, "import_roster")
        data, pool = await read_table(request), await space.pool()
        directory = await load(pool)
        sheet = read_roster(data, space.plan, directory)
        await allow(actor, "import_roster", *(one.body for one in sheet.found))
        require_sound(sheet)
        changed = len({*sheet.found} - {*directory.shifts})
        if not dry_run:
            await changes.put_shifts(pool, sheet.found, hand(actor))
        return Imported(
            rows=len(sheet.found),
            changed=0 if dry_run else changed,
            dry_run=dry_run,
            warnings=sheet.warnings,
        )

    @made.post(
        "/directory/handover",
        operation_id=f"{space.name}_hand_over",
        summary="交接班",
        responses={**WRITTEN, **documented(404, 409)},
    )
    async def hand_over(actor: caller, _key: requested, body: HandoverRequest) -> BodyView:
        """End the outgoing's shift and begin the incoming's; said twice, it is true once."""
        pool, now = await space.pool(), space.now()
        directory = await load(pool)
        ours = body_of(directory, body.outgoing)
        await allow(actor, "hand_over", ours, body_of(directory, body.incoming))
        if body_of(directory, body.incoming) != ours:
            raise Problem(
                409,
                "not_of_this_body",
                f"{body.incoming} 不是 {ours} 的联系人，请先在该单位登记。",
                f"{body.incoming} is no contact of {ours}: enter it there first",
            )
        at = body.at or now
        if at > now:
            raise refused(
                "in_the_future",
                "",
                "交接班时间晚于当前时间，请核对。",
                "the handover lies in the future: correct at",
            )
        by = hand(actor, body.note)
        try:
            await changes.hand_over(pool, ours, body.outgoing, body.incoming, by, at)
        except Refusal as refusal:
            said = refusal.message
            raise refused(refusal.code, refusal.clause, said.zh, said.en) from refusal
        return view(await load(pool), ours, actor, now)

    @made.post(
        "/directory/substitutions",
        operation_id=f"{space.name}_put_substitution",
        summary="登记代班代岗",
        responses={**WRITTEN, **documented(404)},
    )
    async def put_substitution(
        actor: caller, _key: requested, body: SubstitutionRequest
    ) -> Substitution:
        """Enter who answers for whom; the same contact and start again changes the rest."""
        pool = await space.pool()
        directory = await load(pool)
        who = (body.contact, body.substitute)
        await allow(actor, "put_substitution", *(body_of(directory, one) for one in who))
        entry = Substitution.model_validate(dict(body))
        try:
            await changes.put_substitution(pool, entry, hand(actor))
        except Conflict as conflict:
            raise Problem(
                422,
                "not_of_this_body",
                f"{entry.substitute} 不是本单位的联系人，代班人须与 {entry.contact} 同属一个单位。",
                f"substitute: {conflict}",
            ) from conflict
        return entry

    return made
