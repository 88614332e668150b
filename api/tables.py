"""Tables that people send: read from a body or a form, refused with an error for every row."""

from typing import Any, Final

from fastapi import Request

from api.forms import FORM, read_form
from api.problems import FieldError, Problem
from domain.base import Text
from domain.sheet import Sheet

CSV: Final = "text/csv"
TABLE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {"schema": {"type": "string"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


def both(text: Text) -> str:
    """A text for a field's error, which has one place for both languages."""
    return f"{text.zh} / {text.en}"


def require_sound(sheet: Sheet[Any]) -> None:
    """Let only a table without a fault pass.

    Raises:
        Problem: 422, with an error for each fault.
    """
    if not sheet.errors:
        return
    raise Problem(
        422,
        "bad_rows",
        f"表格有 {len(sheet.errors)} 处错误，未写入任何内容；请按 errors 逐行改正后重新导入。",
        f"the table has {len(sheet.errors)} faults and nothing was taken: correct the rows named "
        "in errors and import it again",
        errors=[
            FieldError(
                field=f"row {one.row}" + (f", {one.column}" if one.column else ""),
                message=both(one.message),
            )
            for one in sheet.errors
        ],
    )


async def read_table(request: Request) -> bytes:
    """The table that was sent, as a body of its own or in a form.

    Raises:
        Problem: 400 the form is malformed, 415 neither a table nor a form, 422 no file in it.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == CSV:
        return await request.body()
    if kind != FORM:
        raise Problem(
            415,
            "not_csv",
            "请以 text/csv 或 multipart/form-data 上传表格。",
            "send the table as text/csv or multipart/form-data",
        )
    data, _ = await read_form(request)
    return data
