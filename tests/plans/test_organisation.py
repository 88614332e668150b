"""Chapter 2 and 附件2 as data: who is there, for what, and in which group."""

import re

import pytest

from domain.plan import Body
from tests.plans.files import gaoqing

clause = pytest.mark.clause


def body(name: str) -> Body:
    """The body that the plan calls ``name``."""
    [found] = [entry for entry in gaoqing().bodies if entry.name.zh == name]
    return found


def names(*ids: str) -> tuple[str, ...]:
    """What the plan calls the bodies ``ids``."""
    return tuple(gaoqing().body_by_id[entry].name.zh for entry in ids)


# Each duty of 附件2 by words that no other duty of the same body has.
DUTIES: dict[str, tuple[str, ...]] = {
    "县委宣传部": ("信息发布、宣传报道和舆情处置", "网络信息监控", "应急通信保障"),
    "县委统战部": ("涉台港澳人员的处置",),
    "县发展改革局": ("煤、电、油、气", "立项审批", "生活类救灾物资的收储"),
    "县教育和体育局": ("在校师生员工",),
    "县科技局": ("科研攻关",),
    "县工业和信息化局": ("物资的生产供应",),
    "县公安局": ("涉嫌犯罪案件的侦查",),
    "县司法局": ("合法性审核", "社区矫正对象管控"),
    "县财政局": ("经费保障",),
    "县人力资源社会保障局": ("工伤保险",),
    "市生态环境局高青分局": ("放射性药物", "医疗废物收集、运送、贮存、处置"),
    "县交通运输局": ("优先快速通行",),
    "县农业农村局": ("生产加工企业前的质量安全应急处置", "预警分析和信息发布"),
    "县商务事业服务中心": ("生活必需品市场供应", "涉外事宜"),
    "县文化和旅游局": ("广播电视播出机构", "先进人物、事迹"),
    "县卫生健康局": ("医疗救治", "配合药品监督管理部门", "药事管理"),
    "县应急局": ("转移、安置和生活救助", "相关企业安全监管"),
    "县市场监管局": ("办公室日常工作", "应急处置及事件调查", "虚假宣传广告", "囤积居奇"),
    "县大数据中心": ("信息化应用",),
    "县信访局": ("信访问题协调",),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=clause(f"附件2 {name}")) for name in DUTIES]
)
def test_every_body_of_annex_two_has_each_of_its_duties(name: str) -> None:
    found = body(name)
    assert found.tier == "county"
    assert {duty.clause for duty in found.duties} == {f"附件2 {name}"} == {found.clause}
    assert len(found.duties) == len(DUTIES[name])
    for words, duty in zip(DUTIES[name], found.duties, strict=True):
        assert words in duty.text.zh
        assert duty.text.en


def test_annex_two_lists_twenty_bodies_in_its_order() -> None:
    listed = [entry.name.zh for entry in gaoqing().bodies if entry.clause.startswith("附件2")]
    assert listed == list(DUTIES)
    assert len(listed) == 20


GROUPS = {
    "综合协调组": (
        "2.2(1)",
        "县市场监管局",
        "县发展改革局、县教育和体育局、县科技局、县工业和信息化局、县财政局、县人力资源社会保障局、"
        "县交通运输局、县卫生健康局、县应急局、县大数据中心、县商务事业服务中心",
    ),
    "医疗救治组": ("2.2(2)", "县卫生健康局", "县市场监管局"),
    "事件调查组": ("2.2(3)", "县市场监管局", "县公安局、县农业农村局、县卫生健康局"),
    "危害控制组": (
        "2.2(4)",
        "县市场监管局",
        "县农业农村局、县卫生健康局、县应急局、市生态环境局高青分局",
    ),
    "新闻宣传组": ("2.2(5)", "县委宣传部、县市场监管局", "县文化和旅游局、县卫生健康局"),
    "专家技术组": ("2.2(6)", "县市场监管局、县卫生健康局", ""),
    "社会稳定组": (
        "2.2(7)",
        "县公安局",
        "县发展改革局、县司法局、县卫生健康局、县市场监管局、县信访局",
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=clause(row[0])) for name, row in GROUPS.items()]
)
def test_the_seven_groups_have_the_leads_and_members_of_the_text(name: str) -> None:
    where, leads, members = GROUPS[name]
    [group] = [entry for entry in gaoqing().groups if entry.name.zh == name]
    assert group.clause == where
    assert "、".join(names(*group.leads)) == leads
    assert "、".join(names(*group.members)) == members


def test_the_united_front_is_in_no_group_and_still_has_a_duty() -> None:
    front = body("县委统战部")
    groups = gaoqing().groups
    assert len(groups) == 7
    assert not any(front.id in (*group.leads, *group.members) for group in groups)
    assert front.duties


@clause("2.1")
def test_the_command_is_headed_by_the_deputy_county_head() -> None:
    roles = [(role.name.zh, role.filled_by.zh) for role in gaoqing().command_roles]
    assert roles[0] == ("指挥长", "县政府分管副县长")
    assert [name for name, _ in roles].count("副指挥长") == 2
    assert "县市场监管局主要负责同志" in roles[2][1]


@clause("2.1", "2.2")
def test_the_government_leads_level_four_and_handles_the_others_first() -> None:
    duties = [duty.text.zh for duty in body("县政府").duties]
    assert any("IV级" in text and "领导、指挥和协调" in text for text in duties)
    assert any("先期处置" in text for text in duties)
    assert any("在市指挥部或工作组的指挥或指导下" in text for text in duties)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(n, words, marks=clause(f"2.1.1({n})"))
        for n, words in enumerate(
            (
                "贯彻落实县指挥部的各项部署",
                "检查督促",
                "及时报告有关情况",
                "会商、发文、信息发布和督查",
                "物资储备",
                "其他任务",
            ),
            1,
        )
    ],
)
def test_the_office_has_its_six_duties(number: int, words: str) -> None:
    [duty] = [
        entry for entry in body("县指挥部办公室").duties if entry.clause == f"2.1.1({number})"
    ]
    assert words in duty.text.zh


@clause("2.1.1")
def test_the_office_is_seated_in_market_supervision() -> None:
    office = body("县指挥部办公室")
    assert office.id == gaoqing().office
    assert names(office.part_of or "") == ("县市场监管局",)


@clause("2.2")
def test_townships_and_the_development_zone_may_be_called_in() -> None:
    townships = body("各镇人民政府、街道办事处、经济开发区管委会")
    assert townships.tier == "county"
    assert townships.id in gaoqing().seat_by_id


LEVELS = [
    ("I", "特别重大", "red", "4.3", "国家应急指挥部", False),
    ("II", "重大", "orange", "4.4", "省应急指挥部", False),
    ("III", "较大", "yellow", "4.5", "市应急指挥部", False),
    ("IV", "一般", "blue", "4.6.1", "县政府", True),
]


@clause("4.1", "4.3", "4.4", "4.5", "4.6.1")
def test_four_levels_each_led_by_its_own_government() -> None:
    assert [
        (e.id, e.name.zh.split("（")[1][:-1], e.colour, e.clause, *names(*e.decides), e.own)
        for e in gaoqing().levels
    ] == LEVELS


@clause("3.2.2(2)", "3.2.2(3)")
def test_the_duty_rooms_belong_to_those_they_serve() -> None:
    assert names(body("县政府值班室").part_of or "") == ("县政府",)
    assert names(body("县市场监管局值班室").part_of or "") == ("县市场监管局",)
    assert body("市政府（市政府值班室）").tier == "city"


def test_every_county_body_has_a_seat_of_its_own_and_no_superior_has_one() -> None:
    plan = gaoqing()
    for entry in plan.bodies:
        if entry.tier == "county":
            assert plan.seat_by_id[entry.id].body == entry.id
        elif entry.tier != "outside":
            assert not any(seat.body == entry.id for seat in plan.seats)
    kinds = {seat.kind for seat in plan.seats}
    assert {"reporter", "expert", "observer", "administrator", "duty", "office"} <= kinds


REPORTERS = {
    "药品生产企业": ("3.2.1(1)", "市市场监管局 县市场监管局"),
    "药品上市许可持有人": ("7.1", "市市场监管局 县市场监管局"),
    "药品批发企业": ("3.2.1(1)", "市市场监管局 县市场监管局"),
    "零售连锁总部": ("3.2.1(1)", "市市场监管局 县市场监管局"),
    "互联网销售第三方平台": ("3.2.2(1)", "市市场监管局 县市场监管局"),
    "药品零售企业": ("3.2.1(1)", "县市场监管局"),
    "医疗卫生机构": ("3.2.1(2)", "县市场监管局 县卫生健康局"),
    "疾病预防控制机构": ("3.2.1(2)", "县市场监管局 县卫生健康局"),
    "县卫生健康部门": ("3.2.2(1)", "县市场监管局"),
    "药品不良反应监测机构": ("3.2.1(3)", "县政府 市市场监管局"),
    "县市场（药品）监管部门": ("3.2.1(4)", "县政府 市市场监管局"),
    "药品检验检测机构": ("3.2.1(5)", "县市场监管局"),
    "其他部门、单位": ("3.2.1(6)", "县市场监管局"),
    "个人": ("3.2.1(6)", "县市场监管局"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=clause(row[0])) for name, row in REPORTERS.items()]
)
def test_every_reporter_has_its_route(name: str) -> None:
    where, route = REPORTERS[name]
    [kind] = [entry for entry in gaoqing().reporters if entry.name.zh == name]
    assert kind.clause == where
    assert " ".join(names(*kind.reports_to)) == route
    # What the regulator or the monitoring body knows, the county knows (3.2.2(1)).
    assert kind.regulator == (where in ("3.2.1(3)", "3.2.1(4)"))


def test_every_reporter_of_the_text_is_there() -> None:
    assert {kind.name.zh for kind in gaoqing().reporters} == set(REPORTERS)


CLAUSE = re.compile(
    r"1\.[1-6]|2\.1|2\.1\.1(\([1-6]\))?|2\.2(\([1-7]\))?|3\.1|3\.2\.1(\([1-6]\))?"
    r"|3\.2\.2(\([1-4]\))?|3\.2\.3(\([1-3]\))?|3\.2\.4|3\.3(\.[1-3])?|3\.3\.[45](\([1-4]\))?"
    r"|3\.3\.6|4\.1|4\.2(\([1-7]\))?|4\.[3-5]|4\.6\.1|4\.6\.2(\([1-7]\))?|4\.6\.[34]"
    r"|4\.7\.[1-4]|5\.[1-3]|6\.[1-5]|7\.[1-3]|附件1|附件1 [一二三]\([一二三四]\)"
    r"|附件1 四\([一二]\)|附件2 .+"
)


def test_every_clause_named_exists_in_the_plan_or_is_another_law() -> None:
    from tests.clauses import clauses_of

    laws = {entry.law.zh.split("（")[0] for entry in gaoqing().other_laws}
    laws |= {duty.law.split("（")[0] for duty in gaoqing().obligations if duty.law}
    for named in clauses_of(gaoqing()):
        assert CLAUSE.fullmatch(named) or named.split(" ")[0] in laws, named
