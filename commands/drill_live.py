"""``yaoan drill open``, ``show``, ``order`` and ``suspend``: drills of the stack that runs here.

They speak to its API as the exercise's director, with the token in the data folder.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import httpx
import typer

from commands.database import Data
from commands.rehearse import File
from commands.scenarios import said
from domain.drill.orders import ORDERS

DATA: Final = Path("data")
SEAT: Final = "drill-director"
SECONDS: Final = 30.0

Url = Annotated[
    str, typer.Option(envvar="YAOAN_PUBLIC_URL", help="Where the API of the stack answers.")
]
Drill = Annotated[str, typer.Argument(help="The number of the drill.", show_default=False)]
HERE: Final = "http://127.0.0.1:8000"


def open_(
    file: File,
    player: Annotated[
        list[str] | None,
        typer.Option(help="Who plays a role, as ROLE=NAME; again for more. Others: the script."),
    ] = None,
    url: Url = HERE,
    data: Data = DATA,
) -> None:
    """Open a drill for live play, on the stack that runs here; it begins with `order … start`."""
    players: dict[str, list[str]] = {}
    for one in player or []:
        role, equals, name = one.partition("=")
        if not (equals and role and name):
            said(f"--player {one}: write it as ROLE=NAME", err=True)
            raise typer.Exit(2)
        players.setdefault(role, []).append(name)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        said(f"{file} cannot be read: {error}", err=True)
        raise typer.Exit(2) from None
    opened = _call(data, url, "POST", "/drills", {"text": text, "players": players})
    number = opened["drill"]
    said(f"{number}  {opened['title']['zh']}")
    if opened["real_time"]:
        said(opened["real_time"]["zh"])
    for role in opened["roles"]:
        names = "、".join(opened["players"].get(role["id"], ())) or "（按脚本）"
        said(f"  {role['id']}: {role['text']['zh']}  {role['seat']}  {names}")
    said(f"yaoan drill order {number} start minutes_per_hour=10")


def show(drill: Drill, url: Url = HERE, data: Data = DATA) -> None:
    """Print a drill as its director sees it."""
    said(json.dumps(_call(data, url, "GET", f"/drills/{drill}"), ensure_ascii=False, indent=2))


def order(
    drill: Drill,
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(ORDERS)}.", show_default=False)],
    fields: Annotated[
        list[str] | None,
        typer.Argument(help="Its fields, as NAME=VALUE; a value that is JSON is taken as JSON."),
    ] = None,
    url: Url = HERE,
    data: Data = DATA,
) -> None:
    """Give an order to a drill: start, pause, resume, advance by=PT2H, deliver number=3, …"""
    if name not in ORDERS:
        said(f"{name} is no order: there are {', '.join(ORDERS)}", err=True)
        raise typer.Exit(2)
    body: dict[str, Any] = {}
    for one in fields or []:
        key, equals, value = one.partition("=")
        if not equals:
            said(f"{one}: write it as NAME=VALUE", err=True)
            raise typer.Exit(2)
        try:
            body[key] = json.loads(value)
        except ValueError:
            body[key] = value
    done = _call(data, url, "POST", f"/drills/{drill}/{name}", body)
    said(f"{done['drill']}  {done['mode']}  v{done['version']}")


def suspend(
    reason: Annotated[str, typer.Argument(help="What really happened.", show_default=False)],
    url: Url = HERE,
    data: Data = DATA,
) -> None:
    """A real emergency: suspend every drill at once, and tell its players."""
    done = _call(data, url, "POST", "/drills/suspend", {"reason": reason})
    for drill, heard in done["drills"].items():
        said(f"{drill}  {'已中止' if heard else '未能中止，请口头通知'}")
    said(f"{done['text']['zh']} {url.rstrip('/')}{done['live_intake']}")
    if not all(done["drills"].values()):
        raise typer.Exit(1)


def _call(data: Path, url: str, method: str, path: str, body: Any = None) -> Any:
    """The API's answer; ends with status 1 on a refusal, and 2 when nobody answers."""
    try:
        held = json.loads((data / "credentials.json").read_text("utf-8"))["credentials"]
        token = next(one["token"] for one in held if one["seat"] == SEAT)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        said(
            f"{data} holds no token of {SEAT}: start the stack with `yaoan up`, or name its "
            "folder with --data",
            err=True,
        )
        raise typer.Exit(2) from None
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
    try:
        answer = httpx.request(
            method,
            f"{url.rstrip('/')}/drill/api/v1{path}",
            json=body,
            headers=headers,
            timeout=SECONDS,
            trust_env=False,
        )
        found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        said(f"{url} does not answer as yaoan does ({type(error).__name__}): see --url", err=True)
        raise typer.Exit(2) from None
    if answer.is_success:
        return found
    said(f"{found['detail']} {found['detail_en']}", err=True)
    for fault in found.get("errors") or []:
        said(f"  {fault['field']}: {fault['message']}", err=True)
    raise typer.Exit(1)
