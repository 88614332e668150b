"""What the routes of a space ask of every request: the actor, the incident, the key."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPBasic, HTTPBearer

from api.intake import Key
from api.problems import Problem
from api.security import Actor, authenticate
from api.space import Space
from domain import numbers

_KEY = re.compile(r"^[\x21-\x7e]{1,128}$")
_bearer = HTTPBearer(auto_error=False, description="席位令牌，见数据目录中的 credentials.json。")
_basic = HTTPBasic(auto_error=False, description="浏览器打开打印页时使用：用户名任意，密码为令牌。")

MinSeq = Annotated[
    int | None,
    Query(ge=1, le=2**31 - 1, description="等待记录至少到此序号（最多 5 秒）。"),
]
XPerson = Annotated[
    str | None,
    Header(alias="X-Person", description="值守人员姓名，UTF-8 百分号编码。", max_length=900),
]


@dataclass(frozen=True)
class Deps:
    """Dependencies bound to one space."""

    actor: Any
    page_actor: Any
    incident: Any
    visible: Any
    page_visible: Any
    key: Any


def dependencies(space: Space) -> Deps:
    """The dependencies of ``space``'s routes."""

    async def actor(
        request: Request, _bearer: Annotated[object, Depends(_bearer)], x_person: XPerson = None
    ) -> Actor:
        return await authenticate(space.tokens, request)

    async def page_actor(
        request: Request,
        _bearer: Annotated[object, Depends(_bearer)],
        _basic: Annotated[object, Depends(_basic)],
        x_person: XPerson = None,
    ) -> Actor:
        return await authenticate(space.tokens, request, page=True)

    def incident(
        incident: Annotated[
            str,
            Path(
                description="事件编号；小写、无短横线、O/I/L 误写均可。",
                examples=["GQ-7K4-M2Q-X9C"],
                max_length=40,
            ),
        ],
    ) -> str:
        return read_number(space, incident)

    async def visible(
        actor: Annotated[Actor, Depends(actor)], incident: Annotated[str, Depends(incident)]
    ) -> str:
        await space.owners.require(incident, actor)
        return incident

    async def page_visible(
        actor: Annotated[Actor, Depends(page_actor)], incident: Annotated[str, Depends(incident)]
    ) -> str:
        await space.owners.require(incident, actor)
        return incident

    def key(
        request: Request,
        response: Response,
        idempotency_key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                description="请求编号：重试时使用同一编号，不会重复办理。缺省时自动生成并在应答中返回。",
                max_length=128,
                pattern=_KEY.pattern,
            ),
        ] = None,
    ) -> Key:
        found = Key(idempotency_key or uuid.uuid4().hex, given=idempotency_key is not None)
        response.headers["Idempotency-Key"] = found.value
        request.state.idempotency_key = found.value
        return found

    return Deps(
        actor=Depends(actor),
        page_actor=Depends(page_actor),
        incident=Depends(incident),
        visible=Depends(visible),
        page_visible=Depends(page_visible),
        key=Depends(key),
    )


def read_number(space: Space, given: str) -> str:
    """The incident number that ``given`` means.

    Raises:
        Problem: 404; it says so when the number was mistyped.
    """
    prefix = space.plan.jurisdiction.prefix
    try:
        return numbers.read(prefix, given)
    except numbers.BadNumber as error:
        if error.mistyped:
            raise Problem(
                404,
                "number_mistyped",
                "事件编号的校验位不符，请核对是否抄写或听写有误。",
                "the check symbol of the incident number does not fit: it was mistyped",
            ) from error
        raise Problem(
            404,
            "not_a_number",
            f"这不是事件编号；编号形如 {prefix}-7K4-M2Q-X9C。",
            f"this is no incident number; one looks like {prefix}-7K4-M2Q-X9C",
        ) from error
