"""Mail as a body gets it: what it says, that a copy is known as one, and how refusals end."""

import asyncio
import ssl
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.channel import ChannelError
from activities.outward.mail import MailChannel
from domain.base import Text
from settings import SmtpProvider
from tests.activities.conftest import Postbox
from tests.activities.sending import LINK, MESSAGE, message


def channel(postbox: Postbox, **changes: Any) -> MailChannel:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": postbox.port,
        "sender": "yaoan@county.invalid",
        "security": "none",
        "timeout": 5.0,
    }
    return MailChannel("mail", SmtpProvider.model_validate({**values, **changes}))


@asynccontextmanager
async def server(handler: Postbox, **options: Any) -> AsyncIterator[Postbox]:
    """A mail server for ``handler`` with further options of aiosmtpd."""
    loop = asyncio.get_running_loop()
    tls = options.pop("ssl", None)
    listening = await loop.create_server(
        lambda: SMTP(handler, loop=loop, hostname="mail.invalid", **options),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    handler.port = listening.sockets[0].getsockname()[1]
    yield handler
    listening.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody trusts yet, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.invalid")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MESSAGE.at - timedelta(days=1))
        .not_valid_after(MESSAGE.at + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return file, context


@pytest.mark.clause("6.3")
async def test_a_message_arrives_in_chinese_first_with_its_key_and_link(postbox: Postbox) -> None:
    assert await channel(postbox).send(MESSAGE) is False, "accepted, not known to be delivered"

    (received,) = postbox.mails
    assert received["Subject"] == "立即开展医疗救治"
    assert received["To"] == "duty@health.invalid"
    assert received["X-Yaoan-Key"] == MESSAGE.key
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["Date"] == "Sat, 31 Jan 2026 14:32:00 +0800"
    assert received.get_content_type() == "text/plain"
    body = received.get_content()
    assert body.index("请立即组织医疗救治") < body.index("Start medical rescue")
    assert "2026-01-31 14:32" in body
    assert body.count(LINK) == 2


async def test_without_a_link_none_is_promised(postbox: Postbox) -> None:
    await channel(postbox).send(message(link=None))

    assert "确认" not in postbox.mails[0].get_content()


async def test_a_copy_carries_the_same_message_id(postbox: Postbox) -> None:
    """When the acceptance gets lost the mail is sent again: mailboxes must know the copy."""
    mail = channel(postbox)
    postbox.answers = ["lost"]

    with pytest.raises(ChannelError) as failure:
        await mail.send(MESSAGE)
    assert failure.value.retryable
    await mail.send(MESSAGE)

    first, second = postbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


async def test_different_messages_have_different_message_ids(postbox: Postbox) -> None:
    await channel(postbox).send(MESSAGE)
    await channel(postbox).send(message(key="GQ-20260131-7K2M:m5:health-duty"))

    first, second = postbox.mails
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [("451 busy", True), ("452 full", True), ("550 no such box", False), ("554 no", False)],
)
async def test_a_refusal_is_final_as_its_code_says(
    postbox: Postbox, answer: str, retryable: bool
) -> None:
    postbox.answers = [answer]

    with pytest.raises(ChannelError, match=answer[:3]) as failure:
        await channel(postbox).send(MESSAGE)
    assert failure.value.retryable is retryable


@pytest.mark.parametrize(("code", "retryable"), [(450, True), (550, False)])
async def test_a_refused_mailbox_is_not_named(code: int, retryable: bool) -> None:
    """What a channel says goes on record for ever, so it names no address."""

    class Refusing(Postbox):
        async def handle_RCPT(  # noqa: N802 - the server's name for it
            self, _server: SMTP, _session: Session, _envelope: Envelope, to: str, _options: Any
        ) -> str:
            return f"{code} {to} is unknown here"

    async with server(Refusing()) as postbox:
        with pytest.raises(ChannelError, match=str(code)) as failure:
            await channel(postbox).send(MESSAGE)
    assert failure.value.retryable is retryable
    assert "health.invalid" not in "".join(traceback.format_exception(failure.value))


async def test_no_server_is_worth_another_try(postbox: Postbox, unused_tcp_port: int) -> None:
    with pytest.raises(ChannelError) as failure:
        await channel(postbox, port=unused_tcp_port).send(MESSAGE)
    assert failure.value.retryable


async def test_a_server_that_hangs_is_left_in_time(postbox: Postbox) -> None:
    postbox.answers = ["hang"]
    began = time.monotonic()

    with pytest.raises(ChannelError, match="Timeout") as failure:
        await channel(postbox, timeout=0.5).send(MESSAGE)
    assert failure.value.retryable
    assert time.monotonic() - began < 4


async def test_a_server_that_never_greets_is_left_in_time(postbox: Postbox) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    mute = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with mute:
        port = mute.sockets[0].getsockname()[1]
        with pytest.raises(ChannelError, match="Timeout") as failure:
            await channel(postbox, port=port, timeout=0.3).send(MESSAGE)
    assert failure.value.retryable


async def test_a_server_that_is_slow_at_every_step_is_left_in_time(postbox: Postbox) -> None:
    """No step takes too long; all of them together do."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, asked = b"hello", 0
        while line and asked < 20:
            await asyncio.sleep(0.2)
            writer.write(
                {b"hello": b"220 hello\r\n", b"DATA\r\n": b"354 go\r\n"}.get(line, b"250 yes\r\n")
            )
            line, asked = await reader.readline(), asked + 1
        writer.close()

    listening = await asyncio.start_server(slow, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ChannelError, match="Timeout") as failure:
            await channel(postbox, port=port, timeout=0.5).send(MESSAGE)
    assert failure.value.retryable


@pytest.mark.parametrize(
    "address", ["", "13800000000", "a@x.invalid, b@x.invalid", "a@x\nBcc: b@y"]
)
async def test_what_is_no_mailbox_is_refused_for_good(postbox: Postbox, address: str) -> None:
    with pytest.raises(ChannelError, match="no mailbox") as failure:
        await channel(postbox).send(message(address=address))
    assert not failure.value.retryable
    assert postbox.mails == []


async def test_a_title_of_two_lines_adds_no_header(postbox: Postbox) -> None:
    await channel(postbox).send(message(title=Text(zh="救治\nBcc: a@b.invalid", en="Rescue")))

    (received,) = postbox.mails
    assert received["Subject"] == "救治 Bcc: a@b.invalid"
    assert received["Bcc"] is None


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_must_be_trusted(
    certificate: tuple[Path, ssl.SSLContext], security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, context = certificate
    options: dict[str, Any] = (
        {"ssl": context}
        if security == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    async with server(Postbox(), **options) as postbox:
        mail = channel(postbox, host="localhost", security=security)
        with pytest.raises(ChannelError) as failure:
            await mail.send(MESSAGE)
        assert failure.value.retryable
        assert postbox.mails == []

        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        await mail.send(MESSAGE)
        assert len(postbox.mails) == 1


async def test_a_server_without_starttls_gets_nothing_in_clear(postbox: Postbox) -> None:
    with pytest.raises(ChannelError) as failure:
        await channel(postbox, security="starttls").send(MESSAGE)
    assert failure.value.retryable
    assert postbox.mails == []


async def test_a_refused_login_can_be_mended_and_shows_no_password(
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    caplog.set_level("DEBUG")
    asked: list[Any] = []

    def refuse(*arguments: Any) -> AuthResult:
        asked.append(arguments[-1])
        return AuthResult(success=False, handled=False)

    box = Postbox()
    async with server(box, tls_context=context, authenticator=refuse, auth_required=True):
        mail = channel(
            box,
            host="localhost",
            security="starttls",
            user="county",
            password="s3cret-word",
        )
        with pytest.raises(ChannelError, match="535") as failure:
            await mail.send(MESSAGE)

    assert asked
    assert failure.value.retryable
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    shown = "".join(traceback.format_exception(failure.value))
    assert "s3cret-word" not in f"{shown}{ours}{vars(mail)!r}"
