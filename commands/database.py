"""Where the database is: as the environment says, or the one of the stack that runs here."""

import json
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from settings import Settings

Data = Annotated[
    Path, typer.Option(envvar="YAOAN_DATA", help="The data folder of the stack that runs here.")
]


class CannotTell(Exception):
    """A command cannot do its work, for a reason that the message gives in one sentence."""


def database_url(config: Settings, data: Path) -> str:
    """The database as the application's role.

    ``YAOAN_DATABASE_URL`` wins; without it the stack of the data folder is meant, which has to
    run, since ``yaoan up`` may have chosen any port.

    Raises:
        CannotTell: neither is there.
    """
    if "YAOAN_DATABASE_URL" in os.environ:
        return config.database_url.get_secret_value()
    try:
        held = json.loads((data / "secrets.json").read_text(encoding="utf-8"))
        password = str(held["postgres_passwords"]["yaoan_app"])
        # PostgreSQL's own note of where it listens; the fourth line is the port.
        port = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[3])
    except FileNotFoundError:
        raise CannotTell(
            f"no stack runs on {data}: start it with `yaoan up`, name its folder with --data, "
            "or set YAOAN_DATABASE_URL"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise CannotTell(f"{data} cannot be read ({type(error).__name__}): see its owner") from None
    return f"postgresql://yaoan_app:{quote(password, safe='')}@127.0.0.1:{port}/yaoan"
