"""Contacts and rosters as CSV: read whole or not at all, and written to be read again. Pure.

Headers, bodies and roles are understood in Chinese and in English; times without a zone are
Beijing time.
"""

import csv
import difflib
import io
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, time
from functools import partial
from itertools import pairwise

from pydantic import ValidationError

from domain.base import BEIJING, Text, beijing_text
from domain.directory import (
    PHONE,
    ROLE_NAMES,
    Address,
    Contact,
    Directory,
    Shift,
    address_fault,
    id_fault,
)
from domain.plan import Plan
from domain.plan_words import ContactRole
from domain.sheet import CellFault, Row, RowError, Sheet, Words, guarded, plain, read_rows

CONTACT_COLUMNS: Words = {
    "body": ("单位", "单位名称", "部门"),
    "id": ("编号", "联系人编号"),
    "role": ("职务", "角色", "类别"),
    "position": ("顺序", "序号"),
    "name": ("姓名", "联系人", "名称"),
    "quiet_from": ("免打扰开始", "免打扰起"),
    "quiet_to": ("免打扰结束", "免打扰止"),
}
"""Every other column is a channel, under the name that the settings give it or one of these."""
CHANNEL_COLUMNS: Words = {
    PHONE: ("电话", "联系电话", "电话号码", "手机", "telephone", "tel"),
    "mail": ("邮箱", "电子邮箱", "邮件", "email", "e-mail"),
    "sms": ("短信", "短信号码"),
}
ROSTER_COLUMNS: Words = {
    "body": CONTACT_COLUMNS["body"],
    "contact": ("值班人", "值班员", "值班人员", "编号", "姓名", "id", "name"),
    "starts": ("开始", "开始时间", "起", "start"),
    "ends": ("结束", "结束时间", "止", "end"),
}
ROLE_WORDS: dict[ContactRole, tuple[str, ...]] = {
    "duty_phone": ("值班室",),
    "duty_officer": ("值班人员",),
    "deputy": ("副职负责人", "分管负责人", "分管领导"),
    "leader": ("负责人", "主要领导"),
}
"""What a role may be called besides its id and its names."""

_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,30}")
_MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T ]*(\d{1,2})[:时](\d{2})(?::(\d{2}))?分?"
)


# --- contacts ---


def read_contacts(
    data: bytes, plan: Plan, directory: Directory, channels: Collection[str]
) -> Sheet[Contact]:
    """The contacts in a CSV file.

    Args:
        directory: as it is; a contact that it has under another body is a fault.
        channels: those that the settings configure; a column of another is a warning.
    """
    sheet = Sheet[Contact]()
    words = {**CONTACT_COLUMNS, **CHANNEL_COLUMNS}
    rows = read_rows(data, words, ("body", "id", "role"), sheet, others=_CHANNEL)
    usable = {*channels, PHONE}
    sheet.warnings += _unconfigured(rows[:1], usable)
    first: dict[str, int] = {}
    for row in rows:
        contact = _contact(row, plan)
        earlier = first.setdefault(row["id"], row.number)
        if row["id"] and earlier != row.number:
            message = Text(
                zh=f"编号 {row['id']} 与第 {earlier} 行重复",
                en=f"{row['id']} stands in row {earlier} already",
            )
            row.wrong("id", message)
        known = directory.find(row["id"])
        if contact and known and known.body != contact.body:
            message = Text(
                zh=f"编号 {known.id} 已属于 {known.body}，请先在那里停用，或另取编号",
                en=f"{known.id} is a contact of {known.body}: retire it there first, or "
                "choose another id",
            )
            row.wrong("id", message)
        sheet.errors += row.errors
        if contact is None or row.errors:
            continue
        if not contact.addresses:
            unreachable = Text(zh="没有任何地址，无法联系", en="no address: it cannot be reached")
            sheet.warnings.append(row.note(None, unreachable))
        sheet.found.append(contact)
    return sheet


def _unconfigured(rows: list[Row], usable: set[str]) -> Iterator[RowError]:
    names = ", ".join(sorted(usable))
    for row in rows:
        for channel, called in row.called.items():
            if channel not in CONTACT_COLUMNS and channel not in usable:
                message = Text(
                    zh=f"没有配置渠道“{channel}”，其中的地址暂不使用；已配置：{names}",
                    en=f"no channel {channel!r} is configured, its addresses are not used yet; "
                    f"configured: {names}",
                )
                yield RowError(row=1, column=called, message=message)


def _contact(row: Row, plan: Plan) -> Contact | None:
    addresses = [
        row.read(column, cell, partial(_address, column))
        for column, cell in row.cells
        if cell and column not in CONTACT_COLUMNS
    ]
    quiet = [row.read(name, row[name], _time) for name in ("quiet_from", "quiet_to")]
    if bool(row["quiet_from"]) != bool(row["quiet_to"]):
        message = Text(zh="免打扰须写明起止两个时间", en="quiet hours need both ends")
        row.wrong("quiet_to" if row["quiet_from"] else "quiet_from", message)
    values = {
        "body": row.read("body", row["body"], partial(_body, plan)),
        "role": row.read("role", row["role"], _role),
        "id": row.read("id", row["id"], _id),
        "position": row.read("position", row["position"], _position),
        "name": row["name"] or None,
        "addresses": addresses,
        "quiet_from": quiet[0],
        "quiet_to": quiet[1],
    }
    try:
        return Contact.model_validate(values)
    except ValidationError as error:
        # What could not be read has been named already.
        if any(wrong["loc"] == ("name",) for wrong in error.errors()):
            message = Text(
                zh="姓名过长或含有控制字符", en="the name is too long or has control characters"
            )
            row.wrong("name", message)
        return None


def _body(plan: Plan, cell: str) -> str:
    if not cell:
        raise CellFault("缺少单位", "the body is missing")
    names = {
        plain(name): body.id
        for body in plan.bodies
        for name in (body.name.en, body.name.zh, body.id)
    }
    if body := names.get(plain(cell)):
        return body
    zh, en = _meant(plain(cell), names, "请用预案中的名称", "use a name of the plan")
    raise CellFault(f"预案中没有单位“{cell}”，{zh}", f"the plan has no body {cell!r}: {en}")


def _meant(cell: str, words: Iterable[str], zh: str, en: str) -> tuple[str, str]:
    """A guess at what ``cell`` means, or else what to do."""
    near = difflib.get_close_matches(cell, words, n=1, cutoff=0.5)
    return (f"是否为“{near[0]}”？", f"did you mean {near[0]!r}?") if near else (zh, en)


def _id(cell: str) -> str:
    if fault := id_fault(cell):
        raise CellFault(fault.zh, fault.en)
    return cell


def _role(cell: str) -> ContactRole:
    for role, name in ROLE_NAMES.items():
        if plain(cell).lower() in (role, name.zh, name.en, *ROLE_WORDS[role]):
            return role
    names = "、".join(name.zh for name in ROLE_NAMES.values())
    raise CellFault(
        f"没有职务“{cell}”，请用：{names}", f"no role {cell!r}: use one of {', '.join(ROLE_NAMES)}"
    )


def _position(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{0,4}", plain(cell)):
        raise CellFault("顺序须为 0 至 9999 的整数", "a whole number from 0 to 9999")
    return int(plain(cell) or 0)


def _time(cell: str) -> time | None:
    if not cell:
        return None
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(:00)?", plain(cell))
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    raise CellFault("时间须写成 22:00 的形式", "write the time as 22:00")


def _address(channel: str, cell: str) -> Address:
    try:
        address = Address(channel=channel, to=plain(cell) if channel in CHANNEL_COLUMNS else cell)
    except ValidationError:
        raise CellFault(
            "地址过长或含有换行等控制字符", "the address is too long or has control characters"
        ) from None
    if fault := address_fault(address):
        raise CellFault(fault.zh, fault.en)
    return address


# --- the roster ---


def read_roster(data: bytes, plan: Plan, directory: Directory) -> Sheet[Shift]:
    """The shifts in a CSV file; contacts by id, or by a name that only one in the body has."""
    sheet = Sheet[Shift]()
    of_contact: dict[str, list[tuple[Shift, Row]]] = {}
    rows = read_rows(data, ROSTER_COLUMNS, tuple(ROSTER_COLUMNS), sheet)
    for row in rows:
        if shift := _shift(row, plan, directory):
            of_contact.setdefault(shift.contact, []).append((shift, row))
            sheet.found.append(shift)
    for entries in of_contact.values():
        entries.sort(key=lambda entry: entry[0].starts)
        for (earlier, before), (later, row) in pairwise(entries):
            if later.starts < earlier.ends:
                until = beijing_text(earlier.ends)
                message = Text(
                    zh=f"与第 {before.number} 行同一人的班次重叠，该班次到 {until} 结束",
                    en=f"overlaps the same contact's shift of row {before.number}, which ends "
                    f"at {until} Beijing time",
                )
                row.wrong("starts", message)
    sheet.errors += [error for row in rows for error in row.errors]
    return sheet


def _shift(row: Row, plan: Plan, directory: Directory) -> Shift | None:
    body = row.read("body", row["body"], partial(_body, plan))
    contact = (
        row.read("contact", row["contact"], partial(_on_roster, directory, body)) if body else None
    )
    starts = row.read("starts", row["starts"], _moment)
    ends = row.read("ends", row["ends"], _moment)
    if starts and ends and ends <= starts:
        message = Text(
            zh="班次的结束不晚于开始；跨夜的班次请写次日日期",
            en="the shift ends no later than it starts: write the next day's date for a night",
        )
        row.wrong("ends", message)
    if row.errors or not (body and contact and starts and ends):
        return None
    return Shift(body=body, contact=contact, starts=starts, ends=ends)


def _on_roster(directory: Directory, body: str, cell: str) -> str:
    contacts = directory.of(body)
    if any(one.id == cell for one in contacts):
        return cell
    named = [one.id for one in contacts if one.name and plain(one.name) == plain(cell)]
    if len(named) > 1:
        ids = ", ".join(named)
        raise CellFault(
            f"“{cell}”不止一人，请写编号：{ids}", f"{cell!r} is more than one: write the id, {ids}"
        )
    if named:
        return named[0]
    words = [word for one in contacts for word in (one.id, one.name) if word]
    zh, en = _meant(cell, words, "请先登记联系人", "enter it first")
    raise CellFault(f"{body} 的通讯录中没有“{cell}”，{zh}", f"{body} has no contact {cell!r}: {en}")


def _moment(cell: str) -> datetime:
    text = plain(cell)
    try:
        if found := _MOMENT.fullmatch(text):
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=BEIJING)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment
    except ValueError:
        pass
    raise CellFault(
        "时间须写成 2026-03-02 17:30 的形式（北京时间）",
        "write the time as 2026-03-02 17:30, Beijing time",
    )


# --- writing ---


def write_contacts(contacts: Iterable[Contact]) -> str:
    """``contacts`` as CSV that ``read_contacts`` takes back.

    A channel has more than one column where contacts prefer their channels in different orders.
    """
    known = list(contacts)
    columns: list[str] = []
    places = [_placed(contact, columns) for contact in known]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*CONTACT_COLUMNS, *columns])
    for one, placed in zip(known, places, strict=True):
        quiet = [f"{at:%H:%M}" if at else "" for at in (one.quiet_from, one.quiet_to)]
        cells = [guarded(placed.get(place, "")) for place in range(len(columns))]
        said = [one.body, one.id, one.role, one.position, guarded(one.name or ""), *quiet]
        writer.writerow([*said, *cells])
    return out.getvalue()


def _placed(contact: Contact, columns: list[str]) -> dict[int, str]:
    """In which column each address stands, in the contact's order; adds those missing."""
    placed: dict[int, str] = {}
    start = 0
    for address in contact.addresses:
        if address.channel not in columns[start:]:
            columns.append(address.channel)
        start = columns.index(address.channel, start) + 1
        placed[start - 1] = address.to
    return placed
