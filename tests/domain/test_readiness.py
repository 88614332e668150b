"""Who could not be reached now is named, with the reason and what to do about it."""

from datetime import datetime, timedelta

import pytest

from domain.directory import Directory, Trial
from domain.readiness import readiness
from tests.domain.test_directory import HEALTH, NOON, PLAN, person, shift


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
