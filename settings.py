"""Configuration of every process of yaoan, read from the environment alone.

Ours begins with ``YAOAN_``; Temporal's own (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``,
``TEMPORAL_TLS_…``) is read by ``temporalio.envconfig``, so that a production cluster with
mTLS or an API key needs no code of ours. ``yaoan up`` sets both for its children.
"""

import contextlib
import hashlib
import json
import re
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig

ROOT = Path(__file__).resolve().parent
"""The folder that holds the packages, ``plans/`` and ``node_modules/``."""

TASK_QUEUE = "incidents"
"""The task queue on which workers wait for incidents and their activities."""

INCIDENTS = "incidents"
"""The space of real incidents, which alone reaches the outside."""

DRILL = "drill"
"""The space of exercises: a schema, a task queue and a path of this name."""

DEPLOYMENT = "yaoan"
"""The name of the worker deployment whose versions are build ids."""


RESERVED = frozenset({"inbox", "phone"})
"""The channels that are always there: the inbox in PostgreSQL, and a person who telephones."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


def _mailbox(given: str) -> str:
    with contextlib.suppress(ValueError, IndexError, MessageError):
        address = Address(addr_spec=given)
        if given.isascii() and address.username and address.domain:
            return given
    raise PydanticCustomError("mailbox", "write it as name@host")


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class _Provider(BaseModel):
    """Whatever takes messages out of here. What it is trusted with is a ``SecretStr``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    timeout: float = Field(15.0, gt=0, le=60)
    """Seconds for one attempt, from connecting to the answer."""


class SmtpProvider(_Provider):
    """A mail server. An address in the directory is a mailbox."""

    kind: Literal["smtp"] = "smtp"
    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    """465 with ``tls``, 587 with ``starttls`` and 25 with ``none`` unless given."""
    user: str | None = None
    password: SecretStr | None = None
    sender: Mailbox = "yaoan@localhost"
    security: Literal["none", "starttls", "tls"] = "starttls"
    """Anything but ``none`` sends nothing to a server whose certificate is not trusted."""


class WebhookProvider(_Provider):
    """A receiver of signed JSON; see docs/channels.md. An address is whatever it understands."""

    kind: Literal["webhook"] = "webhook"
    url: SecretStr
    secret: SecretStr = Field(min_length=16)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        with contextlib.suppress(ValueError):
            parts = urlsplit(url.get_secret_value())
            if parts.scheme in ("http", "https") and parts.hostname:
                return url
        raise PydanticCustomError("url", "write it as https://host/path")


class AppriseProvider(_Provider):
    """A service that Apprise knows. ``{to}`` in its URL becomes the contact's address."""

    kind: Literal["apprise"] = "apprise"
    url: SecretStr = Field(min_length=1)


Provider = Annotated[SmtpProvider | WebhookProvider | AppriseProvider, Field(discriminator="kind")]
_PROVIDER: TypeAdapter[Provider] = TypeAdapter(Provider)


def _read_providers(given: Any) -> Any:
    """The providers by name; an error names provider and field, never what stands there."""
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except json.JSONDecodeError as error:
            raise _fault(f"this is not JSON, line {error.lineno}: {error.msg}") from None
    if not isinstance(given, dict):
        raise _fault("write a JSON object: name → provider")
    return {name: _read_provider(name, value) for name, value in given.items()}


def _read_provider(name: str, given: Any) -> Provider:
    if name in RESERVED:
        raise _fault(f"the name {name} is taken by a channel of our own: choose another")
    if not _NAME.fullmatch(name):
        raise _fault(
            "a channel's name has up to 31 lower-case letters, digits and hyphens, "
            f"a letter first: {name[:40]!r} has not"
        )
    try:
        return _PROVIDER.validate_python(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        # The first part of the place is the kind, if it is known at all.
        place = ".".join([name, *(str(part) for part in wrong["loc"][1:])])
        raise _fault(f"{place}: {wrong['msg']}; docs/channels.md lists the fields") from None


def _fault(text: str) -> PydanticCustomError:
    return PydanticCustomError("channels", "{text}", {"text": text})


def _read_file(given: Any) -> Any:
    """The providers in the file, which holds credentials and is therefore its owner's alone."""
    if not given:
        return {}
    path = Path(given)
    try:
        shared, text = path.stat().st_mode & 0o077, path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise _fault(f"{path} cannot be read ({type(error).__name__})") from None
    if shared:
        raise _fault(f"others may read {path}, which holds credentials: chmod 600 {path}")
    return _read_providers(text)


class Settings(BaseSettings):
    """What a process must know to run; every field has the variable ``YAOAN_<NAME>``.

    Raises ``pydantic.ValidationError`` when a value has the wrong shape. Secrets are
    ``SecretStr``, so that neither a log nor a traceback shows them.
    """

    model_config = SettingsConfigDict(
        env_prefix="YAOAN_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    space: str = Field(INCIDENTS, pattern=r"^[a-z][a-z0-9_]{0,30}$")
    """The space served: a Temporal namespace and a PostgreSQL schema of this name."""

    database_url: SecretStr = SecretStr("postgresql://yaoan_app@127.0.0.1:5433/yaoan")
    """The database as the application's role; its ``search_path`` is the space's schema."""

    task_queue: str = TASK_QUEUE

    drill_address: str | None = Field(None, pattern=r"^\S+:[0-9]{1,5}$")
    """``host:port`` of Temporal for exercises; without it the API has no drill space."""
    drill_namespace: str = DRILL
    drill_database_url: SecretStr | None = None
    """The database whose schema ``drill`` they use; that of ``database_url`` unless given."""

    plan_file: Path = ROOT / "plans" / "gaoqing-2023.yaml"
    """The plan that new incidents start under; a running one keeps its own."""

    drills_dir: Path = ROOT / "drills"
    """The scenarios that can be opened by name."""

    data_dir: Path = Field(
        Path("data"), validation_alias=AliasChoices("YAOAN_DATA", "YAOAN_DATA_DIR")
    )
    """Where attachments, the vault's key and last good copies are kept."""

    vault_key_file: Path | None = None
    """32 random bytes that wrap the vault's keys; ``<data_dir>/vault.key`` unless given."""

    attachment_max_bytes: int = Field(10 * 1024 * 1024, gt=0)
    """The largest attachment accepted, in bytes."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=1, le=65535)

    watchdog_seconds: float = Field(30.0, gt=0, le=3600)
    """How often the watchdog looks."""

    operator_channel: str | None = None
    """The channel, by its name, on which the watchdog tells an operator what is wrong."""
    operator_to: str | None = None
    """Where that channel finds the operator."""

    heartbeat_url: SecretStr | None = None
    """Called with GET whenever the watchdog has found everything well; its silence is the alarm."""

    node_modules: Path = ROOT / "node_modules"
    """Where npm put the assets that the API serves itself."""

    smtp_host: str | None = None
    """Short for a provider of mail, named ``mail``."""
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: Mailbox = "yaoan@localhost"
    smtp_starttls: bool = False

    channels: Annotated[dict[str, Provider], NoDecode, BeforeValidator(_read_providers)] = Field(
        default_factory=dict
    )
    """How messages leave, a JSON object: name → provider. See docs/channels.md."""

    channels_file: Annotated[dict[str, Provider], NoDecode, BeforeValidator(_read_file)] = Field(
        default_factory=dict
    )
    """What a JSON file says, readable by its owner alone: the same, beside ``channels``."""

    @field_validator("channels", "channels_file")
    @classmethod
    def _named_once(cls, given: dict[str, Provider], info: ValidationInfo) -> dict[str, Provider]:
        taken = dict.fromkeys(info.data.get("channels", {}), "YAOAN_CHANNELS")
        if info.data.get("smtp_host"):
            taken["mail"] = "YAOAN_SMTP_HOST"
        for name in given.keys() & taken.keys():
            raise _fault(f"{name} is defined here and by {taken[name]}: keep one")
        return given

    @property
    def providers(self) -> dict[str, Provider]:
        """Every provider by its name, the shorthand for mail among them."""
        given = {**self.channels, **self.channels_file}
        if not self.smtp_host:
            return given
        mail = SmtpProvider(
            host=self.smtp_host,
            port=self.smtp_port,
            user=self.smtp_user,
            password=self.smtp_password,
            sender=self.smtp_from,
            security="starttls" if self.smtp_starttls else "none",
        )
        return {"mail": mail, **given}

    public_url: str | None = Field(None, pattern=r"^https?://\S+$")
    """Where people reach the API, for the links in messages; its own address unless given."""

    link_lifetime: timedelta = timedelta(days=3)
    """How long a link in a message works."""

    @property
    def drill(self) -> "Settings | None":
        """The settings of the drill space beside this one; None when there is none."""
        if self.drill_address is None or self.space == DRILL:
            return None
        url = self.drill_database_url or self.database_url
        return self.model_copy(
            update={"space": DRILL, "task_queue": DRILL, "database_url": url},
        )

    @property
    def prefix(self) -> str:
        """Under which path the space is served: nothing for real incidents, else its name."""
        return "" if self.space == INCIDENTS else f"/{self.space}"

    @property
    def base(self) -> str:
        """The path of the space's API."""
        return f"{self.prefix}/api/v1"

    @property
    def link_base(self) -> str:
        """What links begin with: the API of the space, as people reach it."""
        host = self.public_url or f"http://{self.api_host}:{self.api_port}"
        return host.rstrip("/") + self.base

    @property
    def vault_key_path(self) -> Path:
        """The file of the vault's key, given or in the data folder."""
        return self.vault_key_file or self.data_dir / "vault.key"

    @property
    def swagger_ui(self) -> Path:
        """The folder of Swagger UI's files, for an OpenAPI page that needs no internet."""
        return self.node_modules / "swagger-ui-dist"


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def channel_names(config: Settings) -> frozenset[str]:
    """The channels that an address in the directory may name."""
    return RESERVED | config.providers.keys()


def temporal_config(own: Settings | None = None) -> "ClientConnectConfig":
    """Arguments for ``Client.connect``: address, namespace, TLS, from Temporal's environment.

    The namespace is the space's unless ``TEMPORAL_NAMESPACE`` names another; the drill space is
    where ``YAOAN_DRILL_ADDRESS`` and ``YAOAN_DRILL_NAMESPACE`` say.

    Args:
        own: the settings of the space; those of the process unless given.
    """
    from temporalio.envconfig import ClientConfig

    own = own or settings()
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "127.0.0.1:7233")
    config.setdefault("namespace", own.space)
    if own.space == DRILL and own.drill_address is not None:
        config["target_host"] = own.drill_address
        config["namespace"] = own.drill_namespace
    return config


def build_id(root: Path = ROOT) -> str:
    """The version of the code that replays: a digest over ``domain/`` and ``workflows/``.

    Two checkouts with the same rules and workflows have the same build id, whatever else
    differs; 12 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for package in ("domain", "workflows"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
