"""What kind of file it is, judged by its content: names and declared types are only claims."""

import zipfile
from io import BytesIO
from typing import Final

from store.errors import UnsupportedMedia

ACCEPTED: Final = (
    "JPEG, PNG, WebP, HEIC, PDF, Word (docx), Excel (xlsx), MP3, M4A, WAV, OGG, AMR, MP4, "
    "UTF-8 text"
)
"""The types accepted, in words for an error message."""

_OFFICE: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BRANDS: Final = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"avc1": "video/mp4",
    b"M4V ": "video/mp4",
    b"dash": "video/mp4",
}
_PREFIXES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr"),
)
# MPEG audio without tags begins with eleven set bits, then version and layer III.
_MPEG: Final = frozenset({0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2})
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f")


def sniff(data: bytes) -> str:
    """The media type of ``data``.

    Raises:
        UnsupportedMedia: it is of no accepted type; the message names those that are.
    """
    found = _by_magic(data) or _by_container(data) or _text(data)
    if found is None:
        raise UnsupportedMedia(f"the file is of no accepted type; accepted are {ACCEPTED}")
    return found


def _by_magic(data: bytes) -> str | None:
    for prefix, kind in _PREFIXES:
        if data.startswith(prefix):
            return kind
    if len(data) > 3 and data[0] == 0xFF and data[1] in _MPEG:
        return "audio/mpeg"
    return None


def _by_container(data: bytes) -> str | None:
    if data.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    return None


def _office(data: bytes) -> str | None:
    """Word or Excel without macros; any other archive could hold anything."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if "[Content_Types].xml" not in names or any("vbaProject" in name for name in names):
        return None
    return next((kind for part, kind in _OFFICE.items() if part in names), None)


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if not text or any((c < " " and c not in _TEXT_CONTROLS) or c == "\x7f" for c in text):
        return None
    return "text/plain"
