"""A message on its way, as the tests of every channel send it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from activities.channel import Outgoing
from domain.base import Text

LINK = "https://yaoan.county.invalid/a/eyJrIjoxfQ.sig"

MESSAGE = Outgoing(
    key="GQ-20260131-7K2M:m4:health-duty",
    space="incidents",
    incident="GQ-20260131-7K2M",
    message="m4",
    recipient="county-health",
    contact="health-duty",
    address="duty@health.invalid",
    statutory=True,
    title=Text(zh="立即开展医疗救治", en="Start medical rescue at once"),
    text=Text(zh="请立即组织医疗救治。(6.3)", en="Start medical rescue at once. (6.3)"),
    at=datetime(2026, 1, 31, 6, 32, tzinfo=UTC),
    link=LINK,
    delivered="https://yaoan.county.invalid/d/eyJrIjoxfQ.sig",
)


def message(**changes: Any) -> Outgoing:
    """``MESSAGE`` with ``changes``."""
    return replace(MESSAGE, **changes)
