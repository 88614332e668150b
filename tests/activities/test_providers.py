"""Providers come from the settings: what is configured, what is refused, what nobody may see."""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from activities.outward.chat import ChatChannel
from activities.outward.mail import MailChannel
from activities.outward.providers import channels_of
from activities.outward.webhook import WebhookChannel
from settings import ROOT, Settings, SmtpProvider, channel_names
from tests.activities.conftest import Postbox
from tests.activities.sending import MESSAGE

PROVIDERS: dict[str, dict[str, Any]] = {
    "post": {
        "kind": "smtp",
        "host": "mail.invalid",
        "user": "county",
        "password": "mail-s3cret",
        "sender": "yaoan@county.invalid",
    },
    "office": {
        "kind": "webhook",
        "url": "https://county:hook-s3cret@oa.invalid/hook",
        "secret": "shared-s3cret-of-both",
    },
    "duty-group": {"kind": "apprise", "url": "wecombot://robot-s3cret"},
}


def configured(providers: Any, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Settings:
    """The settings of a process with these providers in its environment."""
    monkeypatch.setenv("YAOAN_CHANNELS", json.dumps(providers))
    return Settings(**more)


def refusal(providers: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything that such a process would print."""
    with pytest.raises(ValidationError) as refused:
        configured(providers, monkeypatch)
    return "".join(traceback.format_exception(refused.value))


def test_each_provider_becomes_a_channel_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(PROVIDERS, monkeypatch)

    channels = channels_of(config)
    assert {name: type(channel) for name, channel in channels.items()} == {
        "post": MailChannel,
        "office": WebhookChannel,
        "duty-group": ChatChannel,
    }
    assert all(channel.name == name for name, channel in channels.items())
    assert channel_names(config) == {"post", "office", "duty-group", "inbox", "phone"}


def test_a_drill_reaches_nobody_whatever_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_SMTP_HOST", "mail.invalid")
    config = configured(PROVIDERS, monkeypatch)
    assert len(channels_of(config)) == 4

    for space in ("drill", "rehearsal"):
        assert channels_of(config.model_copy(update={"space": space})) == {}


@pytest.mark.parametrize("empty", [None, ""])
def test_without_settings_there_is_only_what_is_always_there(
    monkeypatch: pytest.MonkeyPatch, empty: str | None
) -> None:
    for name in ("YAOAN_CHANNELS", "YAOAN_CHANNELS_FILE", "YAOAN_SMTP_HOST"):
        monkeypatch.delenv(name, raising=False)
        if empty is not None:
            monkeypatch.setenv(name, empty)
    config = Settings()
    assert channels_of(config) == {}
    assert channel_names(config) == {"inbox", "phone"}


async def test_no_activity_is_needed(postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog tells an operator by the same channels, without Temporal."""
    post = {**PROVIDERS["post"], "host": "127.0.0.1", "port": postbox.port, "security": "none"}
    del post["user"], post["password"]

    await channels_of(configured({"post": post}, monkeypatch))["post"].send(MESSAGE)
    assert len(postbox.mails) == 1


def test_the_smtp_settings_are_short_for_a_channel_named_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"HOST": "mail.invalid", "PORT": "587", "USER": "a", "PASSWORD": "b"}
    for name, value in {**values, "FROM": "y@county.invalid", "STARTTLS": "true"}.items():
        monkeypatch.setenv(f"YAOAN_SMTP_{name}", value)

    config = Settings()
    mail = config.providers["mail"]
    assert isinstance(mail, SmtpProvider)
    assert (mail.host, mail.port, mail.user) == ("mail.invalid", 587, "a")
    assert (mail.sender, mail.security) == ("y@county.invalid", "starttls")
    assert mail.password is not None
    assert mail.password.get_secret_value() == "b"
    assert "mail" in channel_names(config)


def test_a_wrong_sender_of_mail_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_SMTP_FROM", "nobody")

    with pytest.raises(ValidationError, match=r"smtp_from\s+write it as name@host"):
        Settings()


def test_mail_defined_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_SMTP_HOST", "mail.invalid")

    assert "YAOAN_SMTP_HOST" in refusal({"mail": PROVIDERS["post"]}, monkeypatch)


# --- the file ---


def test_a_file_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "channels.json"
    file.write_text(json.dumps(PROVIDERS))
    file.chmod(0o600)
    monkeypatch.setenv("YAOAN_CHANNELS_FILE", str(file))

    assert Settings().providers.keys() == PROVIDERS.keys()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    file = tmp_path / "channels.json"
    file.write_text(json.dumps(PROVIDERS))
    file.chmod(mode)
    monkeypatch.setenv("YAOAN_CHANNELS_FILE", str(file))

    with pytest.raises(ValidationError, match=r"chmod 600 .*channels\.json"):
        Settings()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b'{\n"a": file-s3cret}', "not JSON, line 2"),
        (b'["file-s3cret"]', "name → provider"),
        (b'{"post": {"kind": "smtp"}}', "post.host"),
    ],
)
def test_a_file_that_says_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    file = tmp_path / "channels.json"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    monkeypatch.setenv("YAOAN_CHANNELS_FILE", str(file))

    with pytest.raises(ValidationError) as refused:
        Settings()
    shown = "".join(traceback.format_exception(refused.value))
    assert said in shown
    assert "s3cret" not in shown


def test_a_name_in_both_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "channels.json"
    file.write_text(json.dumps({"office": PROVIDERS["office"]}))
    file.chmod(0o600)
    monkeypatch.setenv("YAOAN_CHANNELS_FILE", str(file))

    config = configured({"post": PROVIDERS["post"]}, monkeypatch)
    assert config.providers.keys() == {"post", "office"}
    assert "office is defined here and by YAOAN_CHANNELS" in refusal(PROVIDERS, monkeypatch)


# --- what is wrong, and where ---


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("post", {"port": "s3cret"}, "post.port"),
        ("post", {"host": ""}, "post.host"),
        ("post", {"sender": "s3cret"}, "post.sender: write it as name@host"),
        ("post", {"sender": "s3cret@"}, "post.sender"),
        ("post", {"sender": "药安s3cret@a.invalid"}, "post.sender"),
        ("post", {"sender": "a..s3cret@a.invalid"}, "post.sender"),
        ("post", {"security": "s3cret"}, "post.security"),
        ("post", {"pasword": "s3cret"}, "post.pasword"),
        ("post", {"timeout": 0}, "post.timeout"),
        ("post", {"timeout": 3600}, "post.timeout"),
        ("office", {"url": "oa.invalid/s3cret"}, "office.url: write it as https://host/path"),
        ("office", {"url": "ftp://s3cret@oa.invalid"}, "office.url"),
        ("office", {"url": "https://[s3cret"}, "office.url"),
        ("office", {"url": "https:///s3cret"}, "office.url"),
        ("office", {"secret": "s3cret"}, "office.secret"),
        ("duty-group", {"url": ""}, "duty-group.url"),
    ],
)
def test_a_wrong_field_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, change: dict[str, Any], said: str
) -> None:
    shown = refusal({name: {**PROVIDERS[name], **change}}, monkeypatch)

    assert said in shown
    assert "docs/channels.md" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("providers", "said"),
    [
        ({"post": {"kind": "pigeon", "password": "s3cret"}}, "post: .*smtp.*webhook.*apprise"),
        ({"post": {"password": "s3cret"}}, "post: .*kind"),
        ({"post": "s3cret"}, "post: "),
        (["s3cret"], "name → provider"),
        ({"inbox": PROVIDERS["post"]}, "inbox is taken"),
        ({"phone": PROVIDERS["post"]}, "phone is taken"),
        ({"Post Office": PROVIDERS["post"]}, "lower-case letters"),
        ({"": PROVIDERS["post"]}, "lower-case letters"),
    ],
)
def test_what_is_no_provider_is_refused(
    monkeypatch: pytest.MonkeyPatch, providers: Any, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        configured(providers, monkeypatch)
    assert "s3cret" not in refusal(providers, monkeypatch)


def test_what_is_no_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_CHANNELS", '{"post": s3cret')
    with pytest.raises(ValidationError, match="not JSON, line 1") as refused:
        Settings()
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_url_that_apprise_does_not_understand_ends_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = configured({"sms": {"kind": "apprise", "url": "bogus://s3cret"}}, monkeypatch)

    with pytest.raises(ValueError, match=r"sms\.url: Apprise understands no such URL") as wrong:
        channels_of(config)
    assert "s3cret" not in "".join(traceback.format_exception(wrong.value))


# --- what nobody may see ---


def test_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    config = configured(PROVIDERS, monkeypatch)
    channels = channels_of(config)

    shown = [repr(config), str(config), config.model_dump_json(), repr(config.providers)]
    shown += [repr(channels), caplog.text]
    assert "s3cret" not in "".join(shown)


def test_the_page_shows_settings_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "channels.md").read_text("utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])

    channels = channels_of(configured(example, monkeypatch))
    assert {type(channel) for channel in channels.values()} == {
        MailChannel,
        WebhookChannel,
        ChatChannel,
    }
