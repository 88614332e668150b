"""Chapters 3.2.3, 3.2.4: what a report says, its versions, its channels and its signature (E5)."""

import pytest

from domain.incident.commands import GiveReport, SignReport, SubmitReport, VoidEntry
from domain.incident.entries import Delivery
from tests.domain.story import Story, beijing

BOTH = ("county-government", "city-msa")
CHANNELS = {
    "initial": {"system", "phone", "fax", "network"},
    "progress": {"system", "phone", "fax", "network"},
    "urgent": {"system", "phone", "fax", "network"},
    "summary": {"paper", "e_document"},
    "correction": {"system", "phone", "fax", "network"},
}
CLAUSES = {"initial": "3.2.3(1)", "summary": "3.2.3(3)"}


def reported() -> Story:
    """An incident with its initial report given to the city regulator."""
    return Story().intake().report("initial", "city-msa", fields={"drug": "刺五加注射液"})


@pytest.mark.clause("3.2.3(1)", "3.2.4")
def test_blanks_and_unknowns_hold_up_no_report() -> None:
    story = Story().intake().report("initial", "city-msa", fields={"lots": "不详"})
    story.expect_met("report-2h/city-msa")
    assert story.state.reports[story.last_report].fields == {"lots": "不详"}


@pytest.mark.clause("3.2.3(1)", "3.2.3(2)", "3.2.3(3)")
@pytest.mark.parametrize("kind", ["initial", "progress"])
def test_a_misspelt_field_is_named(kind: str) -> None:
    report = SubmitReport.model_validate({"kind": kind, "fields": {"drugg": "某药"}})
    clause = CLAUSES.get(kind, "3.2.3(2)")
    story = Story().intake().refuses("unknown_field", clause, report)
    assert story.state.reports == {}


@pytest.mark.clause("3.2.4", "3.2.3(1)", "3.2.3(2)", "3.2.3(3)")
@pytest.mark.parametrize("kind", sorted(CHANNELS))
@pytest.mark.parametrize(
    "channel", ["system", "phone", "fax", "network", "paper", "e_document", "wechat"]
)
def test_each_report_goes_by_its_channels(kind: str, channel: str) -> None:
    story = reported().graded("IV").activate().terminate()
    given = Delivery(recipient="city-msa", channel=channel)
    about = story.last_report if kind == "correction" else None
    report = SubmitReport.model_validate({"kind": kind, "given": [given], "about": about})
    if channel in CHANNELS[kind]:
        story.do(report)
        assert story.state.reports[story.last_report].given[0].channel == channel
    else:
        story.refuses("channel_not_allowed", CLAUSES.get(kind, "3.2.3(2)"), report)


@pytest.mark.clause("3.2.4", "3.2.2(1)")
def test_time_channel_and_who_took_it_stay_on_record() -> None:
    story = Story().intake().report("initial").at("14:40")
    story.give(story.last_report, "city-msa", given="14:25", channel="fax", taken_by="市局值班室")
    (given,) = story.state.reports[story.last_report].given
    assert (given.at, given.recorded) == (beijing("14:25"), beijing("14:40"))
    assert (given.channel, given.taken_by, given.by) == ("fax", "市局值班室", "county-msa")


@pytest.mark.clause("3.2.3(2)")
def test_a_new_version_supersedes_and_the_old_one_stays() -> None:
    story = reported()
    first = story.last_report
    story.report("initial", "county-government", fields={"drug": "甲"}, supersedes=first)
    second = story.state.reports[story.last_report]
    assert (second.version, second.supersedes) == (2, first)
    assert story.state.reports[first].fields == {"drug": "刺五加注射液"}
    # What the old one told has been told.
    story.expect_met("report-2h/city-msa").expect_met("report-2h/county-government")


@pytest.mark.clause("3.2.3(2)")
@pytest.mark.parametrize(("kind", "old"), [("progress", "own"), ("initial", "r99")])
def test_a_version_supersedes_one_of_its_kind(kind: str, old: str) -> None:
    story = reported()
    supersedes = story.last_report if old == "own" else old
    report = SubmitReport.model_validate({"kind": kind, "supersedes": supersedes})
    story.refuses("unknown_report", "2.1.1(4)", report)


@pytest.mark.clause("3.2.3(2)")
def test_a_correction_says_what_it_corrects() -> None:
    story = reported()
    story.refuses("about_missing", "3.2.3(2)", SubmitReport(kind="correction"))
    story.refuses("unknown_report", "2.1.1(4)", SubmitReport(kind="correction", about="r99"))


@pytest.mark.clause("3.2.2(1)", "2.1.1(3)", "3.2.2(3)")
@pytest.mark.parametrize("by", ["county-msa", "command-office", "county-government", "county-adr"])
def test_whoever_owes_reports_may_report(by: str) -> None:
    Story().intake().report("initial", "city-msa", by=by).expect_met("report-2h/city-msa")


@pytest.mark.clause("3.2.2(1)")
@pytest.mark.parametrize("by", ["county-police", "city-msa", "reporter"])
def test_others_report_nothing_in_our_name(by: str) -> None:
    report = SubmitReport(kind="initial")
    Story().intake().refuses("no_authority", "3.2.2(1)", report, by)


@pytest.mark.clause("3.2.2(2)", "2.1.1(4)", "3.2.2(3)")
@pytest.mark.parametrize("by", ["county-msa", "command-office", "county-government"])
def test_a_report_is_signed_also_after_it_has_gone(by: str) -> None:
    story = reported().at("18:00")
    story.do(SignReport(report=story.last_report), by, when="17:30", decider_person="主要负责同志")
    report = story.state.reports[story.last_report]
    assert (report.signed_by, report.signed_at) == ("主要负责同志", beijing("17:30"))
    again = SignReport(report=story.last_report)
    story.refuses("already_signed", "3.2.2(2)", again)


@pytest.mark.clause("3.2.2(2)")
def test_not_everyone_signs() -> None:
    story = reported()
    sign = SignReport(report=story.last_report)
    story.refuses("no_authority", "3.2.2(2)", sign, "county-health")


@pytest.mark.clause("3.2.3(2)")
def test_what_was_voided_is_neither_given_nor_signed() -> None:
    story = reported()
    report = story.state.reports[story.last_report]
    story.do(VoidEntry(seq=report.seq, reason="报错事件"))
    story.refuses("unknown_report", "2.1.1(4)", SignReport(report=report.id))
    given = Delivery(recipient="county-government", channel="phone")
    story.refuses("unknown_report", "2.1.1(4)", GiveReport(report=report.id, delivery=given))


@pytest.mark.clause("3.2.3(2)")
def test_reports_go_to_bodies_that_the_plan_knows() -> None:
    given = Delivery(recipient="somebody", channel="phone")
    Story().intake().refuses(
        "unknown_body", "2.1.1(4)", SubmitReport(kind="initial", given=(given,))
    )


@pytest.mark.clause("3.2.4")
def test_of_secret_matters_only_a_pointer_is_kept() -> None:
    story = Story().intake().correct(secret_pointer="机要室第3号柜")
    assert story.state.reported.secret_pointer == "机要室第3号柜"
