"""No identity or mobile number in the record: such data goes to the vault (突发事件应对法 83, 85).

Free text is where they slip in. A first report is never turned away, so there they are masked
and flagged; any other command is refused with the way to the persons' own route. Hashes protect
nobody's number, so masking comes before anything is hashed. Old identity cards (15 digits),
passports and landlines have no pattern that tells them from other numbers and are not found.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from domain.base import Refusal
from domain.incident.commands import Command, Intake, SubmitReport
from domain.incident.envelope import Envelope
from domain.incident.observations import AcceptMerge
from domain.plan import Plan

MASK = "＊"
"""Stands for a digit that was taken out; the last two digits stay, so that people can compare."""
CLAUSE = "突发事件应对法 83"
KEPT = 2

# Full-width digits are typed as often as plain ones. One sign for one: positions stay the same.
_PLAIN = str.maketrans("０１２３４５６７８９Ｘｘ－＋　", "0123456789Xx-+ ")
_MOBILE = re.compile(r"(?<![0-9])(?:\+?86[ -]?)?(1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4})(?![0-9])")
_IDENTITY = re.compile(r"(?<![0-9])([0-9]{6}[ -]?[0-9]{8}[ -]?[0-9]{3}[0-9Xx])(?![0-9])")
_MASKED = re.compile(rf"{MASK}{{9,}}[0-9Xx]{{{KEPT}}}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

NO_TEXT = frozenset(
    {"sha256", "digest", "evidence", "reference", "references", "request", "person", "lots"}
)
"""Fields that hold hashes, references or lot numbers: digits there are nobody's number."""
OFFICIAL = frozenset({"taken_by"})
"""Fields where the telephone number of an official belongs."""


def guard(plan: Plan, envelope: Envelope) -> Envelope:
    """``envelope`` as it may go on record.

    Raises:
        Refusal: an identity or mobile number stands in the free text of a command other than
            the first report.
    """
    command = envelope.command
    if isinstance(command, AcceptMerge):
        # Taken from a record that was guarded when it was written.
        return envelope
    official = official_fields(plan, command)
    texts = command.model_dump(mode="python", exclude={"name"})
    late_reason = envelope.by.late_reason if envelope.by else None
    found = [path for path, _ in _findings(texts, official)]
    if late_reason is not None and mask(late_reason) != late_reason:
        found.append("late_reason")
    if not found:
        return envelope
    if not (isinstance(command, Intake) or command.internal):
        raise Refusal(
            "personal_data",
            CLAUSE,
            f"“{'、'.join(found)}”中含有身份证号码或手机号码:个人信息不写入事件记录,"
            "请删去该号码,改在“人员登记”(persons)中录入。",
            f"{', '.join(found)}: holds an identity or mobile number; take it out and enter "
            "it as a person (POST …/persons), where it is kept encrypted",
        )
    cleaned = type(command).model_validate(_cleaned(texts, official))
    update: dict[str, Any] = {"command": cleaned}
    if envelope.by is not None and late_reason is not None:
        update["by"] = envelope.by.model_copy(update={"late_reason": mask(late_reason)})
    return envelope.model_copy(update=update)


def official_fields(plan: Plan, command: Command) -> frozenset[str]:
    """The fields of ``command`` in which an official telephone number belongs."""
    if not isinstance(command, SubmitReport):
        return OFFICIAL
    form = plan.report_by_kind[command.kind]
    return OFFICIAL | {f"fields.{field.id}" for field in form.fields if field.official}


def was_masked(command: Command) -> bool:
    """Whether a number was taken out of ``command``, here or before it came here."""
    texts = command.model_dump(mode="python", exclude={"name"})
    return any(_MASKED.search(text) for _, text in _texts(texts))


def mask(text: str, mobiles: bool = True) -> str:
    """``text`` with all but the last two digits of every identity and mobile number masked."""
    text = _masked(text, [m for m in _found(_IDENTITY, text) if _is_identity(m.group(1))])
    return _masked(text, _found(_MOBILE, text)) if mobiles else text


def _found(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text.translate(_PLAIN)))


def _masked(text: str, found: list[re.Match[str]]) -> str:
    for match in reversed(found):
        signs = [sign for sign in match.group(1) if sign not in " -"]
        shown = MASK * (len(signs) - KEPT) + "".join(signs[-KEPT:])
        text = text[: match.start(1)] + shown + text[match.end(1) :]
    return text


def _is_identity(number: str) -> bool:
    """Whether the check digit and the date of birth are those of an identity number (GB 11643)."""
    signs = re.sub(r"[ -]", "", number).upper()
    total = sum(int(sign) * weight for sign, weight in zip(signs, _WEIGHTS, strict=False))
    if _CHECKS[total % 11] != signs[-1]:
        return False
    try:
        born = date(int(signs[6:10]), int(signs[10:12]), int(signs[12:14]))
    except ValueError:
        return False
    return 1850 <= born.year < 2150


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every free text within ``value``, with the path of its field."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in NO_TEXT:
                yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, path)


def _findings(texts: Any, official: frozenset[str]) -> Iterator[tuple[str, str]]:
    for path, text in _texts(texts):
        if mask(text, not _is_official(path, official)) != text:
            yield path, text


def _cleaned(value: Any, official: frozenset[str], path: str = "") -> Any:
    if isinstance(value, str):
        return mask(value, not _is_official(path, official))
    if isinstance(value, dict):
        return {
            key: inner
            if key in NO_TEXT
            else _cleaned(inner, official, f"{path}.{key}" if path else str(key))
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_cleaned(inner, official, path) for inner in value]
    return value


def _is_official(path: str, official: frozenset[str]) -> bool:
    return path in official or path.rpartition(".")[2] in official
