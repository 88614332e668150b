"""Configuration of every process of yaoan, read from the environment alone.

Ours begins with ``YAOAN_``; Temporal's own (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``,
``TEMPORAL_TLS_…``) is read by ``temporalio.envconfig``, so that a production cluster with
mTLS or an API key needs no code of ours. ``yaoan up`` sets both for its children.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from temporalio.envconfig import ClientConnectConfig

ROOT = Path(__file__).resolve().parent
"""The folder that holds the packages, ``plans/`` and ``node_modules/``."""

TASK_QUEUE = "incidents"
"""The task queue on which workers wait for incidents and their activities."""

DEPLOYMENT = "yaoan"
"""The name of the worker deployment whose versions are build ids."""


class Settings(BaseSettings):
    """What a process must know to run; every field has the variable ``YAOAN_<NAME>``.

    Raises ``pydantic.ValidationError`` when a value has the wrong shape. Secrets are
    ``SecretStr``, so that neither a log nor a traceback shows them.
    """

    model_config = SettingsConfigDict(
        env_prefix="YAOAN_", frozen=True, extra="ignore", populate_by_name=True
    )

    space: str = Field("incidents", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    """The space served: a Temporal namespace and a PostgreSQL schema of this name."""

    database_url: SecretStr = SecretStr("postgresql://yaoan_app@127.0.0.1:5433/yaoan")
    """The database as the application's role; its ``search_path`` is the space's schema."""

    task_queue: str = TASK_QUEUE

    plan_file: Path = ROOT / "plans" / "gaoqing-2023.yaml"
    """The plan that new incidents start under; a running one keeps its own."""

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

    node_modules: Path = ROOT / "node_modules"
    """Where npm put the assets that the API serves itself."""

    smtp_host: str | None = None
    """The mail server for notices; without one no mail is sent."""
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str = "yaoan@localhost"
    smtp_starttls: bool = False

    mail_to: dict[str, str] = Field(default_factory=dict)
    """The address for each body of the plan, as a JSON object; bodies without one get no mail."""

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


def temporal_config() -> "ClientConnectConfig":
    """Arguments for ``Client.connect``: address, namespace, TLS, from Temporal's environment.

    The namespace is the space's unless ``TEMPORAL_NAMESPACE`` names another.
    """
    from temporalio.envconfig import ClientConfig

    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "127.0.0.1:7233")
    config.setdefault("namespace", settings().space)
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
