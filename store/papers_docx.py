"""The papers of an exercise as Word documents, laid out after GB/T 9704-2012 (6.5).

A document is made from the paper's Markdown, so both say the same. Of Markdown it knows what the
templates use: headings, paragraphs, ``- `` lists, tables, ``>`` for a warning, and ``---`` for a
new page. The dashes under a table's head say how wide its columns are, as in pandoc.
"""

import io
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from docx import Document
from docx.document import Document as Doc
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Length, Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle

from domain.drill.papers import Content
from store.papers import heading, markdown

PAGE: Final = (Mm(210), Mm(297))
"""A4."""
TEXT: Final = (Mm(156), Mm(225))
"""The text block."""
TOP, LEFT = Mm(37), Mm(28)
SONG, HEI, LATIN = "仿宋", "黑体", "Times New Roman"
FALLBACKS: Final = {
    SONG: "FangSong,仿宋_GB2312,FangSong_GB2312,STFangsong,Noto Serif CJK SC,宋体",
    HEI: "SimHei,STHeiti,Noto Sans CJK SC,微软雅黑",
}
"""What a reader without a font takes instead, best first."""
BODY, LEAD, SMALL, LARGE = Pt(16), Pt(28.95), Pt(10.5), Pt(22)
"""三号, 22 lines to the page; 五号 in tables; 二号 for the title."""
NO_SPACE: Final = Pt(0)
GRID: Final = "Table Grid"
CELL, HEAD, WARNING = "Paper Cell", "Paper Head", "Paper Warning"


@dataclass(frozen=True)
class Look:
    """How a style of the document looks."""

    style: str
    font: str = SONG
    size: Length = BODY
    line: Length | float = LEAD
    around: Length = NO_SPACE
    centred: bool = False
    indent: Length | None = None
    structure: bool = False
    """Whether its place in outline or list is kept."""


LOOKS: Final = (
    Look("Body Text", indent=Length(BODY * 2)),
    Look("List Bullet", structure=True),
    Look("Title", HEI, LARGE, line=1.2, around=Pt(12), centred=True),
    Look(WARNING, HEI, around=Pt(6), centred=True),
    Look("Heading 1", HEI, around=Pt(6), structure=True),
    Look("Heading 2", around=Pt(3), structure=True),
    Look("Header", HEI, SMALL, line=1.0, centred=True),
    Look("Footer", size=SMALL, line=1.0, centred=True),
    Look(CELL, size=SMALL, line=1.0, around=Pt(2)),
    Look(HEAD, HEI, SMALL, line=1.0, around=Pt(2), centred=True),
)

_STYLES_OF_2007: Final = "http://schemas.microsoft.com/office/2007/relationships/stylesWithEffects"
_FONT_TABLE: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<w:fonts xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{}</w:fonts>'
)
_FONT: Final = (
    '<w:font w:name="{}"><w:altName w:val="{}"/><w:charset w:val="86"/>'
    '<w:family w:val="auto"/><w:pitch w:val="variable"/></w:font>'
)


def document(content: Content, now: datetime) -> bytes:
    """A paper as a Word document.

    Args:
        now: when it is made, UTC; stands in the document's properties.

    Raises:
        jinja2.TemplateError: its template is missing or names what the paper does not have.
    """
    doc = Document()
    _styles(doc)
    _fonts(doc)
    _pages(doc, content)
    lines_of = groupby(markdown(content).splitlines(), key=lambda line: line.startswith("|"))
    for is_table, lines in lines_of:
        if is_table:
            _table(doc, [_cells(line) for line in lines])
        else:
            for line in filter(None, lines):
                _line(doc, line)
    about = doc.core_properties
    about.title = heading(content)
    about.author = about.last_modified_by = about.comments = ""
    about.created = about.modified = now
    made = io.BytesIO()
    doc.save(made)
    return made.getvalue()


# --- Markdown -----------------------------------------------------------------------------------

_STYLES: Final = {
    "# ": "Title",
    "## ": "Heading 1",
    "### ": "Heading 2",
    "> ": WARNING,
    "- ": "List Bullet",
}


def _line(doc: Doc, line: str) -> None:
    for sign, style in _STYLES.items():
        if line.startswith(sign):
            doc.add_paragraph(_plain(line.removeprefix(sign)), style)
            return
    if line == "---":
        doc.add_paragraph(style=CELL).add_run().add_break(WD_BREAK.PAGE)
    else:
        doc.add_paragraph(_plain(line), "Body Text")


def _plain(text: str) -> str:
    """What escaped Markdown reads as."""
    return re.sub(r"\\(.)", r"\1", text)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _table(doc: Doc, rows: list[list[str]]) -> None:
    head, dashes, *body = rows
    widths = [len(dash) for dash in dashes]
    table = doc.add_table(rows=0, cols=len(head), style=GRID)
    table.autofit = False
    for cells in (head, *body):
        row = table.add_row()
        # A row is never torn apart by the end of a page, and the head stands on every page.
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if cells is head:
            properties.append(OxmlElement("w:tblHeader"))
        for cell, text, width in zip(row.cells, cells, widths, strict=True):
            cell.width = Length(TEXT[0] * width // sum(widths))
            for number, part in enumerate(text.split("<br>")):
                paragraph = cell.add_paragraph() if number else cell.paragraphs[0]
                paragraph.style = HEAD if cells is head else CELL
                paragraph.add_run(_plain(part))
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Length(TEXT[0] * width // sum(widths))
    doc.add_paragraph(style=CELL)


# --- layout -------------------------------------------------------------------------------------


def _pages(doc: Doc, content: Content) -> None:
    """A4 with the margins of an official document; mark and warning on every page."""
    section = doc.sections[0]
    section.page_width, section.page_height = PAGE
    section.top_margin, section.left_margin = TOP, LEFT
    section.right_margin = Length(PAGE[0] - LEFT - TEXT[0])
    section.bottom_margin = Length(PAGE[1] - TOP - TEXT[1])
    section.header_distance, section.footer_distance = Mm(20), Mm(20)
    above = section.header.paragraphs[0]
    above.text = "　".join(filter(None, (heading(content), content.warning)))
    below = section.footer.paragraphs[0]
    below.add_run("— ")
    number = OxmlElement("w:fldSimple")
    number.set(qn("w:instr"), "PAGE")
    below._p.append(number)
    below.add_run(" —")


def _styles(doc: Doc) -> None:
    styles = doc.styles
    wanted = {look.style for look in LOOKS} | {GRID}
    for style in list(styles):
        # The library's template has some hundred and sixty, each looked through for each line.
        if style.element.get(qn("w:default")) is None and style.name not in wanted:
            styles.element.remove(style.element)
    for fonts in styles.element.iter(qn("w:rFonts")):
        # A theme's font would go before the ones named here.
        for name in [name for name in fonts.attrib if str(name).endswith("Theme")]:
            del fonts.attrib[name]
    default = next(styles.element.iter(qn("w:rPrDefault")))
    _name_fonts(next(default.iter(qn("w:rFonts"))), SONG)
    next(default.iter(qn("w:lang"))).set(qn("w:eastAsia"), "zh-CN")
    for look in LOOKS:
        if look.style in (CELL, HEAD, WARNING):
            styles.add_style(look.style, WD_STYLE_TYPE.PARAGRAPH)
        style = styles[look.style]
        assert isinstance(style, ParagraphStyle)  # noqa: S101
        _dress(style, look)


_LOOK: Final = (qn("w:rPr"), qn("w:link"), qn("w:next"))


def _dress(style: ParagraphStyle, look: Look) -> None:
    # The template's own looks go; what makes a heading a heading, or a list a list, stays.
    for part in list(style.element):
        if part.tag in _LOOK or (part.tag == qn("w:pPr") and not look.structure):
            style.element.remove(part)
    style.font.size = look.size
    style.font.color.rgb = RGBColor(0, 0, 0)
    _name_fonts(style.element.get_or_add_rPr().get_or_add_rFonts(), look.font)
    form = style.paragraph_format
    form.space_before = form.space_after = look.around
    form.line_spacing = look.line
    if look.centred:
        form.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if look.indent:
        form.first_line_indent = look.indent


def _name_fonts(fonts: BaseOxmlElement, east: str) -> None:
    fonts.set(qn("w:ascii"), LATIN)
    fonts.set(qn("w:hAnsi"), LATIN)
    fonts.set(qn("w:eastAsia"), east)


def _fonts(doc: Doc) -> None:
    """What a reader without our fonts takes instead."""
    fonts = "".join(_FONT.format(name, others) for name, others in FALLBACKS.items())
    main = doc.part
    # The second is a copy of the styles for Word 2007, which knows nothing of ours.
    outdated = (RELATIONSHIP_TYPE.FONT_TABLE, _STYLES_OF_2007)
    for id in [id for id, related in main.rels.items() if related.reltype in outdated]:
        main.drop_rel(id)
    table = Part(
        PackURI("/word/fontTable.xml"),
        CONTENT_TYPE.WML_FONT_TABLE,
        _FONT_TABLE.format(fonts).encode(),
        main.package,
    )
    main.relate_to(table, RELATIONSHIP_TYPE.FONT_TABLE)
