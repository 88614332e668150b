"""Identity and mobile numbers stay out of the record (突发事件应对法 83).

All numbers here are invented; the identity numbers are the standard's own specimens.
"""

from typing import Any

import pytest

from domain.incident.envelope import AnyCommand, command_adapter
from domain.incident.observations import NoticeOutcome
from domain.incident.privacy import guard, mask
from tests.domain.story import Story, gaoqing

IDENTITY = "11010519491231002X"
"""The specimen of GB 11643-1999."""
WRONG = "110105194912310021"
MOBILE = "13800138000"

pytestmark = pytest.mark.clause("突发事件应对法 83")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"患者张某,{MOBILE},已转院", "患者张某,＊＊＊＊＊＊＊＊＊00,已转院"),
        ("+86 138-0013-8000", "+86 ＊＊＊＊＊＊＊＊＊00"),
        ("8613800138000", "86＊＊＊＊＊＊＊＊＊00"),
        ("１３８００１３８０００", "＊＊＊＊＊＊＊＊＊00"),
        ("138 0013 8000/139-0013-9001", "＊＊＊＊＊＊＊＊＊00/＊＊＊＊＊＊＊＊＊01"),
        (f"身份证{IDENTITY}。", "身份证＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊2X。"),
        ("110105 19491231 002x", "＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊2x"),
        (f"{IDENTITY},{MOBILE}", "＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊2X,＊＊＊＊＊＊＊＊＊00"),
    ],
)
def test_numbers_are_masked_but_for_two_digits(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        WRONG,  # the check digit is wrong
        "110105194913310028",  # no such month
        "12800138000",  # no mobile prefix
        "0533-6967329",  # a landline
        "138001380001",  # twelve digits
        "批号2008052716,规格100ml",
        "国药准字Z23020780",
        "2026-10-06 13:50",
    ],
)
def test_other_numbers_stand(text: str) -> None:
    assert mask(text) == text


def test_a_first_report_is_masked_and_flagged_never_refused() -> None:
    story = Story().intake(
        people=f"6人,其中张某 {IDENTITY}",
        symptoms=f"寒战,家属电话{MOBILE}",
        lots=("13800138000",),
    )
    facts = story.state.reported
    assert facts.people == "6人,其中张某 ＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊2X"
    assert facts.symptoms == "寒战,家属电话＊＊＊＊＊＊＊＊＊00"
    assert facts.lots == ("13800138000",), "a lot number is nobody's number"
    assert "personal_data_masked" in story.state.flags
    record = "".join(event.canonical().decode() for event in story.events).replace(
        '"lots":["13800138000"]', ""
    )
    assert IDENTITY not in record
    assert MOBILE not in record


def test_a_clean_report_is_not_flagged() -> None:
    assert "personal_data_masked" not in Story().intake().state.flags


def test_the_reason_of_a_late_first_report_is_masked_too() -> None:
    story = Story().intake()
    story.events.clear()
    fresh = Story()
    envelope = fresh.envelope(
        command_adapter.validate_python(
            {
                "name": "intake",
                "caller": {"kind": "hospital", "unit": f"某医院 {MOBILE}"},
                "facts": story.state.reported.model_dump(),
            }
        ),
        late_reason=f"系统停用,纸质记录由{MOBILE}传来",
    )
    fresh.send(envelope)
    assert all(MOBILE not in event.canonical().decode() for event in fresh.events)
    assert fresh.send(envelope).last == (), "the same request again is the same request"


TEXTS: list[dict[str, Any]] = [
    {"name": "correct_facts", "changes": {"people": "{}"}},
    {"name": "correct_facts", "changes": {"place": "县城"}, "reason": "{}"},
    {"name": "verify", "outcome": "pending", "text": "{}"},
    {"name": "assess", "reasons": "{}"},
    {"name": "submit_report", "kind": "initial", "fields": {"people": "{}"}},
    {"name": "complete_task", "task": "t3.1", "result": "{}"},
    {"name": "dismiss", "reasons": "{}"},
    {"name": "propose_release", "title": "通报", "text": "{}", "channel": "网站"},
    {"name": "attach", "sha256": "0" * 64, "media_type": "image/png", "size": 1, "title": "{}"},
    {
        "name": "propose_termination",
        "reasons": "好转",
        "conditions": {"patients": {"met": True, "by": "卫健", "text": "{}"}},
    },
]


def _filled(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return value.replace("{}", f"患者电话 {number} 已联系")
    if isinstance(value, dict):
        return {key: _filled(inner, number) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("number", [MOBILE, IDENTITY])
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text["name"]))
def test_any_other_command_is_refused(text: dict[str, Any], number: str) -> None:
    command: AnyCommand = command_adapter.validate_python(_filled(text, number))
    Story().intake().refuses("personal_data", "突发事件应对法 83", command)


def test_the_refusal_names_the_field_and_never_the_number() -> None:
    story = Story().intake()
    command = command_adapter.validate_python(_filled(TEXTS[4], MOBILE))
    with pytest.raises(Exception, match=r"fields\.people.*persons") as raised:
        guard(gaoqing(), story.envelope(command))
    assert MOBILE not in str(raised.value)


def test_a_late_reason_is_free_text_too() -> None:
    story = Story().intake()
    command = command_adapter.validate_python(
        {"name": "verify", "outcome": "pending", "text": "核"}
    )
    story.refuses("personal_data", "突发事件应对法 83", command, late_reason=f"见{MOBILE}")


def test_officials_may_be_reached() -> None:
    story = Story().intake()
    fields = {"liaison": f"值班员 {MOBILE}", "contact": MOBILE}
    story.report("initial", "county-government", fields=fields)
    report = story.state.reports[story.last_report]
    assert report.fields == fields
    story.give(report.id, "city-msa", taken_by=f"市局值班 {MOBILE}")
    contact = {"kind": "initial", "fields": {"contact": IDENTITY}, "name": "submit_report"}
    story.refuses("personal_data", "突发事件应对法 83", command_adapter.validate_python(contact))


def test_what_a_channel_says_is_masked() -> None:
    story = Story().intake()
    notice = story.state.outbox[0]
    outcome = NoticeOutcome(notice=notice.id, failure=f"no route to {MOBILE}")
    story.send(story.envelope(outcome).model_copy(update={"by": None}))
    assert story.state.notices[notice.id].failure == "no route to ＊＊＊＊＊＊＊＊＊00"
