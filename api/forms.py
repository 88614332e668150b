"""Multipart forms with one file, read into memory: nothing that was sent lands on the disk."""

from typing import Any, Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.problems import FieldError, Problem, malformed

FORM: Final = "multipart/form-data"
IN_MEMORY: Final = 2**31
"""Bytes, more than the limits on a request let pass."""


async def read_form(request: Request) -> tuple[bytes, dict[str, Any]]:
    """The file and the fields that came with it.

    Raises:
        Problem: 400 the form is malformed, 422 no file in it.
    """
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=10)
    # The default would put telephone numbers and the plain text of files on the disk.
    parser.spool_max_size = IN_MEMORY
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise Problem(
            400,
            "bad_multipart",
            "上传内容格式有误；请按 multipart/form-data（含 boundary）重新上传一个文件。",
            "the multipart form is malformed: send one file again, as multipart/form-data with "
            "its boundary",
        ) from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise malformed([FieldError(field="file", message="a file is required")])
        return await file.read(), {key: value for key, value in form.items() if key != "file"}
    finally:
        await form.close()
