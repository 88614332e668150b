"""Every duty with a moment: whose, to whom, from when, how long, and whether it is statute."""

from datetime import timedelta

import pytest

from domain.plan import Obligation
from tests.plans.files import gaoqing

NOW, SOON = timedelta(minutes=15), timedelta(minutes=60)
"""Our internal targets for 立即 and 及时."""
MSA, OFFICE, REPORTER = "县市场监管局", "县指挥部办公室", "报告单位和个人"
HOURS_2, WEEKS_2 = timedelta(hours=2), timedelta(weeks=2)

Row = tuple[str, str, str, str, timedelta | None, str, str]
# clause, owner, recipients, basis, within, statutory or internal, levels
DUTIES: dict[str, Row] = {
    "firm-to-city": ("3.2.2(1)", REPORTER, "市市场监管局", "discovered", NOW, "内", ""),
    "firm-to-county": ("3.2.2(1)", REPORTER, MSA, "discovered", NOW, "内", ""),
    "pharmacy-to-county": (
        "3.2.2(1)", REPORTER, MSA, "discovered", NOW, "内", "",
    ),
    "hospital-to-county": (
        "3.2.2(1)", REPORTER, MSA, "discovered", NOW, "内", "",
    ),
    "hospital-to-health": (
        "3.2.2(1)", REPORTER, "县卫生健康局", "discovered", NOW, "内", "",
    ),
    "health-to-county": ("3.2.2(1)", REPORTER, MSA, "discovered", SOON, "内", ""),
    "others-to-county": ("3.2.2", REPORTER, MSA, "discovered", SOON, "内", ""),
    "report-2h": ("3.2.2(1)", MSA, "县政府 市市场监管局", "learned", HOURS_2, "法", ""),
    "report-2h-determined": (
        "3.2.2(2)", MSA, "县政府 市市场监管局", "determined", HOURS_2, "法", "I II III",
    ),
    "report-city": (
        "3.2.2(3)", MSA, "市政府（市政府值班室） 市市场监管局 市卫生健康委", "received",
        NOW, "内", "",
    ),
    "foreign-affairs": ("3.2.2(4)", MSA, "县商务事业服务中心", "foreign", SOON, "内", ""),
    "compatriots": (
        "附件2 县委统战部", MSA, "县委统战部", "compatriots", SOON, "内", "",
    ),
    "daily-i-iii": ("3.2.3(2)", MSA, "县政府 市市场监管局", "day", None, "法", "I II III"),
    "important-matters": (
        "3.2.3(2)", MSA, "县政府 市市场监管局", "worsened", NOW, "内", "I II III",
    ),
    "summary": (
        "3.2.3(3)", MSA, "县政府 市政府（市政府值班室） 市市场监管局", "terminated",
        WEEKS_2, "法", "",
    ),
    "correction-dismissed": ("3.2.3(2)", MSA, "told", "dismissed", SOON, "内", ""),
    "correction-voided": ("3.2.3(2)", MSA, "told", "voided", SOON, "内", ""),
    "risk-assessment": (
        "3.3", MSA, "市政府（市政府值班室） 市市场监管局", "determined", SOON, "内", "",
    ),
    "warning-request": (
        "3.3.1", MSA, "市政府（市政府值班室） 市市场监管局", "occurred_level", SOON, "内",
        "IV",
    ),
    "warning-told": (
        "3.3.5(4)", MSA, "县卫生健康局 县委宣传部 县应急局", "warning_issued", SOON, "内",
        "",
    ),
    "warning-lifted-told": (
        "3.3.6", MSA, "县卫生健康局 县委宣传部 县应急局", "warning_lifted", NOW, "内", "",
    ),
    "rescue": ("6.3", MSA, "县卫生健康局", "harmed", NOW, "内", ""),
    "early-report": ("4.2", MSA, "县政府 市市场监管局", "received", SOON, "内", ""),
    "county-health-told": ("4.2(5)", MSA, "县卫生健康局", "received", SOON, "内", ""),
    "order-carried-out": (
        "4.5", MSA, "市政府（市政府值班室） 市市场监管局", "order_given", SOON, "内", "",
    ),
    "activation-reported": (
        "4.6.1", "县政府", "市政府（市政府值班室）", "activated", SOON, "内", "IV",
    ),
    "daily-iv": ("4.6.2(1)", MSA, OFFICE, "day", None, "法", "IV"),
    "daily-iv-command": ("4.6.2(1)", OFFICE, "县指挥部", "day", None, "法", "IV"),
    "daily-iv-city": ("4.6.2", OFFICE, "市政府（市政府值班室）", "day", None, "内", "IV"),
    "urgent-iv": (
        "4.6.2(1)", MSA, "县指挥部办公室 市政府（市政府值班室）", "worsened", NOW, "内",
        "IV",
    ),
    "outside-firm": ("4.6.2(3)", MSA, "市市场监管局", "outside_firm", SOON, "内", ""),
    "expert-conclusion": ("4.6.2(5)", MSA, "县指挥部", "concluded", SOON, "内", ""),
    "expert-conclusion-government": (
        "4.6.2(5)", MSA, "县政府", "concluded", SOON, "内", "",
    ),
    "first-release": (
        "4.7.3", OFFICE, "社会公众", "activated", timedelta(hours=5), "内", "IV",
    ),
    "release-filing": ("4.7.2", OFFICE, "filing", "published", SOON, "内", ""),
    "settlement": (
        "6.5", "县政府", "被征用物资、劳务的单位、企业和个人", "requisitioned", timedelta(days=30),
        "内", "",
    ),
    "replenishment": (
        "6.2", "县政府", "县指挥部办公室", "used", timedelta(days=30), "内", "",
    ),
}  # fmt: skip


def duty(name: str) -> Obligation:
    return gaoqing().obligation_by_id[name]


def zh(body: str) -> str:
    known = gaoqing().body_by_id
    return known[body].name.zh if body in known else body


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.clause(row[0])) for n, row in DUTIES.items()]
)
def test_each_duty_is_as_the_text_has_it(name: str) -> None:
    found = duty(name)
    assert (
        found.clause,
        zh(found.owner),
        " ".join(map(zh, found.recipients)),
        found.basis,
        found.within,
        "法" if found.kind == "statutory" else "内",
        " ".join(found.levels),
    ) == DUTIES[name]
    assert found.enabled
    assert found.law is None


def test_no_duty_of_the_plan_is_missing_from_the_table() -> None:
    assert {entry.id for entry in gaoqing().obligations if entry.law is None} == set(DUTIES)


@pytest.mark.clause("3.2.2(1)")
@pytest.mark.parametrize(
    ("kind", "duties"),
    [
        *(
            (kind, {"firm-to-city", "firm-to-county"})
            for kind in ("producer", "holder", "wholesaler", "chain-hq", "online-platform")
        ),
        ("pharmacy", {"pharmacy-to-county"}),
        ("hospital", {"hospital-to-county", "hospital-to-health"}),
        ("cdc", {"hospital-to-county", "hospital-to-health"}),
        ("county-health", {"health-to-county"}),
        ("laboratory", {"others-to-county"}),
        ("department", {"others-to-county"}),
        ("public", {"others-to-county"}),
        ("msa", set()),
        ("adr-body", set()),
    ],
)
def test_each_reporter_owes_the_reports_of_its_route(kind: str, duties: set[str]) -> None:
    owed = [entry for entry in gaoqing().obligations if kind in entry.reporters and entry.enabled]
    assert {entry.id for entry in owed} == duties
    [reporter] = [entry for entry in gaoqing().reporters if entry.id == kind]
    if not reporter.regulator:
        assert {r for entry in owed for r in entry.recipients} == set(reporter.reports_to)
    # The two hours bind the county; firms and hospitals report at once, an internal target.
    assert {entry.kind for entry in owed} <= {"internal"}


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        pytest.param("foreign-affairs", "abroad", marks=pytest.mark.clause("3.2.2(4)")),
        pytest.param("outside-firm", "outside_firm", marks=pytest.mark.clause("4.6.2(3)")),
        pytest.param("rescue", "harm", marks=pytest.mark.clause("6.3")),
        pytest.param("expert-conclusion", "command", marks=pytest.mark.clause("4.6.2(5)")),
        pytest.param("daily-iv-command", "command", marks=pytest.mark.clause("4.6.2(1)")),
    ],
)
def test_some_duties_depend_on_what_is_known(name: str, condition: str) -> None:
    assert duty(name).when == (condition,)


@pytest.mark.clause("4.6.2(1)")
def test_daily_reports_of_level_four_belong_to_its_response() -> None:
    assert duty("daily-iv").responding
    assert not duty("daily-i-iii").responding


@pytest.mark.clause("3.2.3(3)")
def test_only_a_summary_meets_the_summary() -> None:
    assert duty("summary").met_by == ("report.summary",)


@pytest.mark.parametrize(
    ("name", "reading", "choice"),
    [
        pytest.param(
            "report-2h-determined", "report-2h-basis", "earlier",
            marks=pytest.mark.clause("3.2.2(2)"),
        ),
        pytest.param(
            "daily-i-iii", "daily-day-zero", "initial_counts", marks=pytest.mark.clause("3.2.3(2)")
        ),
        pytest.param("summary", "summary-recipients", None, marks=pytest.mark.clause("3.2.3(3)")),
    ],
)  # fmt: skip
def test_what_the_text_leaves_open_names_its_reading(
    name: str, reading: str, choice: str | None
) -> None:
    assert duty(name).reading == reading
    assert gaoqing().choice(reading) == choice
    assert gaoqing().pending(reading)


@pytest.mark.clause("3.2.2")
def test_internal_targets_are_never_called_statute() -> None:
    statutory = {entry.id for entry in gaoqing().obligations if entry.kind == "statutory"}
    assert {name for name in statutory if not duty(name).law} == {
        "report-2h",
        "report-2h-determined",
        "daily-i-iii",
        "daily-iv",
        "daily-iv-command",
        "summary",
    }


@pytest.mark.clause("3.2.2")
def test_reminders_stay_in_the_county() -> None:
    reminders = gaoqing().reminders
    assert reminders.statutory == tuple(timedelta(minutes=m) for m in (60, 30, 10))
    assert reminders.internal == (timedelta(minutes=5),)
    heard = {*reminders.owner_hears, *reminders.unrecorded_hears}
    assert heard == {"duty", "county-msa", "command-office"}


LAW_81 = "药品不良反应报告和监测管理办法"
RECALL, DEVICE_RECALL = "药品召回管理办法", "医疗器械召回管理办法"
DEVICE = "医疗器械不良事件监测和再评价管理办法"
HEALTH = "突发公共卫生事件应急条例"
CLASSES = ((1, 1), (2, 3), (3, 7))
"""Classes of recall with their days."""
LAWS: dict[str, tuple[str, timedelta, str]] = {
    "law81-group-event": (LAW_81, NOW, "V"),
    "law81-firm-investigation": (LAW_81, timedelta(days=7), "V"),
    "law81-death": (LAW_81, NOW, "V"),
    "law81-death-investigation": (LAW_81, timedelta(days=15), "V"),
    "law81-new-or-serious": (LAW_81, timedelta(days=15), "V"),
    "law81-other": (LAW_81, timedelta(days=30), "V"),
    **{f"drug-recall-{c}-notify": (RECALL, timedelta(days=d), "M") for c, d in CLASSES},
    **{f"drug-recall-{c}-progress": (RECALL, timedelta(days=d), "M") for c, d in CLASSES},
    "drug-recall-final": (RECALL, timedelta(days=10), "M"),
    **{f"device-recall-{c}-notify": (DEVICE_RECALL, timedelta(days=d), "V") for c, d in CLASSES},
    "device-recall-plan": (DEVICE_RECALL, timedelta(days=5), "M"),
    "device-group-event": (DEVICE, timedelta(hours=12), "V"),
    "device-group-each-case": (DEVICE, timedelta(hours=24), "V"),
    "device-group-investigation": (DEVICE, timedelta(days=7), "V"),
    "device-death": (DEVICE, timedelta(days=7), "V"),
    "device-serious": (DEVICE, timedelta(days=20), "V"),
    "health-emergency-county": (f"{HEALTH} 19", HOURS_2, "V"),
    "health-emergency-upward": (f"{HEALTH} 20", HOURS_2, "V"),
    "health-emergency-city": (f"{HEALTH} 20", HOURS_2, "V"),
    "health-emergency-province": (f"{HEALTH} 19", timedelta(hours=1), "V"),
    "seizure-decision": ("药品管理法 100", timedelta(days=7), "V"),
    "seizure-decision-tested": ("药品管理法 100", timedelta(days=15), "V"),
    "emergency-law-report": ("突发事件应对法 17", NOW, "V"),
}  # fmt: skip


BASES = {
    "drug-recall-final": "recalled",
    "drug-recall": "recall",
    "device-recall": "recall",
    "health-emergency-county": "discovered",
    "health-emergency": "received",
    "seizure-decision-tested": "tested",
    "seizure": "seized",
    "emergency-law": "received",
}
"""From which moment a limit runs, by the beginning of its name; else from the discovery."""
OWNERS = {
    "health-emergency-county": REPORTER,
    "health-emergency-upward": "县政府",
    "health-emergency-city": "市政府（市政府值班室）",
    "health-emergency-province": "省政府",
    "seizure": MSA,
    "emergency-law": "县政府",
}
"""Whose limit it is; else the reporter's."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.clause(row[0])) for n, row in LAWS.items()]
)
def test_limits_of_other_laws_are_there_but_off(name: str) -> None:
    found = duty(name)
    assert (found.clause, found.within, found.verified) == LAWS[name]
    assert not found.enabled
    # At once has no number in those laws either.
    assert found.kind == ("internal" if found.within == NOW else "statutory")
    basis = [word for start, word in BASES.items() if name.startswith(start)]
    assert found.basis == (basis[0] if basis else "discovered")
    owner = [body for start, body in OWNERS.items() if name.startswith(start)]
    assert zh(found.owner) == (owner[0] if owner else REPORTER)
    assert (found.law or "").startswith(found.clause.split(" ")[0])


def test_no_limit_of_another_law_is_missing_from_the_table() -> None:
    assert {entry.id for entry in gaoqing().obligations if entry.law} == set(LAWS)
