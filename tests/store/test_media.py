"""Files are known by their content."""

import zipfile
from io import BytesIO

import pytest

from store.errors import UnsupportedMedia
from store.media import sniff


def archive(*names: str) -> bytes:
    """An archive with empty members of these names."""
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        for name in names:
            file.writestr(name, "")
    return kept.getvalue()


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "image/heic"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"ID3\x04\0\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\0\0", "audio/mpeg"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "audio/mp4"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"OggS\0\x02\0\0", "audio/ogg"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
        ("值班记录\n14:30 来电\n".encode(), "text/plain"),
        (b"\xef\xbb\xbf" + "有BOM".encode(), "text/plain"),
        (archive("[Content_Types].xml", "word/document.xml"), WORD),
        (archive("[Content_Types].xml", "xl/workbook.xml"), EXCEL),
    ],
)
def test_accepted(data: bytes, kind: str) -> None:
    assert sniff(data) == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ\x90\0\x03",
        b"\x7fELF\x02\x01",
        b"GIF89a\x01\0",
        b"RIFF\x24\0\0\0AVI LIST",
        b"\0\0\0\x14ftypqt  \0\0",
        b"PK\x03\x04not an archive",
        archive("anything.exe"),
        archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        "中文".encode("gb18030"),
        b"text with a \0 in it",
        b"\x1b[2J",
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="accepted are"):
        sniff(data)
