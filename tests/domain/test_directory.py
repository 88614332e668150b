"""Who is told: roles, roster, substitutes, quiet hours, and what to do when nobody is there."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.base import BEIJING
from domain.directory import (
    ROLES,
    Address,
    Contact,
    Directory,
    Shift,
    Substitution,
    on_duty,
    phone_numbers,
    quiet_until,
    reached,
)
from domain.plan import Plan
from domain.plan_words import ContactRole
from store.plans import load_plan

PLAN: Plan = load_plan(Path(__file__).parents[2] / "plans" / "gaoqing-2023.yaml")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""12:00 in Beijing."""
NIGHT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
"""23:30 in Beijing."""
HOUR = timedelta(hours=1)
HEALTH = "county-health"


def person(
    id: str,
    role: ContactRole = "duty_officer",
    *,
    body: str = HEALTH,
    channels: tuple[str, ...] = ("mail",),
    position: int = 0,
    quiet: tuple[int, int] | None = None,
) -> Contact:
    """A contact with an address on each of ``channels``."""
    return Contact(
        id=id,
        body=body,
        role=role,
        position=position,
        addresses=tuple(
            Address(channel=one, to=f"{id}@x" if one == "mail" else "0533-1") for one in channels
        ),
        quiet_from=time(quiet[0]) if quiet else None,
        quiet_to=time(quiet[1]) if quiet else None,
    )


PHONE = person("room", "duty_phone", channels=("phone",))
WANG, LI = person("wang", position=2), person("li", position=1)
DEPUTY, LEADER = person("deputy", "deputy"), person("leader", "leader")
EVERYBODY = (LEADER, WANG, DEPUTY, PHONE, LI)


def shift(contact: str, start: float, end: float, body: str = HEALTH) -> Shift:
    """A shift by hours from noon."""
    return Shift(body=body, contact=contact, starts=NOON + start * HOUR, ends=NOON + end * HOUR)


def absent(contact: str, substitute: str, start: float = -1, end: float = 1) -> Substitution:
    """An absence by hours from noon."""
    return Substitution(
        contact=contact, substitute=substitute, starts=NOON + start * HOUR, ends=NOON + end * HOUR
    )


def told(
    directory: Directory,
    *roles: ContactRole,
    at: datetime = NOON,
    statutory: bool = True,
    body: str = HEALTH,
) -> list[str]:
    """The ids of whoever is told."""
    return [one.id for one in reached(directory, body, roles, at, statutory=statutory)]


def test_the_roles_asked_for_are_told_by_role_then_position() -> None:
    directory = Directory(contacts=EVERYBODY)
    assert told(directory, "duty_officer") == ["li", "wang"]
    assert told(directory, "leader", "duty_officer", "duty_phone") == [
        "room",
        "li",
        "wang",
        "leader",
    ]
    assert told(directory) == []
    assert told(directory, "leader", body="county-police") == []


@pytest.mark.parametrize(
    ("has", "asked", "tells"),
    [
        ((DEPUTY, LEADER), "duty_phone", ["deputy"]),
        ((LEADER,), "duty_officer", ["leader"]),
        ((PHONE, LI, DEPUTY), "leader", ["deputy"]),
        ((PHONE,), "leader", ["room"]),
        ((PHONE, LI), "deputy", ["li"]),
        ((PHONE, DEPUTY), "duty_officer", ["room"]),
    ],
)
def test_a_role_that_nobody_holds_falls_to_who_is_on_duty_then_up_then_down(
    has: tuple[Contact, ...], asked: ContactRole, tells: list[str]
) -> None:
    assert told(Directory(contacts=has), asked) == tells


def test_who_is_not_there_wakes_nobody_else_while_another_who_was_asked_answers() -> None:
    directory = Directory(contacts=(PHONE, DEPUTY))
    assert told(directory, "duty_phone", "duty_officer") == ["room"]


def test_two_roles_that_fall_to_the_same_contact_tell_it_once() -> None:
    assert told(Directory(contacts=(LEADER,)), "duty_phone", "deputy", "leader") == ["leader"]


def test_a_contact_without_an_address_is_passed_over() -> None:
    mute = person("mute", channels=())
    assert told(Directory(contacts=(mute, LI)), "duty_officer") == ["li"]
    assert told(Directory(contacts=(mute, DEPUTY)), "duty_officer") == ["deputy"]
    assert told(Directory(contacts=(mute,)), "duty_officer") == []


# --- the roster ---


def test_with_a_roster_the_duty_officer_is_whoever_is_on_shift() -> None:
    directory = Directory(
        contacts=EVERYBODY, shifts=(shift("li", -1, 1), shift("wang", 1, 3), shift("leader", -1, 1))
    )
    assert told(directory, "duty_officer") == ["li", "leader"]
    assert [one.id for one in on_duty(directory, HEALTH, NOON)] == ["li", "leader"]
    # A shift ends when the next begins: at that moment one is on duty, not two and not none.
    assert told(directory, "duty_officer", at=NOON + HOUR) == ["wang"]


@pytest.mark.parametrize(
    ("has", "tells"),
    [
        (EVERYBODY, ["room"]),
        ((LI, DEPUTY, LEADER), ["deputy"]),
        ((LI, LEADER), ["leader"]),
        ((LI, WANG), ["li", "wang"]),
    ],
)
def test_an_empty_shift_falls_to_the_duty_phone_then_the_deputy_never_to_silence(
    has: tuple[Contact, ...], tells: list[str]
) -> None:
    directory = Directory(contacts=has, shifts=(shift("li", 5, 6),))
    assert told(directory, "duty_officer") == tells


def test_somebody_without_an_address_on_shift_is_an_empty_shift() -> None:
    mute = person("mute", channels=())
    directory = Directory(contacts=(mute, PHONE), shifts=(shift("mute", -1, 1),))
    assert told(directory, "duty_officer") == ["room"]


def test_one_bodys_roster_says_nothing_about_anothers() -> None:
    other = person("other", body="county-police")
    directory = Directory(
        contacts=(PHONE, LI, other), shifts=(shift("other", 5, 6, "county-police"),)
    )
    assert told(directory, "duty_officer") == ["li"]


# --- substitutes ---


def test_whoever_is_absent_is_replaced_and_only_then() -> None:
    directory = Directory(contacts=(LI, LEADER), substitutions=(absent("li", "leader"),))
    assert told(directory, "duty_officer") == ["leader"]
    assert told(directory, "duty_officer", at=NOON + HOUR) == ["li"]
    assert told(directory, "duty_officer", at=NOON - 2 * HOUR) == ["li"]


def test_a_chain_of_substitutes_is_followed_to_its_end() -> None:
    directory = Directory(
        contacts=EVERYBODY,
        shifts=(shift("li", -1, 1),),
        substitutions=(absent("li", "wang"), absent("wang", "deputy")),
    )
    assert told(directory, "duty_officer") == ["deputy"]


def test_a_circle_of_substitutes_replaces_nobody() -> None:
    circle = (absent("li", "wang"), absent("wang", "li"), absent("leader", "leader"))
    directory = Directory(contacts=EVERYBODY, substitutions=circle)
    assert told(directory, "duty_officer", "leader") == ["li", "wang", "leader"]


def test_a_substitute_who_cannot_be_reached_replaces_nobody() -> None:
    mute = person("mute", channels=())
    gone = Directory(contacts=(LI, mute), substitutions=(absent("li", "retired"),))
    assert told(gone, "duty_officer") == ["li"]
    silent = Directory(contacts=(LI, mute), substitutions=(absent("li", "mute"),))
    assert told(silent, "duty_officer") == ["li"]


def test_what_our_body_is_told_no_contact_of_another_body_hears() -> None:
    # An old copy of the directory may say so; that of a superior stands there for its number only.
    city = person("city", "leader", body="city-msa", channels=("mail", "phone"))
    directory = Directory(
        contacts=(LI, WANG, city),
        shifts=(shift("li", -1, 1),),
        substitutions=(absent("li", "wang"), absent("wang", "city")),
    )
    assert told(directory, "duty_officer") == ["wang"]
    assert [one.id for one in on_duty(directory, HEALTH, NOON)] == ["wang"]
    assert phone_numbers(directory, HEALTH, NOON) == ()


def test_of_two_absences_the_later_entered_on_governs() -> None:
    both = (absent("li", "wang", -5, 5), absent("li", "deputy", -1, 1))
    directory = Directory(contacts=EVERYBODY, substitutions=both)
    assert told(directory, "duty_officer") == ["deputy", "wang"]


# --- quiet hours ---


@pytest.mark.parametrize(
    ("quiet", "at", "silent"),
    [
        ((22, 7), NIGHT, True),
        ((22, 7), NIGHT + 7 * HOUR, True),
        ((22, 7), NIGHT + 7.5 * HOUR, False),
        ((22, 7), NIGHT - 1.5 * HOUR, True),
        ((22, 7), NOON, False),
        ((12, 14), NOON, True),
        ((12, 14), NOON + 2 * HOUR, False),
        ((12, 12), NOON, False),
    ],
)
def test_quiet_hours_hold_back_internal_notices_alone(
    quiet: tuple[int, int], at: datetime, silent: bool
) -> None:
    directory = Directory(contacts=(person("li", quiet=quiet), LEADER))
    expected = [] if silent else ["li"]
    assert told(directory, "duty_officer", at=at, statutory=False) == expected
    assert told(directory, "duty_officer", at=at, statutory=True) == ["li"]


def test_quiet_hours_are_beijing_time_without_a_zone_of_their_own() -> None:
    with pytest.raises(ValidationError, match="without a zone"):
        Contact.model_validate({**LI.model_dump(), "quiet_from": "22:00+08:00"})


def china(hour: int, minute: int = 0, day: int = 2) -> datetime:
    """A time of day in Beijing."""
    return datetime(2026, 3, day, hour, minute, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("quiet", "at", "until"),
    [
        ([(22, 7)], china(23, 30), china(7, day=3)),
        ([(22, 7)], china(6, 59), china(7)),
        ([(0, 7)], china(0), china(7)),
        ([(12, 14)], china(13), china(14)),
        ([(22, 0)], china(23), china(0, day=3)),
        ([(22, 7), (20, 6)], china(23), china(6, day=3)),
        # Nothing is held back: no quiet hours, over already, or somebody else is told.
        ([None], china(23), None),
        ([(22, 7)], china(7), None),
        ([(22, 7), None], china(23), None),
        ([], china(23), None),
    ],
)
def test_what_quiet_hours_hold_back_waits_for_the_first_who_may_be_told_again(
    quiet: list[tuple[int, int] | None], at: datetime, until: datetime | None
) -> None:
    officers = [person(f"o-{place}", quiet=hours) for place, hours in enumerate(quiet)]
    contacts = (*officers, person("other", body="county-police"))
    found = quiet_until(Directory(contacts=contacts), HEALTH, ("duty_officer",), at)
    assert found == until
    assert found is None or found.utcoffset() == timedelta()


# --- the telephone ---


def test_on_the_call_sheet_whoever_is_on_shift_comes_first_then_the_duty_phone() -> None:
    both = ("mail", "phone")
    directory = Directory(
        contacts=(
            PHONE,
            person("wang", channels=both, position=2),
            person("li", channels=both, position=1),
            person("deputy", "deputy"),
            person("leader", "leader", channels=both),
        ),
        shifts=(shift("wang", -1, 1),),
    )
    called = [one.id for one in phone_numbers(directory, HEALTH, NOON)]
    assert called == ["wang", "room", "li", "leader"]
    assert [one.id for one in phone_numbers(directory, HEALTH, NOON + 2 * HOUR)] == [
        "room",
        "li",
        "wang",
        "leader",
    ]


def test_whoever_is_absent_is_not_called() -> None:
    directory = Directory(
        contacts=(
            person("li", channels=("phone",)),
            person("leader", "leader", channels=("phone",)),
        ),
        substitutions=(absent("li", "leader"),),
    )
    assert [one.id for one in phone_numbers(directory, HEALTH, NOON)] == ["leader"]


# --- always ---


WHO = st.sampled_from([one.id for one in EVERYBODY])
SPANS = st.tuples(st.integers(-3, 3), st.integers(1, 4))
SHIFTS = st.lists(
    st.builds(lambda who, span: shift(who, span[0], sum(span)), WHO, SPANS), max_size=4
)
ABSENCES = st.lists(
    st.builds(lambda who, other, span: absent(who, other, span[0], sum(span)), WHO, WHO, SPANS),
    max_size=6,
)
ASKED = st.sets(st.sampled_from(ROLES), min_size=1).map(tuple)


@given(st.sets(st.sampled_from(EVERYBODY), min_size=1), SHIFTS, ABSENCES, ASKED)
def test_a_statutory_notice_always_reaches_somebody_and_nobody_twice(
    contacts: set[Contact],
    shifts: list[Shift],
    absences: list[Substitution],
    roles: tuple[ContactRole, ...],
) -> None:
    directory = Directory(
        contacts=tuple(contacts), shifts=tuple(shifts), substitutions=tuple(absences)
    )
    found = told(directory, *roles)
    assert found
    assert len(found) == len(set(found))


HOURS = st.tuples(st.integers(0, 23), st.integers(0, 23))
BODIES = (HEALTH, "county-police", "city-msa")


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """Several bodies whose contacts, shifts and absences are entered anyhow, across them too."""
    contacts = [
        person(
            one.id,
            one.role,
            body=draw(st.sampled_from(BODIES)),
            channels=draw(st.sampled_from([(), ("mail",), ("mail", "phone")])),
            quiet=draw(st.none() | HOURS),
        )
        for one in EVERYBODY
    ]
    shifts = [
        one.model_copy(update={"body": draw(st.sampled_from(BODIES))}) for one in draw(SHIFTS)
    ]
    return Directory(
        contacts=tuple(contacts), shifts=tuple(shifts), substitutions=tuple(draw(ABSENCES))
    )


@given(directories(), st.sampled_from(BODIES), ASKED, st.booleans())
def test_whoever_is_told_or_called_for_a_body_belongs_to_it(
    directory: Directory, body: str, roles: tuple[ContactRole, ...], statutory: bool
) -> None:
    for found in (
        reached(directory, body, roles, NOON, statutory=statutory),
        on_duty(directory, body, NOON),
        phone_numbers(directory, body, NOON),
    ):
        assert {one.body for one in found} <= {body}


@given(st.lists(HOURS, min_size=1, max_size=3), st.integers(0, 24 * 60), st.sampled_from(ROLES))
def test_what_is_held_back_reaches_somebody_when_it_was_said_and_nobody_before(
    quiet: list[tuple[int, int]], minutes: int, role: ContactRole
) -> None:
    officers = [person(f"o-{place}", quiet=hours) for place, hours in enumerate(quiet)]
    directory = Directory(contacts=tuple(officers))
    at = NOON + timedelta(minutes=minutes, microseconds=1)

    def reaches(moment: datetime) -> bool:
        return bool(told(directory, role, at=moment, statutory=False))

    until = quiet_until(directory, HEALTH, (role,), at)
    assert (until is None) is reaches(at)
    if until is None:
        return
    assert until > at
    assert reaches(until)
    assert not reaches(until - timedelta(microseconds=1))
    while at < until:
        assert not reaches(at)
        at += HOUR / 2
