"""Files: stored encrypted, named in the record by their hash (E7)."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.audit import deny
from api.deps import MinSeq, dependencies
from api.forms import FORM, read_form
from api.intake import Key
from api.preflight import preflight
from api.problems import FieldError, Problem, documented, field_errors, malformed
from api.routes.commands import COMMAND_RESPONSES, carry_out
from api.schemas import Attributed
from api.security import Actor
from api.space import Space
from api.views import Answer, mask
from domain.incident.commands import Attach, Short
from domain.incident.entries import Attachment
from store import attachments
from store.vault import Reader

UNTITLED: Final = "附件"
CLAUSE: Final = "突发事件应对法 83"
"""Photos and scans may show people."""
LOOKING: Final = "查看附件"
NO_SHA: Final = "0" * 64
EXTENSIONS: Final = {
    "image/jpeg": "jpg",
    "audio/mpeg": "mp3",
    "text/plain": "txt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}


class AttachForm(Attributed):
    """What comes with a file. The file's own name is not kept: it may be a person's."""

    title: Short = UNTITLED
    about: Short | None = None


class Upload(BaseModel):
    """The multipart form, as the OpenAPI page shows it."""

    model_config = ConfigDict(title="Upload")

    file: str = Field(json_schema_extra={"format": "binary"})
    title: str = UNTITLED
    about: str | None = None
    attribution: str | None = Field(
        default=None, description='JSON，如 {"decider": "county-msa", "means": "phone"}'
    )


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["attachments"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]
    visible = Annotated[str, deps.visible]

    @made.post(
        "/incidents/{incident}/attachments",
        operation_id=f"{space.name}_attach",
        summary="上传附件",
        response_model=Answer,
        responses={**COMMAND_RESPONSES, **documented(415)},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": Upload.model_json_schema()}},
            }
        },
    )
    async def attach(
        request: Request,
        actor: caller,
        incident: visible,
        key: Annotated[Key, deps.key],
    ) -> Answer | JSONResponse:
        """Store a photo, scan or recording, then name it in the record by its hash."""
        most = space.settings.attachment_max_bytes
        data, form = await _read(request)
        by, received = form.attribution(actor), await space.now_of(incident)
        named = Attach(
            sha256=NO_SHA, media_type="-", size=len(data), title=form.title, about=form.about
        )
        await preflight(space, incident, by, named)
        stored = await attachments.put_attachment(
            space.vault(), await space.pool(), incident, data, form.title, received, most
        )
        command = named.model_copy(
            update={"sha256": stored.sha256, "media_type": stored.media_type}
        )
        return await carry_out(space, base, incident, key, by, command, received=received)

    @made.get(
        "/incidents/{incident}/attachments",
        operation_id=f"{space.name}_list_attachments",
        summary="附件目录",
        responses=documented(401, 404, 422, 503),
    )
    async def list_attachments(
        actor: caller, incident: visible, min_seq: MinSeq = None
    ) -> list[Attachment]:
        """The files that the record names, without their content."""
        standing = await space.record.standing(incident, min_seq)
        return list(mask(standing.state, actor).attachments.values())

    @made.get(
        "/incidents/{incident}/attachments/{sha256}",
        operation_id=f"{space.name}_get_attachment",
        summary="下载附件（留痕）",
        response_class=Response,
        responses={
            200: {
                "description": "文件内容",
                "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            },
            **documented(401, 403, 404, 410, 422, 503),
        },
    )
    async def get_attachment(
        actor: caller,
        incident: visible,
        sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
        reason: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")] = LOOKING,
    ) -> Response:
        """The file in the clear; the reading is kept."""
        if not actor.sees_names:
            problem = Problem(
                403,
                "no_access_to_files",
                "本席位不能下载附件。",
                "this seat may not download files",
                clause=CLAUSE,
            )
            await deny(space, actor, incident, "read_attachment", problem)
        reader = Reader(actor.seat, reason, await space.now_of(incident), actor.person)
        found = await attachments.get_attachment(
            space.vault(), await space.pool(), incident, sha256, reader
        )
        kind = found.about.media_type
        name = f"{incident}-{sha256[:8]}.{EXTENSIONS.get(kind, kind.rpartition('/')[2])}"
        return Response(
            found.data,
            media_type=kind,
            headers={
                "Content-Disposition": f"attachment; filename={name}; "
                f"filename*=UTF-8''{quote(found.title or name)}",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    return made


async def _read(request: Request) -> tuple[bytes, AttachForm]:
    """The file and what came with it.

    Raises:
        Problem: 400 the form is malformed, 415 no form, 422 a field is wrong or missing.
    """
    if not request.headers.get("Content-Type", "").startswith(FORM):
        raise Problem(
            415,
            "not_multipart",
            "请以 multipart/form-data 上传。",
            "send the file as multipart/form-data",
        )
    data, fields = await read_form(request)
    if not data:
        raise malformed([FieldError(field="file", message="the file is empty")])
    return data, _form(fields)


def _form(given: dict[str, Any]) -> AttachForm:
    attribution = given.pop("attribution", None)
    try:
        by = Attributed.model_validate_json(attribution) if attribution else Attributed()
        return AttachForm.model_validate({**dict(by), **given})
    except ValidationError as error:
        raise malformed(field_errors([dict(found) for found in error.errors()])) from error
