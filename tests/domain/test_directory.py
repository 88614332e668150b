"""Who is told: roles, roster, substitutes, quiet hours, and what to do when nobody is there."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.base import Refusal
from domain.directory import (
    ROLES,
    Address,
    Contact,
    Directory,
    Shift,
    Substitution,
    Trial,
    address_fault,
    handed_over,
    on_duty,
    phone_numbers,
    reached,
    replaced,
)
from domain.plan import Plan
from domain.plan_words import ContactRole
from domain.readiness import readiness
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


IDS = [one.id for one in EVERYBODY]
SPANS = st.tuples(st.integers(-3, 3), st.integers(1, 4))


@given(
    contacts=st.sets(st.sampled_from(EVERYBODY), min_size=1),
    shifts=st.lists(st.tuples(st.sampled_from(IDS), SPANS), max_size=4),
    absences=st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), SPANS), max_size=6),
    roles=st.sets(st.sampled_from(ROLES), min_size=1),
)
def test_a_statutory_notice_always_reaches_somebody_and_nobody_twice(
    contacts: set[Contact],
    shifts: list[tuple[str, tuple[int, int]]],
    absences: list[tuple[str, str, tuple[int, int]]],
    roles: set[ContactRole],
) -> None:
    directory = Directory(
        contacts=tuple(contacts),
        shifts=tuple(shift(who, start, start + long) for who, (start, long) in shifts),
        substitutions=tuple(
            absent(who, other, start, start + long) for who, other, (start, long) in absences
        ),
    )
    found = told(directory, *roles)
    assert found
    assert len(found) == len(set(found))


# --- the roster as it changes ---


def test_a_new_roster_replaces_what_stood_in_its_span_and_cuts_what_reaches_into_it() -> None:
    old = (shift("li", 0, 8), shift("wang", 8, 16), shift("deputy", 16, 24), shift("li", 30, 31))
    new = (shift("leader", 4, 10), shift("room", 10, 20))
    assert replaced(old, new) == (
        shift("li", 0, 4),
        shift("leader", 4, 10),
        shift("room", 10, 20),
        shift("deputy", 20, 24),
        shift("li", 30, 31),
    )
    assert replaced((shift("li", 0, 10),), (shift("wang", 4, 5),)) == (
        shift("li", 0, 4),
        shift("wang", 4, 5),
        shift("li", 5, 10),
    )
    assert replaced(old, new + old[3:]) == replaced(replaced(old, new + old[3:]), new + old[3:])
    assert replaced(old, ()) == old


def test_an_early_handover_moves_the_seam_between_two_shifts() -> None:
    roster = (shift("li", -8, 1), shift("wang", 1, 9))
    assert handed_over(roster, "li", "wang", NOON) == (shift("li", -8, 0), shift("wang", 0, 9))


def test_a_handover_outside_the_roster_gives_the_rest_of_the_shift() -> None:
    roster = (shift("li", -8, 1), shift("wang", 1, 9), shift("deputy", 20, 30))
    assert handed_over(roster, "li", "deputy", NOON) == (
        shift("li", -8, 0),
        shift("deputy", 0, 1),
        shift("wang", 1, 9),
        shift("deputy", 20, 30),
    )


def test_a_handover_to_somebody_on_shift_ends_the_other_alone() -> None:
    roster = (shift("li", -8, 1), shift("wang", -2, 9))
    after = (shift("li", -8, 0), shift("wang", -2, 9))
    assert handed_over(roster, "li", "wang", NOON) == after
    # Said a second time, or late: it is true already.
    assert handed_over(after, "li", "wang", NOON) == after


def test_who_is_not_on_shift_hands_nothing_over() -> None:
    with pytest.raises(Refusal, match="check the roster") as refusal:
        handed_over((shift("li", 1, 2),), "li", "wang", NOON)
    assert refusal.value.code == "not_on_duty"
    assert "不在班" in refusal.value.message.zh


@given(
    st.lists(st.tuples(st.sampled_from(["li", "wang"]), st.integers(-6, 6), st.integers(1, 6))),
    st.sampled_from([("li", "wang"), ("wang", "deputy")]),
)
def test_after_a_handover_the_incoming_is_on_shift_and_the_outgoing_is_not(
    entries: list[tuple[str, int, int]], who: tuple[str, str]
) -> None:
    roster = tuple(shift(contact, start, start + long) for contact, start, long in entries)
    outgoing, incoming = who
    if not any(one.contact in who and one.covers(NOON) for one in roster):
        return
    after = handed_over(roster, outgoing, incoming, NOON)
    now = {one.contact for one in after if one.covers(NOON)}
    assert incoming in now
    assert outgoing not in now
    assert all(one.starts < one.ends for one in after)
    assert all(a.starts <= b.starts for a, b in pairwise(after))


# --- addresses ---


@pytest.mark.parametrize(
    ("channel", "to", "good"),
    [
        ("mail", "zhiban@gaoqing.gov.cn", True),
        ("mail", "root@localhost", True),
        ("mail", "zhiban", False),
        ("mail", "a@b@c", False),
        ("mail", "张三@gaoqing.gov.cn", False),
        ("mail", "a b@c.cn", False),
        ("phone", "0533-6961111", True),
        ("phone", "120", True),
        ("phone", "+86 139 0000 0000", True),
        ("phone", "0533-6961111转802", True),
        ("phone", "1.39123E+10", False),
        ("phone", "见值班表", False),
        ("sms", "13900000000", True),
        ("sms", "1390000000o", False),
        ("ding", "anything at all", True),
    ],
)
def test_addresses_that_can_be_checked_are(channel: str, to: str, good: bool) -> None:
    assert (address_fault(Address(channel=channel, to=to)) is None) is good


# --- readiness ---


def gaps(directory: Directory, at: datetime = NOON, *channels: str) -> dict[str, list[str]]:
    """The problems by body."""
    found: dict[str, list[str]] = {}
    for gap in readiness(PLAN, directory, channels or ("mail",), at):
        found.setdefault(gap.body, []).append(gap.problem)
    return found


def tried(contact: str, *, ok: bool = True, days: float = 1, channel: str = "mail") -> Trial:
    """A trial so many days ago."""
    return Trial(contact=contact, channel=channel, at=NOON - timedelta(days=days), ok=ok)


@pytest.mark.clause("6.4")
def test_an_empty_directory_names_every_body_of_the_county_and_the_superiors_to_be_called() -> None:
    found = gaps(Directory())
    county = {body.id for body in PLAN.bodies if body.tier == "county"}
    assert {body for body, problems in found.items() if problems == ["no_contact"]} == county
    superiors = {body for body, problems in found.items() if problems == ["no_number"]}
    assert superiors == {"city-government", "city-msa", "city-health"}


@pytest.mark.clause("6.4")
@pytest.mark.parametrize(
    ("directory", "problems"),
    [
        (Directory(contacts=(person("a", channels=()),)), ["no_channel"]),
        (Directory(contacts=(person("a", channels=("ding",)),)), ["no_channel"]),
        (Directory(contacts=(person("a"),)), ["never_tested"]),
        (Directory(contacts=(person("a"),), trials=(tried("a", days=91),)), ["never_tested"]),
        (
            Directory(contacts=(person("a"),), trials=(tried("a", channel="ding"),)),
            ["never_tested"],
        ),
        (Directory(contacts=(person("a"),), trials=(tried("other"),)), ["never_tested"]),
        (Directory(contacts=(person("a"),), trials=(tried("a", ok=False),)), ["trial_failed"]),
        (Directory(contacts=(person("a"),), trials=(tried("a", days=90),)), []),
        (
            Directory(
                contacts=(person("a"), person("b")), trials=(tried("a", ok=False), tried("b"))
            ),
            [],
        ),
        (
            Directory(
                contacts=(person("a", channels=("phone",)),), trials=(tried("a", channel="phone"),)
            ),
            [],
        ),
        (
            Directory(contacts=(person("a"),), shifts=(shift("a", 1, 2),), trials=(tried("a"),)),
            ["empty_shift"],
        ),
        (
            Directory(contacts=(person("a"),), shifts=(shift("a", 1, 2),)),
            ["empty_shift", "never_tested"],
        ),
        (
            Directory(contacts=(person("a"),), shifts=(shift("a", 0, 2),), trials=(tried("a"),)),
            [],
        ),
    ],
)
def test_a_body_that_could_not_be_reached_now_is_named_with_the_reason(
    directory: Directory, problems: list[str]
) -> None:
    assert gaps(directory).get(HEALTH, []) == problems


@pytest.mark.clause("6.4")
def test_a_superior_needs_a_number_and_no_trial() -> None:
    city = person("city", "duty_phone", body="city-msa", channels=("phone",))
    assert "city-msa" not in gaps(Directory(contacts=(city,)))
    mailed = person("city", "duty_phone", body="city-msa")
    assert gaps(Directory(contacts=(mailed,)))["city-msa"] == ["no_number"]


def test_a_gap_says_what_to_do_in_both_languages() -> None:
    first = readiness(PLAN, Directory(), ("mail",), NOON)[0]
    assert first.text.zh == "县政府：通讯录中没有联系人，请导入或登记。"
    assert first.text.en.startswith("County government: the directory has no contact: import")
