"""Task packs, warnings, releases, termination, causes, report forms, readings: all as the text."""

from datetime import timedelta

import pytest

from domain.plan import PackItem
from tests.plans.files import gaoqing

clause = pytest.mark.clause


def zh(*ids: str) -> list[str]:
    """What the plan calls the bodies ``ids``."""
    return [gaoqing().body_by_id[body].name.zh for body in ids]


def item(pack: str, words: str) -> PackItem:
    """The one task of ``pack`` whose text holds ``words``."""
    [found] = [entry for entry in gaoqing().pack_by_id[pack].items if words in entry.text.zh]
    return found


MSA, HEALTH, OFFICE = "县市场监管局", "县卫生健康局", "县指挥部办公室"
GOVERNMENT = "县政府"
# pack, clause, words of the task, who does it or which group
TASKS = [
    ("first-measures", "4.2", "协调卫生健康部门对患者开展医疗救治", MSA),
    ("first-measures", "6.3", "启动紧急医学救援", HEALTH),
    ("first-measures", "3.2.2(2)", "赴现场进行调查核实", MSA),
    ("first-measures", "4.2", "进行封存", MSA),
    ("first-measures", "4.2", "暂停销售、使用等紧急控制措施", MSA),
    ("first-measures", "4.2", "进行抽检", MSA),
    ("first-measures", "4.2", "零售使用环节进行现场调查", MSA),
    ("early-handling", "4.2(1)", "不良反应和检验检测数据进行分析评价", MSA),
    ("early-handling", "4.2(1)", "检索国内外相关资料", MSA),
    ("early-handling", "4.2(2)", "密切跟踪事件发展情况", MSA),
    ("early-handling", "4.2(2)", "是否向有关地区或全县通报", MSA),
    ("early-handling", "4.2(2)", "是否采取暂停销售、使用的建议", MSA),
    ("early-handling", "4.2(3)", "风险控制措施决定并组织实施", MSA),
    ("early-handling", "4.2(4)", "指导和协调", MSA),
    ("early-handling", "4.2(4)", "专家前往事发现场", MSA),
    ("early-handling", "4.2(4)", "零售企业、医疗卫生机构进行检查", MSA),
    ("early-handling", "4.2(5)", "通报县卫生健康部门", MSA),
    ("early-handling", "4.2(6)", "对事件性质和原因提出意见", MSA),
    ("early-handling", "4.2(7)", "适时报送和发布相关信息", MSA),
    ("superior-response", "2.2", "成立现场应急指挥机构", GOVERNMENT),
    ("superior-response", "4.3", "国家药品安全突发事件应急预案", GOVERNMENT),
    ("superior-response", "4.4", "省级药品安全突发事件应急预案", GOVERNMENT),
    ("superior-response", "4.5", "市级药品安全突发事件应急预案", GOVERNMENT),
    ("response-iv", "4.6.2(1)", "按照各自职责", "综合协调组"),
    ("response-iv", "4.6.2(1)", "调集和征用县内各类应急资源", "综合协调组"),
    ("response-iv", "4.6.2(1)", "建立日报制度", "综合协调组"),
    ("response-iv", "4.6.2(2)", "集中全县优质医疗资源", "医疗救治组"),
    ("response-iv", "4.6.2(2)", "院内控制和个人防护", "医疗救治组"),
    ("response-iv", "4.6.2(3)", "赴县内事件发生地", "事件调查组"),
    ("response-iv", "4.6.2(3)", "报市市场监管局处置", "事件调查组"),
    ("response-iv", "4.6.2(4)", "统计、溯源", "危害控制组"),
    ("response-iv", "4.6.2(4)", "紧急召回", "危害控制组"),
    ("response-iv", "4.6.2(4)", "扩大抽检并检验检测", "危害控制组"),
    ("response-iv", "4.6.2(4)", "平行检验", "危害控制组"),
    ("response-iv", "4.6.2(4)", "其他危害控制", "危害控制组"),
    ("response-iv", "4.6.2(5)", "及时报告县指挥部", "专家技术组"),
    ("response-iv", "4.6.2(6)", "及时向社会发布药品安全事件", "新闻宣传组"),
    ("response-iv", "4.6.2(6)", "回应社会关切", "新闻宣传组"),
    ("response-iv", "4.6.2(7)", "平抑物价", "社会稳定组"),
    ("response-iv", "4.6.2(7)", "严厉打击造谣传谣", "社会稳定组"),
    ("response-iv", "附件2 县委统战部", "涉台港澳人员", "县委统战部"),
    ("response-iv", "附件2 县商务事业服务中心", "涉外事宜", "县商务事业服务中心"),
    ("warning-1", "3.3.2", "国家层面发布的一级预警", MSA),
    ("warning-2", "3.3.3", "省级层面发布的二级预警", MSA),
    ("warning-3", "3.3.4(1)", "强化药品安全日常监管", MSA),
    ("warning-3", "3.3.4(2)", "加强信息沟通", MSA),
    ("warning-3", "3.3.4(3)", "报请市政府和监管部门", MSA),
    ("warning-3", "3.3.4(4)", "市政府和相关部门的部署", MSA),
    ("warning-4", "3.3.5(1)", "启动IV级（一般）响应的准备", OFFICE),
    ("warning-4", "3.3.5(2)", "动态监测", MSA),
    ("warning-4", "3.3.5(3)", "公布咨询电话", MSA),
    ("warning-4", "3.3.5(4)", "通报预警信息", MSA),
    ("aftermath", "5.1", "采取处理措施", MSA),
    ("aftermath", "5.2", "合理评估，给予补偿", GOVERNMENT),
    ("aftermath", "6.2", "应急处置所需经费", "县财政局"),
    ("aftermath", "6.5", "及时归还或给予补偿", OFFICE),
    ("aftermath", "6.2", "使用储备物资后及时补充", OFFICE),
    ("aftermath", "5.3", "总结经验和教训", OFFICE),
]


@pytest.mark.parametrize(
    ("pack", "where", "words", "who"),
    [pytest.param(*row, marks=clause(row[1]), id=f"{row[1]}-{row[2]}") for row in TASKS],
)
def test_each_task_stands_in_its_pack(pack: str, where: str, words: str, who: str) -> None:
    found = item(pack, words)
    assert found.clause == where
    if found.group:
        assert gaoqing().group_by_id[found.group].name.zh == who
    else:
        assert zh(found.owner or "") == [who]


def test_no_task_is_missing_from_the_table() -> None:
    for pack in gaoqing().packs:
        assert len(pack.items) == sum(row[0] == pack.id for row in TASKS)


# Internal targets (内控) of tasks, in minutes; every other task has none.
TARGETS = {
    "first-measures": "treat 15 rescue 15 verify-on-site 15 seal 60 suspend 60 sample 60 "
    "inspect 60",
    "early-handling": "analyse-data 60 search-literature 60 track 60 propose-notify 60 "
    "propose-suspend 60 suspend 60 report 60",
    "warning-4": "warn-public 60 tell-departments 60",
}


def test_tasks_at_once_have_15_minutes_and_tasks_in_time_60() -> None:
    for pack in gaoqing().packs:
        words = TARGETS.get(pack.id, "").split()
        expected = {
            name: timedelta(minutes=int(minutes))
            for name, minutes in zip(words[::2], words[1::2], strict=True)
        }
        assert {task.id: task.within for task in pack.items if task.within} == expected


@clause("4.2", "6.3")
def test_only_the_first_measures_start_by_themselves() -> None:
    assert [p.id for p in gaoqing().packs if p.starts_at == "intake"] == ["first-measures"]
    assert item("first-measures", "启动紧急医学救援").within == timedelta(minutes=15)
    assert item("first-measures", "启动紧急医学救援").when == ("harm",)


# pack: levels, phases, and the warning it follows; an empty field restricts nothing.
PACKS = {
    "first-measures": ("", "reported early_handling responding", None),
    "early-handling": ("", "reported early_handling responding", None),
    "superior-response": ("I II III", "early_handling responding", None),
    "response-iv": ("IV", "early_handling responding", None),
    "warning-1": ("", "", "1"),
    "warning-2": ("", "", "2"),
    "warning-3": ("", "", "3"),
    "warning-4": ("", "", "4"),
    "aftermath": ("", "aftermath", None),
}


def test_each_pack_has_its_time() -> None:
    assert {
        pack.id: (" ".join(pack.levels), " ".join(pack.phases), pack.warning)
        for pack in gaoqing().packs
    } == PACKS


@clause("4.6.2")
def test_the_measures_of_level_four_come_from_all_seven_groups() -> None:
    pack = gaoqing().pack_by_id["response-iv"]
    assert {entry.group for entry in pack.items if entry.group} == set(gaoqing().group_by_id)
    assert item("response-iv", "报市市场监管局处置").when == ("outside_firm",)


# level, colour, clause, who issues, possible, occurred, authorised by
WARNINGS = [
    ("1", "red", "3.3.2", "国家层面", ("I",), ("II",), []),
    ("2", "orange", "3.3.3", "省级层面", ("II",), ("III",), []),
    ("3", "yellow", "3.3.4", "市级层面", ("III",), ("IV",), []),
    ("4", "blue", "3.3.5", "县市场监管局", ("IV",), (), ["县政府"]),
]


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=clause(row[2], "3.3.1"), id=row[0]) for row in WARNINGS]
)
def test_warnings_rise_from_possible_and_occurred_levels(
    row: tuple[str, str, str, str, tuple[str, ...], tuple[str, ...], list[str]],
) -> None:
    level, colour, where, issuer, possible, occurred, authorised = row
    [found] = [entry for entry in gaoqing().warnings if entry.level == level]
    assert (found.colour, found.clause) == (colour, where)
    assert zh(*found.issuers)[0].startswith(issuer)
    assert (found.possible, found.occurred) == (possible, occurred)
    assert zh(*found.authorised_by) == authorised
    assert gaoqing().pack_by_id[found.pack or ""].warning == level
    tiers = {gaoqing().body_by_id[body].tier for body in found.issuers}
    assert tiers == {{"1": "nation", "2": "province", "3": "city", "4": "county"}[level]}


# level, who publishes, filed before with, filed with
RELEASES = [
    ("I", ["国家药品监管部门"], [], []),
    ("II", ["省应急指挥部"], ["国家药品监管部门"], []),
    ("III", ["市应急指挥部"], [], ["省政府", "省药监局"]),
    ("IV", ["县指挥部", "县政府"], [], ["市政府（市政府值班室）", "市市场监管局"]),
]


@clause("4.7.2")
@pytest.mark.parametrize("row", RELEASES, ids=[row[0] for row in RELEASES])
def test_who_publishes_and_with_whom_it_is_filed(
    row: tuple[str, list[str], list[str], list[str]],
) -> None:
    [found] = [entry for entry in gaoqing().releases if entry.level == row[0]]
    assert zh(*found.publishers) == row[1]
    assert zh(*found.filed_before_with) == row[2]
    assert zh(*found.file_with) == row[3]


@clause("4.6.4")
def test_ending_asks_for_three_facts_and_two_opinions() -> None:
    conditions = gaoqing().termination.conditions
    assert [(c.kind, c.text.zh) for c in conditions] == [
        ("fact", "患者病情稳定或好转"),
        ("fact", "没有新发类似病例"),
        ("fact", "事件得到有效控制"),
        ("opinion", "相关单位研判结果"),
        ("opinion", "专家研判结果"),
    ]
    # The text knows no observation period: ours is internal and says so.
    assert gaoqing().pending(gaoqing().termination.observe_reading)


CAUSES = {
    "药品质量": {"监管措施": MSA, "进行处罚": MSA, "移交公安机关": MSA, "侦查": "县公安局"},
    "临床用药不合理或错误": {"对有关医疗卫生机构依法处理": HEALTH},
    "新的严重药品不良反应或医疗器械不良事件": {"调整生产和使用政策建议": MSA},
    "其他原因": {"按照有关规定处理": MSA, "移交公安机关": MSA, "侦查": "县公安局"},
}


@clause("5.1")
@pytest.mark.parametrize("name", CAUSES)
def test_what_follows_depends_on_the_cause(name: str) -> None:
    [cause] = [entry for entry in gaoqing().causes if entry.name.zh == name]
    assert len(cause.follow_up) == len(CAUSES[name])
    for (words, who), task in zip(CAUSES[name].items(), cause.follow_up, strict=True):
        assert words in task.text.zh
        assert zh(task.owner or "") == [who]


@clause("5.1", "附件2 县公安局")
def test_a_suspected_crime_goes_to_the_police() -> None:
    quality = next(entry for entry in gaoqing().causes if entry.name.zh == "药品质量")
    crime = [task for task in quality.follow_up if task.when == ("crime",)]
    assert [zh(task.owner or "") for task in crime] == [[MSA], ["县公安局"]]


def test_there_are_four_kinds_of_cause() -> None:
    assert {cause.name.zh for cause in gaoqing().causes} == set(CAUSES)


FORMS = {
    "initial": (
        "3.2.3(1)",
        "事件名称 事件性质 生产企业 经营企业 药品名称 产品规格 包装 批号 发生时间 发生地点 "
        "影响范围 受害者基本信息 主要症状与体征 已经采取的措施 事件的发展趋势 潜在危害程度 "
        "下一步工作计划 报告单位 联络员 通讯方式",
        {"phone", "fax", "network"},
    ),
    "progress": (
        "3.2.3(2)",
        "事件调查情况 原因分析结果 产品控制情况 事件影响评估 采取的控制措施 对初次报告的补充",
        {"phone", "fax", "network"},
    ),
    "urgent": ("3.2.3(2)", "重要情况 采取的控制措施 下一步工作计划", {"phone", "fax", "network"}),
    "summary": (
        "3.2.3(3)",
        "事件的起因 性质 影响 责任 应对 经验和存在的问题 今后对类似事件的防范和处置建议",
        {"paper", "e_document"},
    ),
    "correction": ("3.2.3(2)", "更正的内容 正确的情况 更正的原因", {"phone", "fax", "network"}),
    "filing": ("4.7.2", "发布的信息 发布时间 发布形式", {"fax", "network", "paper"}),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=clause(row[0], "3.2.4")) for k, row in FORMS.items()]
)
def test_each_report_says_what_the_text_asks_by_its_channels(kind: str) -> None:
    where, fields, channels = FORMS[kind]
    form = gaoqing().report_by_kind[kind]
    assert form.clause == where
    assert [field.name.zh for field in form.fields] == fields.split()
    assert set(form.channels) - {"system"} == channels


def test_every_form_is_in_the_table() -> None:
    assert set(gaoqing().report_by_kind) == set(FORMS)


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        pytest.param("药品群体不良事件", "1.5", marks=clause("1.5")),
        pytest.param("重大药品质量事件", "1.5", marks=clause("1.5")),
        pytest.param("其他严重影响公众健康的药品安全事件", "1.5", marks=clause("1.5")),
        pytest.param("医疗器械安全事件", "1.1", marks=clause("1.1")),
    ],
)
def test_kinds_of_event_do_not_depend_on_casualties(kind: str, where: str) -> None:
    [found] = [entry for entry in gaoqing().kinds if entry.name.zh == kind]
    assert found.clause == where


@clause("1.4")
def test_the_scope_is_the_county_and_its_firms() -> None:
    scope = gaoqing().scope
    assert scope is not None
    assert "我县境内发生或涉及我县药企" in scope.text.zh


# Traps of the text, and where each is read; none is confirmed yet (7.2).
READINGS = {
    "counts-inclusive": "附件1",
    "two-deaths": "附件1 二(二)",
    "deaths-without-similar": "附件1 三(二)",
    "severe-includes-deaths": "附件1",
    "severe-no-upper-bound": "附件1",
    "severe-narrow": "附件1",
    "unknown-keeps-level": "附件1",
    "spread-inclusive": "附件1 一(三)",
    "no-patients": "附件1 四(二)",
    "learned-basis": "3.2.2(1)",
    "report-2h-basis": "3.2.2(2)",
    "immediate-target": "3.2.2",
    "prompt-target": "3.2.2",
    "both-health": "4.2(5)",
    "foreign-affairs-body": "3.2.2(4)",
    "mah-route": "7.1",
    "daily-day-zero": "3.2.3(2)",
    "daily-both": "4.6.2(1)",
    "summary-recipients": "3.2.3(3)",
    "correction-upward": "3.2.3(2)",
    "downgrade-keeps-duties": "4.6.3",
    "county-iv-before-superior": "4.6.1",
    "warning-occurred-iv": "3.3.1",
    "warning-departments": "3.3.5(4)",
    "no-command": "4.6.2(5)",
    "iv-publisher": "4.7.2",
    "release-filing": "4.7.2",
    "first-release-target": "4.7.3",
    "observation-window": "4.6.4",
    "settlement-target": "6.5",
    "devices-vaccines": "1.1",
    "secrets-out": "3.2.4",
    "backdating": "3.2.2",
    "working-days": "3.2.2(2)",
}


@clause("7.2")
def test_every_reading_waits_for_the_interpreting_body() -> None:
    assert {entry.id: entry.clause for entry in gaoqing().readings} == READINGS
    for entry in gaoqing().readings:
        assert gaoqing().pending(entry.id)
        assert entry.reading.zh.endswith("。")


STANDING = [
    ("3.1", MSA, "投诉举报"),
    ("6.1", GOVERNMENT, "应急队伍建设"),
    ("6.2", GOVERNMENT, "储备与调用"),
    ("6.2", "县发展改革局", "立项审批"),
    ("6.2", "县财政局", "经费"),
    ("6.4", GOVERNMENT, "信息报告系统"),
    ("6.5", GOVERNMENT, "应急培训和演练"),
    ("7.1", GOVERNMENT, "报市政府备案"),
    ("7.1", "报告单位和个人", "处置方案"),
    ("7.2", MSA, "负责解释本预案"),
]


@pytest.mark.parametrize(
    ("number", "where", "owner", "words"),
    [pytest.param(n, *row, marks=clause(row[0])) for n, row in enumerate(STANDING)],
)
def test_duties_outside_any_incident(number: int, where: str, owner: str, words: str) -> None:
    duty = gaoqing().standing[number]
    assert len(gaoqing().standing) == len(STANDING)
    assert (duty.clause, zh(duty.owner)) == (where, [owner])
    assert words in duty.text.zh


LAWS = {
    "突发事件应对法 17": "立即向上一级人民政府报告",
    "突发事件应对法 61": "迟报、谎报、瞒报、漏报",
    "突发事件应对法 63": "红色、橙色、黄色和蓝色",
    "突发事件应对法 72": "预计期限",
    "突发事件应对法 83": "保密",
    "突发事件应对法 84": "不得用于其他目的",
    "突发事件应对法 85": "及时销毁",
    "疫苗管理法 78": "疫苗安全事件应急预案",
}


@pytest.mark.parametrize("where", [pytest.param(w, marks=clause(w)) for w in LAWS])
def test_provisions_of_other_laws_are_shown(where: str) -> None:
    [found] = [entry for entry in gaoqing().other_laws if entry.clause == where]
    assert LAWS[where] in found.text.zh
    assert found.verified == ("M" if where.startswith("疫苗") else "V")
    assert len(gaoqing().other_laws) == len(LAWS)
