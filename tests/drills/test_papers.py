"""6.5: the papers of an exercise, rendered and read back as their readers get them."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from docx import Document
from docx.document import Document as Doc
from docx.oxml.ns import qn
from docx.shared import Mm
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.base import Refusal
from domain.drill.papers import PAPERS, Content, papers_after, papers_before
from domain.drill.record import Improvement, Overridden, Remark
from domain.drill.scenario import Scenario
from store.papers import FOLDER, escaped, markdown
from store.papers_docx import document
from tests.domain.story import gaoqing
from tests.drills.exercise import (
    DECIDED,
    GIVEN_TO,
    GRADED,
    REPORTED,
    TALKED,
    Exercise,
    expected,
    inject,
    refusal,
    scenario,
)

pytestmark = pytest.mark.clause("6.5")

NOW = datetime(2026, 10, 7, 1, 30, tzinfo=UTC)
SECRET = "〖密〗"


def played() -> Exercise:
    """An exercise with something of everything that a paper may tell."""
    exercise = Exercise(
        scenario(
            inject(1, 0, REPORTED),
            inject(2, 1, GRADED, TALKED, discussion=True),
            inject(3, 2, DECIDED, to=["officer", "leader"]),
        )
    )
    story = exercise.story.at("14:05").deliver_notices().at("14:12")
    story.acknowledge(story.notices("county-health")[0].id)
    story.at("14:30").report("initial", *GIVEN_TO).at("15:45").graded("IV").at("18:00")
    exercise.saw(2, 1, True, "15:20")
    exercise.refusals = (refusal(),)
    return exercise.left(
        overridden=(
            Overridden(objective="report", rating="S", reason="口头报告不完整", by="observer"),
        ),
        improvements=(
            Improvement(id="i1", text="补充通讯录", owner="county-msa", due=date(2026, 12, 1)),
        ),
        remarks=(
            Remark(by="张三", text="通讯录要更新", lesson=True),
            Remark(by="duty", text="节奏合适"),
        ),
    )


def contents(exercise: Exercise) -> dict[str, Content]:
    """Every paper of an exercise, under ``name.language``."""
    found = (
        *papers_before(exercise.plan, exercise.scenario),
        *papers_after(exercise.plan, exercise.record, exercise.evaluation),
    )
    return {f"{content.kind.name}.{content.language}": content for content in found}


CONTENTS = contents(played())
EVERY = pytest.mark.parametrize("name", sorted(CONTENTS))


def opened(content: Content) -> Doc:
    """A paper's document, opened as Word would."""
    return Document(io.BytesIO(document(content, NOW)))


@cache
def paper(name: str) -> Doc:
    """One of the papers of the exercise played, opened."""
    return opened(CONTENTS[name])


def words(doc: Doc) -> str:
    """Everything that is to be read on the pages of a document, headers apart."""
    cells = [cell.text for table in doc.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in doc.paragraphs), *cells])


def everything(data: bytes) -> str:
    """All text parts of a document, what no reader shows included."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "".join(
            archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith((".xml", ".rels"))
        )


def row(doc: Doc, first: str) -> list[str]:
    """The cells of the row that begins with ``first``."""
    (found,) = (
        [cell.text for cell in row.cells]
        for table in doc.tables
        for row in table.rows
        if row.cells[0].text == first
    )
    return found


# --- every paper --------------------------------------------------------------------------------


def test_there_is_a_template_for_every_paper_and_no_other() -> None:
    named = {f"{k.name}.{language}.md.j2" for k in PAPERS for language in k.languages}
    assert {path.name for path in Path(FOLDER).glob("*.j2")} == named
    assert set(CONTENTS) == {name.removesuffix(".md.j2") for name in named}


@EVERY
def test_the_mark_of_an_exercise_stands_on_every_page_and_before_the_title(name: str) -> None:
    content = CONTENTS[name]
    assert markdown(content).startswith("# 【演练】")
    doc = opened(content)
    assert doc.paragraphs[0].text.startswith("【演练】群体") or name.endswith(".en")
    assert doc.paragraphs[0].text.startswith("【演练】")
    assert doc.core_properties.title.startswith("【演练】")
    for section in doc.sections:
        assert section.header.paragraphs[0].text.startswith("【演练】")
        # No page has a header of its own that could be without it.
        assert not section.different_first_page_header_footer
    assert not doc.settings.odd_and_even_pages_header_footer


@EVERY
def test_the_page_is_that_of_an_official_document(name: str) -> None:
    (section,) = paper(name).sections
    lengths = {
        "page": (section.page_width, section.page_height),
        "from": (section.left_margin, section.top_margin),
        "text": (
            (section.page_width or 0) - (section.left_margin or 0) - (section.right_margin or 0),
            (section.page_height or 0) - (section.top_margin or 0) - (section.bottom_margin or 0),
        ),
    }
    wanted = {"page": (210, 297), "from": (28, 37), "text": (156, 225)}
    for what, (across, down) in wanted.items():
        # Word counts in twentieths of a point, a third of a tenth of a millimetre.
        assert lengths[what][0] == pytest.approx(Mm(across), abs=Mm(0.1)), what
        assert lengths[what][1] == pytest.approx(Mm(down), abs=Mm(0.1)), what


@EVERY
def test_chinese_has_its_fonts_by_name_with_others_for_readers_without_them(name: str) -> None:
    doc = paper(name)
    used = {p.style.name for p in doc.paragraphs if p.style is not None}
    used |= {
        paragraph.style.name
        for table in doc.tables
        for row in table.rows
        for cell in row.cells
        for paragraph in cell.paragraphs
        if paragraph.style is not None
    }
    for style in sorted(one for one in used if one is not None):
        fonts = doc.styles[style].element.rPr.rFonts
        assert fonts.get(qn("w:eastAsia")) in ("仿宋", "黑体"), style
        assert fonts.get(qn("w:ascii")) == "Times New Roman", style
    xml = everything(document(CONTENTS[name], NOW))
    assert "eastAsiaTheme" not in xml.partition("w:latentStyles")[0]
    assert 'w:name="仿宋"><w:altName w:val="FangSong,' in xml
    assert 'w:name="黑体"><w:altName w:val="SimHei,' in xml


@EVERY
def test_a_document_says_what_its_markdown_says(name: str) -> None:
    shown = words(paper(name)).replace("\n", "")
    lines = markdown(CONTENTS[name]).splitlines()
    for line in lines:
        if line in ("", "---") or set(line) <= {"|", "-"}:
            continue
        parts = line[1:-1].split(" | ") if line.startswith("|") else [line.lstrip("#>- ")]
        for part in parts:
            said = part.replace("<br>", "").replace("\\", "").strip()
            assert said in shown, line


@EVERY
def test_who_made_it_and_when_are_ours_to_say(name: str) -> None:
    about = paper(name).core_properties
    assert (about.author, about.comments, about.last_modified_by) == ("", "", "")
    assert (about.created, about.modified) == (NOW, NOW)


def test_the_head_of_a_table_stands_on_every_page_and_no_row_is_torn() -> None:
    for table in paper("script.zh").tables:
        rows = [row._tr for row in table.rows]
        assert rows[0].find(f".//{qn('w:tblHeader')}") is not None
        assert all(one.find(f".//{qn('w:cantSplit')}") is not None for one in rows)


# --- blind play ---------------------------------------------------------------------------------


secret = st.text(max_size=12).map(lambda said: {"zh": SECRET + said, "en": SECRET + said})
actions = st.builds(
    lambda said, clause: expected(SECRET + said, "report", None, SECRET + clause),
    st.text(max_size=12),
    st.text(max_size=6),
)
secret_scenarios = st.builds(
    lambda content, sender, one, aim, plot, used, hour: scenario(
        inject(1, hour, *one, text=content, **{"from": sender}),
        objectives=[{"id": "report", "text": aim, "clauses": [SECRET]}],
        summary=plot,
        sources=[{"title": SECRET, "published": SECRET, "used": used}],
        openings={"main": {"caller": {"kind": SECRET}, "facts": {"drug": SECRET}}},
    ),
    secret,
    secret,
    st.lists(actions, max_size=2),
    secret,
    secret,
    secret,
    st.integers(0, 3),
)


@given(secret_scenarios)
@settings(max_examples=15)
def test_no_paper_for_players_holds_anything_of_the_plot(hidden: Scenario) -> None:
    for content in papers_before(gaoqing(), hidden):
        texts = markdown(content), everything(document(content, NOW))
        if content.kind.audience == "everyone":
            assert all(SECRET not in text for text in texts), content.kind.name
        elif content.kind.name == "script":
            # Or the search above would find nothing anywhere.
            assert all(SECRET in text for text in texts)


def test_players_get_scheme_and_sign_in_sheet_and_the_staff_is_warned_about_the_rest() -> None:
    papers = papers_before(gaoqing(), played().scenario)
    assert [c.kind.name for c in papers if c.warning is None] == ["scheme", "sign-in"]
    staff = [content for content in papers if content.warning is not None]
    assert [content.kind.name for content in staff] == ["script", "evaluation"]
    for content in staff:
        assert "不得让参演人员看到" in markdown(content).splitlines()[2]
        doc = opened(content)
        assert "不得让参演人员看到" in doc.paragraphs[1].text
        assert "不得让参演人员看到" in doc.sections[0].header.paragraphs[0].text


def test_while_a_drill_goes_on_its_results_are_not_told() -> None:
    exercise = played().left(ended=None)
    with pytest.raises(Refusal) as raised:
        papers_after(exercise.plan, exercise.record, exercise.evaluation)
    assert (raised.value.code, raised.value.clause) == ("drill_running", "6.5")
    assert "请先结束演练" in raised.value.message.zh
    assert "end it first" in raised.value.message.en


# --- what each says -----------------------------------------------------------------------------


def test_the_scheme_says_who_plays_what_and_what_stops_it() -> None:
    said = words(paper("scheme.zh"))
    assert "高青县药品安全事件应急预案" in said
    assert row(paper("scheme.zh"), "值班员") == [
        "值班员",
        "县市场监管局值班室",
        "县市场监管局值班室",
    ]
    assert "实战" in said
    assert "2026-10-06 14:00" in said


def test_a_scenario_without_a_fixed_beginning_says_offsets_alone() -> None:
    papers = papers_before(gaoqing(), scenario(inject(1, 1.5), starts=None))
    said = {content.kind.name: markdown(content) for content in papers}
    assert "| T+1小时30分钟 |" in said["script"]
    assert "2026" not in said["script"]
    assert "情景起始" not in said["scheme"]


def test_the_sign_in_sheet_has_a_line_for_every_role_and_room_for_a_hand() -> None:
    (table,) = paper("sign-in.zh").tables
    assert [cell.text for cell in table.rows[0].cells][4:] == ["签名", "签到时间"]
    assert [row.cells[1].text for row in table.rows][1:3] == ["值班员", "县政府领导"]
    assert all(not row.cells[4].text.strip() for row in table.rows[1:])


def test_the_script_is_the_list_of_events_with_what_is_expected() -> None:
    third = row(paper("script.zh"), "3")
    assert third[1] == "T+2小时 2026-10-06 16:00"
    assert third[2] == "由县人民医院\n致值班员、县政府领导\n（电话）"
    assert third[3:] == ["注入内容3", "1）启动响应（结束前；4.6.1；grade）"]
    assert row(paper("script.zh"), "2")[3] == "讨论题：注入内容2"


def test_an_inject_that_follows_something_says_what() -> None:
    following = inject(2, 0, after={"inject": 1, "by": timedelta(minutes=10)}) | {"at": None}
    started = inject(3, 0, after={"event": "response.started"}) | {"at": None}
    papers = papers_before(gaoqing(), scenario(inject(1, 0), following, started))
    said = next(markdown(content) for content in papers if content.kind.name == "script")
    assert "| 注入1 之后10分钟 |" in said
    assert "| response.started 之后 |" in said


def test_each_group_of_roles_has_its_own_sheet_with_what_comes_to_it() -> None:
    doc = paper("evaluation.zh")
    heads = [p.text for p in doc.paragraphs if p.text.startswith("评估对象")]
    assert heads == ["评估对象：县市场监管局值班室", "评估对象：县政府"]
    officer, leader = (
        [row.cells[0].text for row in table.rows][1:]
        for table in doc.tables
        if table.rows[0].cells[0].text == "注入"
    )
    assert (officer, leader) == (["1", "2", "2", "3"], ["3"])
    breaks = [b for b in doc.element.iter(qn("w:br")) if b.get(qn("w:type")) == "page"]
    assert len(breaks) == len(heads) - 1


def test_the_report_tells_every_result_with_its_grounds() -> None:
    doc = paper("after-action.zh")
    assert row(doc, "按时首报")[1:4] == ["S 完成，有一定困难", "1/0/0/0", "0"]
    assert "口头报告不完整" in row(doc, "按时首报")[4]
    assert "按规则为：P" in row(doc, "按时首报")[4]
    assert row(doc, "依法发布信息")[1] == "未评定"
    assert row(doc, "县市场监管局（从未签收）")[2] == "0"
    assert row(doc, "i1")[1:] == ["补充通讯录", "县市场监管局", "2026-12-01", "未完成"]
    said = words(doc)
    for result in ("余1小时30分钟", "超15分钟", "评估人员观察", "propose_activation", "法定时限"):
        assert result in said
    assert "通讯录要更新" in said


def test_a_rating_is_provisional_while_something_waits_for_an_evaluator() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED, {**TALKED, "objective": "report"})))
    exercise.story.at("14:05").report("initial", *GIVEN_TO)
    report = contents(exercise)["after-action.zh"]
    assert row(opened(report), "按时首报")[1] == "P 完成，没有困难（暂定，有待认定）"
    report = contents(exercise.saw(1, 1, True, "14:20"))["after-action.zh"]
    assert row(opened(report), "按时首报")[1] == "P 完成，没有困难"


def test_the_english_report_is_complete() -> None:
    zh, en = (markdown(CONTENTS[f"after-action.{language}"]) for language in ("zh", "en"))
    assert zh.count("\n## ") == en.count("\n## ")
    assert zh.count("\n|") == en.count("\n|")
    # What people typed stays as they typed it; the mark and 实战, 内控 are the plan's own words.
    typed = ("口头报告不完整", "补充通讯录", "通讯录要更新", "节奏合适", "当场看到")
    official = ("【演练】", "（高政办字〔2023〕17号）", "内控", "高政办字〔2023〕17号", "附件2")
    scenario_words = ("某案例", "某机关")
    left = en
    for word in (*typed, *official, *scenario_words):
        left = left.replace(word, "")
    for line in left.splitlines():
        assert line.count("EN ") or not any("一" <= sign <= "鿿" for sign in line), line


def test_the_summary_tells_the_main_troubles_or_that_there_were_none() -> None:
    said = markdown(CONTENTS["summary.zh"])
    assert "启动响应（4.6.1），未完成" in said
    assert "未签收任何通知：县市场监管局" in said
    assert "没有发现突出问题" not in said
    quiet = Exercise(scenario(inject(1, 0, REPORTED)))
    quiet.story.at("14:05").report("initial", *GIVEN_TO)
    story = quiet.story.deliver_notices()
    story.acknowledge_all()
    assert "没有发现突出问题" in markdown(contents(quiet)["summary.zh"])


def test_a_drill_broken_off_for_a_real_emergency_says_so() -> None:
    papers = contents(played().left(suspended="接到真实报告"))
    for name in ("summary.zh", "after-action.zh", "after-action.en"):
        assert "实战" in markdown(papers[name])
        assert "接到真实报告" in markdown(papers[name])


# --- no personal data, and text that stays text -------------------------------------------------


def test_names_stay_out_and_numbers_of_people_are_masked() -> None:
    told = "请打 13812345678，身份证 11010519491231002X"
    exercise = played().left(
        remarks=(Remark(by="张三", text=told),), players={"officer": ("李四",)}
    )
    for name, content in contents(exercise).items():
        texts = markdown(content) + everything(document(content, NOW))
        for person in ("张三", "李四", "13812345678", "49491231", "11010519491231002X"):
            assert person not in texts, name
    assert "参演人员：请打 ＊" in markdown(contents(exercise)["after-action.zh"])


@given(st.text(max_size=60))
@settings(max_examples=25)
def test_what_people_type_stays_text_whatever_it_is(typed: str) -> None:
    exercise = Exercise(
        scenario(inject(1, 0, text={"zh": f"前{typed}后", "en": typed})),
    )
    (script,) = (
        c for c in papers_before(exercise.plan, exercise.scenario) if c.kind.name == "script"
    )
    cells = row(opened(script), "1")
    assert len(cells) == 5
    assert cells[3].startswith("前")
    assert cells[3].endswith("后")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("甲 | 乙", r"甲 \| 乙"),
        ("# 一级\n\n## 二级", "# 一级 ## 二级"),
        ("<script>", r"\<script\>"),
        ("*强调*_", r"\*强调\*\_"),
        ("反\\斜", r"反\\斜"),
        ("\x00坏\ufffe字\x0b符", "坏 字 符"),
    ],
)
def test_signs_of_markdown_are_taken_literally(typed: str, kept: str) -> None:
    assert escaped(typed) == kept
