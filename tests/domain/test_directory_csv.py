"""What officials save from their spreadsheets is read, or every fault of it is named."""

import csv
import io
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.directory import ROLES, Address, Contact, Directory, Shift, address_fault
from domain.directory_csv import read_contacts, read_roster, write_contacts
from domain.sheet import RowError, Sheet
from tests.domain.test_directory import PLAN, person

CHANNELS = ("mail", "sms")

ENGLISH = """\
body,id,role,position,name,quiet_from,quiet_to,mail,phone
county-health,h-room,duty_phone,,,,,,0533-6961111
county-health,h-li,duty_officer,1,李四,22:00,7:00,li@health.cn,
"""
CHINESE = """\
单位,编号,职务,顺序,姓名,免打扰开始,免打扰结束,邮箱,电话
县卫生健康局,h-room,值班电话,,,,,,０５３３－６９６１１１１
县卫生健康局,h-li,值班员,1,李四,22:00,07:00:00,li@health.cn,
"""
EXPECTED = [
    Contact(
        id="h-room",
        body="county-health",
        role="duty_phone",
        addresses=(Address(channel="phone", to="0533-6961111"),),
    ),
    Contact(
        id="h-li",
        body="county-health",
        role="duty_officer",
        position=1,
        name="李四",
        addresses=(Address(channel="mail", to="li@health.cn"),),
        quiet_from=time(22),
        quiet_to=time(7),
    ),
]


def contacts(text: str | bytes, directory: Directory | None = None) -> Sheet[Contact]:
    """What is read of a file."""
    data = text.encode() if isinstance(text, str) else text
    return read_contacts(data, PLAN, directory or Directory(), CHANNELS)


def named(errors: list[RowError]) -> list[tuple[int, str | None]]:
    """Where the faults are."""
    return [(error.row, error.column) for error in errors]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_is_read_in_both_languages_and_as_excel_saves_it(text: str, encoding: str) -> None:
    sheet = contacts(text.replace("\n", "\r\n").encode(encoding))
    assert (sheet.errors, sheet.warnings) == ([], [])
    assert sheet.found == EXPECTED


def test_the_order_of_the_columns_is_the_order_of_preference() -> None:
    sheet = contacts("id,body,role,sms,mail,phone\na,county-health,leader,13900000000,a@b.cn,120\n")
    assert [address.channel for address in sheet.found[0].addresses] == ["sms", "mail", "phone"]


def test_every_fault_is_named_by_row_and_column_at_once() -> None:
    sheet = contacts(
        "单位,编号,职务,顺序,免打扰开始,免打扰结束,邮箱,电话\n"
        "县卫生建康局,a,值班员,x,25:00,7:00,a@b@c,\n"
        ",,领导人,,22:00,,,1.39E+10\n"
        "\n"
        "县公安局,b,副职,,,,b@police.cn,\n"
        "县公安局,b,副职,,,,b@police.cn,,,多\n"
        "县公安局,张三,副职,,,,b@police.cn,\n"
    )
    assert named(sheet.errors) == [
        (2, "邮箱"),
        (2, "免打扰开始"),
        (2, "单位"),
        (2, "顺序"),
        (3, "电话"),
        (3, "免打扰结束"),
        (3, "单位"),
        (3, "职务"),
        (3, "编号"),
        (6, None),
        (6, "编号"),
        (7, "编号"),
    ]
    messages = {(error.row, error.column): error.message for error in sheet.errors}
    assert "是否为“县卫生健康局”？" in messages[2, "单位"].zh
    assert "did you mean" in messages[2, "单位"].en
    assert "use one of duty_phone" in messages[3, "职务"].en
    assert "文本" in messages[3, "电话"].zh
    assert messages[6, "编号"].en == "b stands in row 5 already"
    assert all(error.message.zh and error.message.en for error in sheet.errors)
    assert [one.id for one in sheet.found] == ["b"]


def test_a_telephone_number_is_no_id_and_the_row_says_why() -> None:
    sheet = contacts("单位,编号,职务,电话\n县公安局,13900001111,副职,13900001111\n")
    assert named(sheet.errors) == [(2, "编号")]
    assert "不能是电话号码" in sheet.errors[0].message.zh
    assert "needs at least one letter" in sheet.errors[0].message.en
    assert sheet.found == []


def test_a_name_that_is_no_line_is_named() -> None:
    sheet = contacts(f"单位,编号,职务,姓名\n县公安局,a,副职,{'张' * 201}\n")
    assert named(sheet.errors) == [(2, "姓名")]


def test_a_missing_column_is_a_fault_of_the_file() -> None:
    sheet = contacts("单位,姓名\n县公安局,张三\n")
    assert named(sheet.errors) == [(1, None), (1, None)]
    assert [error.message.zh for error in sheet.errors] == ["缺少“编号”列", "缺少“职务”列"]
    assert named(contacts("").errors) == [(1, None)] * 3


def test_a_column_that_can_be_no_channel_is_a_fault() -> None:
    sheet = contacts("body,id,role,备注 二\ncounty-police,a,leader,x\n")
    assert named(sheet.errors) == [(1, "备注 二")]


def test_a_channel_that_nothing_configures_is_a_warning() -> None:
    sheet = contacts("body,id,role,ding,电话\ncounty-police,a,leader,x,110\n")
    assert sheet.errors == []
    assert named(sheet.warnings) == [(1, "ding")]
    assert "mail, phone, sms" in sheet.warnings[0].message.en
    assert [address.channel for address in sheet.found[0].addresses] == ["ding", "phone"]


def test_a_contact_without_an_address_is_a_warning() -> None:
    sheet = contacts("body,id,role,mail\ncounty-police,a,leader,\n")
    assert named(sheet.warnings) == [(2, None)]
    assert len(sheet.found) == 1


def test_an_id_of_another_body_is_not_taken_over() -> None:
    text = "body,id,role,mail\ncounty-police,li,leader,a@b.cn\n"
    sheet = contacts(text, Directory(contacts=(person("li"),)))
    assert named(sheet.errors) == [(2, "id")]
    assert "county-health: retire it there first" in sheet.errors[0].message.en
    assert sheet.found == []
    assert contacts(text, Directory(contacts=(person("li", body="county-police"),))).errors == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xff\xff", "neither UTF-8 nor GB18030"),
        (b'body,id,role\n"county', "no valid CSV"),
    ],
)
def test_what_is_no_csv_is_said_to_be_none(data: bytes, says: str) -> None:
    sheet = contacts(data)
    assert named(sheet.errors) == [(1, None)]
    assert says in sheet.errors[0].message.en


def test_names_with_full_width_brackets_are_found() -> None:
    sheet = contacts("body,id,role,phone\n市政府（市政府值班室）,a,值班电话,0533-1\n")
    assert sheet.errors == []
    assert sheet.found[0].body == "city-government"


def test_what_no_line_of_text_has_is_a_fault() -> None:
    sheet = contacts('body,id,role,name,ding\ncounty-police,a,leader,"x\n",\0\n')
    assert named(sheet.errors) == [(2, "ding")]
    sheet = contacts("body,id,role,name\ncounty-police,a,leader,x\0y\n")
    assert named(sheet.errors) == [(2, "name")]


ADDRESSES = st.lists(
    st.one_of(
        st.builds(Address, channel=st.just("mail"), to=st.sampled_from(["a@b.cn", "-x@b.cn"])),
        st.builds(Address, channel=st.just("phone"), to=st.sampled_from(["120", "+86 1390000"])),
        st.builds(Address, channel=st.just("ding"), to=st.sampled_from(["@张三", "=1+1", "x,y"])),
    ).filter(lambda address: address_fault(address) is None),
    max_size=4,
)
CLOCK = st.times().map(lambda at: at.replace(second=0, microsecond=0))
CONTACT = st.builds(
    lambda id, body, role, position, name, addresses, quiet: Contact(
        id=id,
        body=body,
        role=role,
        position=position,
        name=name,
        addresses=tuple(addresses),
        quiet_from=quiet[0],
        quiet_to=quiet[1],
    ),
    st.from_regex(r"[0-9]{0,3}[A-Za-z][A-Za-z0-9._-]{0,10}", fullmatch=True),
    st.sampled_from([body.id for body in PLAN.bodies]),
    st.sampled_from(ROLES),
    st.integers(0, 9999),
    st.sampled_from([None, "李四", '李"四', "=cmd", "-", "O'Hara", "两，个"]),
    ADDRESSES,
    st.one_of(st.just((None, None)), st.tuples(CLOCK, CLOCK)),
)


@given(st.lists(CONTACT, max_size=6, unique_by=lambda contact: contact.id))
def test_what_is_exported_is_taken_back_as_it_was(known: list[Contact]) -> None:
    text = write_contacts(known)
    sheet = read_contacts(text.encode("utf-8-sig"), PLAN, Directory(), ("mail", "ding"))
    assert (sheet.errors, sheet.found) == ([], known)
    # A cell that a spreadsheet would run as a formula is kept a text.
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


# --- the roster ---


TEAM = Directory(
    contacts=(
        person("wang").model_copy(update={"name": "王五"}),
        person("li").model_copy(update={"name": "李四"}),
        person("li2").model_copy(update={"name": "李四"}),
        person("zhao").model_copy(update={"name": "赵六（代）"}),
    )
)


def roster(text: str) -> Sheet[Shift]:
    """What is read of a roster."""
    return read_roster(text.encode("gb18030"), PLAN, TEAM)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02 08:30",
        "2026/3/2 8:30",
        "2026年3月2日 8:30",
        "2026/3/2 8:30:00",
        "2026-03-02T08:30:00",
        "2026-03-02T08:30:00+08:00",
        "2026-03-02T00:30:00Z",
        "２０２６-3-2 ８：30",
    ],
)
def test_times_are_beijing_time_unless_they_say_otherwise(written: str) -> None:
    sheet = roster(
        f"单位,值班人,开始,结束,备注\n县卫生健康局,王五,{written},2026-03-03 08:30,带班\n"
    )
    assert sheet.errors == []
    assert sheet.found == [
        Shift(
            body="county-health",
            contact="wang",
            starts=datetime(2026, 3, 2, 0, 30, tzinfo=UTC),
            ends=datetime(2026, 3, 3, 0, 30, tzinfo=UTC),
        )
    ]


def test_contacts_are_found_by_id_or_by_a_name_that_only_one_has() -> None:
    sheet = roster(
        "body,contact,starts,ends\n"
        "county-health,li2,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-health,李四,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-health,赵六(代),2026-03-02 08:00,2026-03-02 16:00\n"
        "county-health,wamg,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-police,wang,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-health,,2026-03-02 08:00,2026-03-02 16:00\n"
    )
    assert [shift.contact for shift in sheet.found] == ["li2", "zhao"]
    assert named(sheet.errors) == [(row, "contact") for row in (3, 5, 6, 7)]
    assert "write the id, li, li2" in sheet.errors[0].message.en
    assert "did you mean 'wang'?" in sheet.errors[1].message.en
    assert "enter it first" in sheet.errors[2].message.en


def test_every_fault_of_a_roster_is_named() -> None:
    sheet = roster(
        "body,contact,starts,ends\n"
        "county-health,wang,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-health,wang,2026-03-02 15:00,2026-03-02 20:00\n"
        "county-health,li,2026-03-02 17:00,2026-03-02 08:00\n"
        "county-health,li,2026-02-30 17:00,明天\n"
        "county-helth,li,2026-03-02,2026-03-03 08:00\n"
        "county-health,wang,2026-03-02 20:00,2026-03-02 24:00\n"
        "county-health,zhao,2026-03-02 20:00,2026-03-02 20:00\n"
    )
    assert named(sheet.errors) == [
        (3, "starts"),
        (4, "ends"),
        (5, "starts"),
        (5, "ends"),
        (6, "body"),
        (6, "starts"),
        (7, "ends"),
        (8, "ends"),
    ]
    assert "of row 2, which ends at 2026-03-02 16:00" in sheet.errors[0].message.en
    assert "次日" in sheet.errors[1].message.zh
