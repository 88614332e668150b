"""Every answer that is not a success is an RFC 9457 problem, in Chinese and in English.

A refusal by the plan carries the clause that forbids the command.
"""

import logging
from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from domain.base import Text
from store.errors import (
    BadCursor,
    Conflict,
    NotFound,
    Purged,
    StoreError,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

FORBIDDEN = frozenset(
    {
        "no_authority",
        "no_power",
        "no_release_authority",
        "not_authorised",
        "not_of_the_staff",
        "not_on_behalf",
        "not_ours",
        "seat_reads_only",
        "superior_leads",
        "unknown_seat",
    }
)
"""Refusals for want of authority."""
MALFORMED = frozenset(
    {
        "channel_not_allowed",
        "in_the_future",
        "no_actor",
        "how_far",
        "nothing_changed",
        "personal_data",
        "resource_incomplete",
        "which_inject",
    }
)
"""Refusals of what the body says, like all that is unknown, bad or missing: it must change."""

UNKNOWN = ("unknown_", "bad_", "no_such_")

TITLES: dict[int, Text] = {
    400: Text(zh="请求有误", en="Bad request"),
    401: Text(zh="未通过身份验证", en="Not authenticated"),
    403: Text(zh="无权办理", en="Not allowed"),
    404: Text(zh="未找到", en="Not found"),
    405: Text(zh="不支持此方法", en="Method not allowed"),
    409: Text(zh="与当前情况冲突", en="Conflicts with the present state"),
    410: Text(zh="已销毁", en="Destroyed"),
    412: Text(zh="内容已变化", en="Precondition failed"),
    413: Text(zh="内容过大", en="Content too large"),
    415: Text(zh="文件类型不受支持", en="Unsupported media type"),
    422: Text(zh="填写内容有误", en="Wrongly filled in"),
    500: Text(zh="系统内部错误", en="Internal error"),
    503: Text(zh="暂时无法办理", en="Temporarily unavailable"),
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """An RFC 9457 problem. ``title`` and ``detail`` are Chinese, ``*_en`` their English."""

    type: str = Field(examples=["urn:yaoan:problem:no_authority"])
    title: str = Field(examples=["无权办理"])
    title_en: str = Field(examples=["Not allowed"])
    status: int = Field(examples=[403])
    detail: str
    detail_en: str
    code: str = Field(examples=["no_authority"])
    clause: str | None = Field(default=None, examples=["4.6.1"])
    request_id: str | None = None
    instance: str | None = None
    errors: list[FieldError] | None = None


class Problem(HTTPException):
    """An answer that is not a success; an HTTPException, which FastAPI lets through anywhere.

    Args:
        status: the HTTP status.
        code: stable, for programs.
        zh, en: what is wrong and what to do about it.
        clause: the provision of the plan, for refusals by the plan.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(
        self,
        status: int,
        code: str,
        zh: str,
        en: str,
        *,
        clause: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        sent = dict(headers or {})
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        super().__init__(status, en, sent)
        self.code = code
        self.text = Text(zh=zh, en=en)
        self.clause = clause
        self.errors = errors

    def body(self, request_id: str | None = None, instance: str | None = None) -> dict[str, Any]:
        """The problem as its JSON object."""
        title = TITLES.get(self.status_code, TITLES[400])
        return ProblemBody(
            type=f"urn:yaoan:problem:{self.code}",
            title=title.zh,
            title_en=title.en,
            status=self.status_code,
            detail=self.text.zh,
            detail_en=self.text.en,
            code=self.code,
            clause=self.clause,
            request_id=request_id,
            instance=instance,
            errors=self.errors,
        ).model_dump(mode="json", exclude_none=True)


def refused(code: str, clause: str, zh: str, en: str) -> Problem:
    """The problem for a refusal of the domain."""
    if code in FORBIDDEN:
        status = 403
    elif code in MALFORMED or code.startswith(UNKNOWN) or code.endswith("_missing"):
        status = 422
    else:
        status = 409
    return Problem(status, code, zh, en, clause=clause or None)


def unavailable(code: str, zh: str, en: str, retry_after: int = 5) -> Problem:
    """A part is down: try again after ``retry_after`` seconds."""
    return Problem(503, code, zh, en, retry_after=retry_after)


def no_record() -> Problem:
    """PostgreSQL cannot be reached: nothing can be read, commands still succeed."""
    return unavailable(
        "record_unavailable",
        "数据库暂时无法访问，不能查询；上报和办理不受影响。",
        "the database cannot be reached: nothing can be read now; commands still succeed",
    )


def of_store(error: StoreError) -> Problem:
    """What a failure of the store means for whoever asked."""
    match error:
        case Unavailable():
            log.warning("the record is unavailable: %s", error)
            return no_record()
        case NotFound():
            return not_found("该内容", "such thing")
        case BadCursor():
            return Problem(
                422, "bad_cursor", "cursor 无效，请从第一页重新查询。", "cursor: start again"
            )
        case TooLarge():
            return Problem(413, "too_large", "文件超过大小上限。", str(error))
        case UnsupportedMedia():
            return Problem(415, "unsupported_media", "不接受该类型的文件。", str(error))
        case Purged():
            return Problem(
                410,
                "purged",
                "该内容的密钥已销毁，不可恢复。",
                "its key was destroyed: it cannot be read any more",
            )
        case Conflict():
            return Problem(409, "conflict", "与已有内容冲突。", str(error))
    log.error("the store failed", exc_info=error)
    return Problem(500, "internal", "系统内部错误。", "an unexpected error")


def not_found(what_zh: str, what_en: str, code: str = "not_found") -> Problem:
    """What was asked for does not exist, or not for this seat."""
    return Problem(404, code, f"未找到{what_zh}。", f"there is no {what_en}")


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The response that carries ``problem``."""
    request_id = getattr(request.state, "request_id", None)
    headers = {"Content-Language": "zh-CN", **(problem.headers or {})}
    if key := getattr(request.state, "idempotency_key", None):
        headers["Idempotency-Key"] = key
    return JSONResponse(
        problem.body(request_id, request.url.path),
        status_code=problem.status_code,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def field_errors(errors: list[dict[str, Any]]) -> list[FieldError]:
    """Pydantic's errors under the names that the sender used."""
    found = []
    for error in errors:
        where = [str(part) for part in error["loc"]]
        if len(where) > 1 and where[0] in ("body", "query", "path", "header"):
            where = where[1:]
        # The input is left out on purpose: it may hold personal data.
        found.append(FieldError(field=".".join(where), message=str(error["msg"])))
    return found


def malformed(errors: list[FieldError]) -> Problem:
    """A body or parameter of the wrong shape, naming its first field."""
    first = errors[0] if errors else FieldError(field="body", message="invalid")
    return Problem(
        422,
        "malformed",
        f"字段“{first.field}”填写有误：{first.message}",
        f"{first.field}: {first.message}",
        errors=errors,
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, for its OpenAPI description.

    Whatever asks for a token (401) may also find fault with the name that comes with it (422).
    """
    if 401 in statuses:
        statuses = (*statuses, 422)
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        status: {
            "description": f"{TITLES[status].zh} ({TITLES[status].en})",
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        return respond(request, cast(Problem, error))

    async def on_shape(request: Request, error: Exception) -> JSONResponse:
        errors = cast(RequestValidationError, error).errors()
        sent = request.headers.get("Content-Type", "")
        in_body = any(found["loc"][0] == "body" for found in errors)
        if in_body and sent.partition(";")[0].strip() != "application/json":
            problem = Problem(
                415,
                "not_json",
                "请以 application/json 发送。",
                "send the body as application/json",
            )
            return respond(request, problem)
        if any(found["type"] == "json_invalid" for found in errors):
            problem = Problem(
                400, "not_json", "请求体不是有效的 JSON。", "the body is not valid JSON"
            )
            return respond(request, problem)
        return respond(request, malformed(field_errors(list(errors))))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        told = cast(HTTPException, error)
        title = TITLES.get(told.status_code, TITLES[400])
        problem = Problem(
            told.status_code,
            f"http_{told.status_code}",
            f"{title.zh}。",
            str(told.detail),
            headers=told.headers,
        )
        return respond(request, problem)

    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected error", exc_info=error)
        return respond(
            request,
            Problem(
                500,
                "internal",
                "系统内部错误，请电话报告并告知管理员请求编号。",
                "an unexpected error: telephone the report, and give the administrator "
                "the request id",
            ),
        )

    async def on_store(request: Request, error: Exception) -> JSONResponse:
        return respond(request, of_store(cast(StoreError, error)))

    async def on_overflow(request: Request, error: Exception) -> JSONResponse:
        return respond(
            request,
            Problem(
                422, "out_of_range", "数值或时间超出范围。", "a number or a time is out of range"
            ),
        )

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(StoreError, on_store)
    app.add_exception_handler(OverflowError, on_overflow)
    app.add_exception_handler(RequestValidationError, on_shape)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
