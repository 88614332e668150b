"""What may be entered as the id of a contact, and as an address."""

import pytest

from domain.directory import Address, Directory, address_fault, id_fault
from tests.domain.test_directory import person


@pytest.mark.parametrize("id", ["13900001111", "0533-6961111", "1.39", "110"])
def test_an_id_that_may_be_a_telephone_number_is_none(id: str) -> None:
    fault = id_fault(id)
    assert fault is not None
    assert "编号至少须有一个英文字母" in fault.zh
    assert "at least one letter: ids go into events" in fault.en


@pytest.mark.parametrize("id", ["", "-a", "张三", "a b", "a\n", "a" * 65])
def test_an_id_of_another_form_is_none_and_is_told_the_form(id: str) -> None:
    fault = id_fault(id)
    assert fault is not None
    assert "letter or digit first" in fault.en
    assert "英文字母" in fault.zh


@pytest.mark.parametrize("id", ["a", "h-1", "1.a", "Z" * 64])
def test_an_id_with_a_letter_is_one(id: str) -> None:
    assert id_fault(id) is None


def test_what_an_older_directory_holds_stays_readable() -> None:
    held = Directory(contacts=(person("110"),))
    assert Directory.model_validate_json(held.model_dump_json()) == held


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
