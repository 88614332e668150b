"""What uvicorn's access log keeps of a request: neither tokens that act nor names of people."""

import asyncio
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.api.driver import Api

ACCESS = logging.getLogger("uvicorn.access")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The lines that the access log gets, growing."""
    got: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            got.append(record.getMessage())

    handler = Lines()
    caplog.set_level(logging.INFO, ACCESS.name)
    ACCESS.addHandler(handler)
    yield got
    ACCESS.removeHandler(handler)


@pytest.mark.parametrize(
    ("method", "path", "kept"),
    [
        ("GET", "/api/v1/acknowledge/eyJz.c2ln", "/api/v1/acknowledge/…"),
        ("POST", "/api/v1/acknowledge/eyJz.c2ln?seen=3", "/api/v1/acknowledge/…"),
        ("POST", "/api/v1/acknowledge%2FeyJz.c2ln", "/api/v1/acknowledge/…"),
        ("POST", "/api/v1/delivered/eyJz.c2ln", "/api/v1/delivered/…"),
        ("POST", "/api/v1/call/eyJz.c2ln", "/api/v1/call/…"),
        ("GET", "/api/v1/call/eyJz.c2ln/more", "/api/v1/call/…"),
        ("GET", f"/api/v1/persons?reason={quote('欧阳')}", "/api/v1/persons"),
        ("GET", "/api/v1/incidents/none/call-sheet", "/api/v1/incidents/none/call-sheet"),
    ],
)
async def test_the_access_log_says_what_was_asked_and_lets_nobody_ask_it_again(
    idle_api: Api, lines: list[str], method: str, path: str, kept: str
) -> None:
    await idle_api.client.request(method, path)

    async with asyncio.timeout(5):
        while not lines:
            await asyncio.sleep(0.01)
    (line,) = lines
    assert f'"{method} {kept} HTTP/1.1"' in line
    assert "eyJz" not in line
    assert quote("欧阳") not in line
