"""Whom to reach in a body: contacts, roster, substitutes, quiet hours. Pure, like every rule."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from domain.base import BEIJING, Moment, Refusal, Strict, Text
from domain.plan_words import ContactRole

ROLES: tuple[ContactRole, ...] = ("duty_phone", "duty_officer", "deputy", "leader")
"""In the order in which they are asked."""
ROLE_NAMES: dict[ContactRole, Text] = {
    "duty_phone": Text(zh="值班电话", en="duty phone"),
    "duty_officer": Text(zh="值班员", en="duty officer"),
    "deputy": Text(zh="副职", en="deputy"),
    "leader": Text(zh="主要负责人", en="leader"),
}
PHONE = "phone"
"""The channel that a person of the duty seat carries out."""

_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ContactId = Annotated[str, Field(pattern=_ID)]
"""Stands in web addresses and in the headers of messages: ASCII, without blanks."""
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Line = Annotated[
    str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
"""One line of text that says something."""


def _to_the_minute(clock: time) -> time:
    if clock.tzinfo is not None:
        raise ValueError("quiet hours are Beijing time: write them without a zone, as in 22:00")
    return clock.replace(second=0, microsecond=0)


Clock = Annotated[
    time,
    AfterValidator(_to_the_minute),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:00)?$"}),
]
"""A time of day in Beijing."""


class Address(Strict):
    """Where a channel finds a contact: a mailbox, a number, a member of a chat group."""

    channel: ChannelName
    to: Line


class Contact(Strict):
    """Someone, or a telephone, that answers for a body. Addresses in the order of preference.

    Quiet hours are Beijing time and may span midnight; a statutory notice ignores them.
    """

    id: ContactId
    body: str
    role: ContactRole
    position: int = Field(default=0, ge=0, le=9999)
    """Order among contacts of the same role."""
    name: Line | None = None
    addresses: tuple[Address, ...] = ()
    quiet_from: Clock | None = None
    quiet_to: Clock | None = None

    def has(self, channel: str) -> bool:
        """Whether ``channel`` has an address to reach the contact at."""
        return any(address.channel == channel for address in self.addresses)

    def quiet(self, at: datetime) -> bool:
        """Whether ``at`` lies within the quiet hours, the first minute included."""
        if self.quiet_from is None or self.quiet_to is None:
            return False
        clock = at.astimezone(BEIJING).time()
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= clock < self.quiet_to
        return clock >= self.quiet_from or clock < self.quiet_to

    def quiet_end(self, at: datetime) -> datetime:
        """When the quiet hours that ``at`` lies within are over, UTC; else ``at`` itself."""
        if self.quiet_to is None or not self.quiet(at):
            return at
        local = at.astimezone(BEIJING)
        ends = datetime.combine(local, self.quiet_to, BEIJING)
        return (ends if ends > local else ends + timedelta(days=1)).astimezone(UTC)


class Shift(Strict):
    """Who of a body is on duty from ``starts`` until ``ends``, UTC."""

    body: str
    contact: str
    starts: Moment
    ends: Moment

    def covers(self, at: datetime) -> bool:
        """Whether it lasts at ``at``."""
        return self.starts <= at < self.ends


class Substitution(Strict):
    """``substitute`` answers for ``contact`` from ``starts`` until ``ends``, UTC."""

    contact: str
    substitute: str
    starts: Moment
    ends: Moment
    reason: Line | None = None


class Trial(Strict):
    """The last time that a channel to a contact was tried, and whether it accepted."""

    contact: str
    channel: str
    at: Moment
    ok: bool


class Directory(Strict):
    """Everybody who can be reached, as of one moment."""

    contacts: tuple[Contact, ...] = ()
    shifts: tuple[Shift, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    trials: tuple[Trial, ...] = ()

    def of(self, body: str) -> tuple[Contact, ...]:
        """The contacts of ``body``, by role and position."""
        mine = (contact for contact in self.contacts if contact.body == body)
        return tuple(sorted(mine, key=lambda one: (ROLES.index(one.role), one.position, one.id)))

    def find(self, contact: str) -> Contact | None:
        """The contact of that id."""
        return next((one for one in self.contacts if one.id == contact), None)

    def has_roster(self, body: str) -> bool:
        """Whether ``body`` keeps a roster at all, be its shifts over or to come."""
        return any(shift.body == body for shift in self.shifts)


def reached(
    directory: Directory,
    body: str,
    roles: tuple[ContactRole, ...],
    at: datetime,
    *,
    statutory: bool,
) -> tuple[Contact, ...]:
    """The contacts of ``body`` to tell at ``at``, UTC, when ``roles`` are to be told.

    By role, then position, nobody twice. ``duty_officer`` is whoever is on shift where there is
    a roster. Whoever is absent is replaced by the substitute. Where nobody in ``roles`` has an
    address it falls to the next role that has somebody. Only quiet hours can make it empty for
    a body that has contacts: what they hold back falls to nobody else, for it is meant to wait.
    """
    asked = [role for role in ROLES if role in roles]
    told = {one.id: one for role in asked for one in _holding(directory, body, role, at)}
    if not told and asked:
        told = {one.id: one for one in _falling_to(directory, body, asked[0], at)}
    return tuple(one for one in told.values() if statutory or not one.quiet(at))


def quiet_until(
    directory: Directory, body: str, roles: tuple[ContactRole, ...], at: datetime
) -> datetime | None:
    """When an internal notice that quiet hours hold back at ``at`` reaches somebody, UTC.

    The first of those whom they silence decides, as roster and absences stand at ``at``. None
    when nothing is held back: somebody is told now, or there is nobody to tell at all.
    """
    told = reached(directory, body, roles, at, statutory=True)
    if any(not one.quiet(at) for one in told):
        return None
    return min((one.quiet_end(at) for one in told), default=None)


def on_duty(directory: Directory, body: str, at: datetime) -> tuple[Contact, ...]:
    """The contacts of ``body`` whose shift it is at ``at``, UTC, their substitutes in their place.

    Empty where there is no roster.
    """
    now = {shift.contact for shift in directory.shifts if shift.body == body and shift.covers(at)}
    return _present(directory, (one for one in directory.of(body) if one.id in now), at)


def phone_numbers(directory: Directory, body: str, at: datetime) -> tuple[Contact, ...]:
    """The contacts of ``body`` with a telephone, in the order to be called at ``at``, UTC.

    Those on shift come first, then the duty phone, then the others by role and position.
    """
    everybody = _present(directory, directory.of(body), at)
    called = {one.id: one for one in (*on_duty(directory, body, at), *everybody)}
    return tuple(one for one in called.values() if one.has(PHONE))


def _holding(
    directory: Directory, body: str, role: ContactRole, at: datetime
) -> tuple[Contact, ...]:
    """Who holds ``role`` now and has an address."""
    if role == "duty_officer" and directory.has_roster(body):
        return _reachable(on_duty(directory, body, at))
    holders = (contact for contact in directory.of(body) if contact.role == role)
    return _reachable(_present(directory, holders, at))


_FALLS_TO: dict[ContactRole, tuple[ContactRole, ...]] = {
    "duty_phone": ("duty_officer", "deputy", "leader"),
    "duty_officer": ("duty_phone", "deputy", "leader"),
    "deputy": ("leader", "duty_officer", "duty_phone"),
    "leader": ("deputy", "duty_officer", "duty_phone"),
}


def _falling_to(
    directory: Directory, body: str, role: ContactRole, at: datetime
) -> tuple[Contact, ...]:
    """The nearest role that has somebody: a colleague on duty first, then up, then down."""
    for one in _FALLS_TO[role]:
        if found := _holding(directory, body, one, at):
            return found
    # Officers who are off shift are the last to be woken.
    officers = (contact for contact in directory.of(body) if contact.role == "duty_officer")
    return _reachable(_present(directory, officers, at))


def _reachable(contacts: Iterable[Contact]) -> tuple[Contact, ...]:
    return tuple(contact for contact in contacts if contact.addresses)


def _present(
    directory: Directory, contacts: Iterable[Contact], at: datetime
) -> tuple[Contact, ...]:
    """``contacts`` with whoever is absent at ``at`` replaced, each once."""
    found = {one.id: one for one in (_substituted(directory, one, at) for one in contacts)}
    return tuple(found.values())


def _substituted(directory: Directory, contact: Contact, at: datetime) -> Contact:
    """Who answers for ``contact`` at ``at``, at the end of the chain of substitutes.

    A substitute without an address or of another body replaces nobody; a chain that comes back
    on itself neither.
    """
    seen, answers = {contact.id}, contact
    while True:
        absences = [
            one
            for one in directory.substitutions
            if one.contact == answers.id and one.starts <= at < one.ends
        ]
        if not absences:
            return answers
        latest = max(absences, key=lambda one: one.starts)
        substitute = directory.find(latest.substitute)
        # An older copy may hold a substitute of another body: it shall not hear what ours is told.
        if not (substitute and substitute.addresses and substitute.body == contact.body):
            return answers
        if substitute.id in seen:
            return contact
        seen.add(substitute.id)
        answers = substitute


# --- the roster as it changes ---


def replaced(roster: Iterable[Shift], new: Iterable[Shift]) -> tuple[Shift, ...]:
    """One body's roster after ``new`` was put in: it replaces what stood in its span.

    Shifts that reach into the span from before or after it are cut, those outside it stay.
    """
    added = _in_order(new)
    if not added:
        return tuple(roster)
    start, end = added[0].starts, max(shift.ends for shift in added)
    return _in_order((*_outside(roster, start, end), *added))


def _outside(roster: Iterable[Shift], start: datetime, end: datetime) -> Iterator[Shift]:
    for shift in roster:
        if shift.starts < start:
            yield shift.model_copy(update={"ends": min(shift.ends, start)})
        if shift.ends > end:
            yield shift.model_copy(update={"starts": max(shift.starts, end)})


def handed_over(
    roster: tuple[Shift, ...], outgoing: str, incoming: str, at: datetime
) -> tuple[Shift, ...]:
    """One body's roster after ``outgoing`` handed over to ``incoming`` at ``at``, UTC.

    The shift of the one ends and that of the other begins at that moment: the incoming's next
    shift when it follows on, else what was left of the outgoing's.

    Raises:
        Refusal: ``not_on_duty``, the outgoing is not on shift, and the incoming neither.
    """
    on_shift = [shift for shift in roster if shift.covers(at)]
    ending = [shift for shift in on_shift if shift.contact == outgoing]
    taken = any(shift.contact == incoming for shift in on_shift)
    if not ending and not taken:
        raise Refusal(
            "not_on_duty",
            "",
            f"{outgoing} 此刻不在班，不能交班；请先核对值班表。",
            f"{outgoing} is not on shift now and cannot hand over: check the roster first",
        )
    left = [shift.model_copy(update={"ends": at}) for shift in ending if shift.starts < at]
    others = [shift for shift in roster if shift not in ending]
    if taken:
        return _in_order(left + others)
    until = max(shift.ends for shift in ending)
    next_shift = min(
        (one for one in others if one.contact == incoming and at < one.starts <= until),
        key=lambda one: one.starts,
        default=Shift(body=ending[0].body, contact=incoming, starts=at, ends=until),
    )
    begun = next_shift.model_copy(update={"starts": at})
    return _in_order([*left, *(one for one in others if one != next_shift), begun])


def _in_order(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    return tuple(sorted(shifts, key=lambda one: (one.starts, one.contact)))


# --- the shape of ids and addresses ---


def id_fault(contact: str) -> Text | None:
    """Why ``contact`` may not be the id of a new contact; those on record stay readable."""
    if not re.fullmatch(_ID, contact):
        return Text(
            zh="编号只能用英文字母、数字、点、横线和下划线，以字母或数字开头，至多64个字符",
            en="an id has letters, digits, dots, dashes and underscores, a letter or digit first, "
            "64 at most",
        )
    if not any(char.isalpha() for char in contact):
        return Text(
            zh="编号至少须有一个英文字母：编号会写入事件和邮件头，不能是电话号码",
            en="an id needs at least one letter: ids go into events and headers of messages, "
            "where no telephone number may stand",
        )
    return None


_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_NUMBER = re.compile(r"\+?[0-9][0-9 ()-]{1,24}[0-9](\s*(转|ext\.?|x)\s*[0-9]{1,6})?")
_SHAPES = {
    "mail": (
        _MAIL,
        Text(
            zh="不是电子邮箱地址，应形如 name@example.com",
            en="no mail address: write name@example.com",
        ),
    ),
    PHONE: (
        _NUMBER,
        Text(
            zh="不是电话号码，只写数字和横线；在表格软件中请把该列设为文本",
            en="no telephone number: digits and dashes; make the column text in the spreadsheet",
        ),
    ),
    "sms": (
        _NUMBER,
        Text(
            zh="不是手机号码，只写数字；在表格软件中请把该列设为文本",
            en="no mobile number: digits alone; make the column text in the spreadsheet",
        ),
    ),
}


def address_fault(address: Address) -> Text | None:
    """What is wrong with the shape of an address; channels of other names take any line."""
    shape, fault = _SHAPES.get(address.channel, (None, None))
    return None if shape is None or shape.fullmatch(address.to) else fault
