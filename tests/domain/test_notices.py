"""Who is told of what: those concerned, nobody above us, and nobody twice (E3, E10)."""

from collections import Counter

import pytest

from domain.incident.commands import (
    AcknowledgeNotice,
    CorrectFacts,
    DecideRelease,
    FactChanges,
    IssueWarning,
    ProposeRelease,
    ReassignTask,
    RegisterPerson,
)
from domain.incident.view import waiting_for
from store.texts import notice_text
from tests.domain.later import Story
from tests.domain.story import gaoqing

OFFICE, GOVERNMENT = "command-office", "county-government"
SUPERIORS = {b.id for b in gaoqing().bodies if b.tier not in ("county",)}


def told(story: Story) -> set[tuple[str, str]]:
    """(recipient, subject) of what the last command put into the outbox."""
    found = [n for e in story.last if e.type == "notices.queued" for n in e.data["notices"]]
    return {(n["recipient"], n["subject"]) for n in found}


# --- nobody superior ------------------------------------------------------------------------


@pytest.mark.clause("3.2.2")
def test_no_notice_ever_leaves_the_county() -> None:
    story = Story().intake(abroad=True, compatriots=True, outside_firm=True).graded("I")
    story.report("initial", "city-msa", "city-health", GOVERNMENT)
    story.void(story.state.reports[story.last_report].seq).order("start", "nation-command", "I")
    story.pass_time(days=3)
    assert {n.recipient for n in story.state.notices.values()} & SUPERIORS == set()
    assert len(story.state.notices) > 10


@pytest.mark.clause("3.2.2")
def test_a_clock_that_runs_against_a_superior_reminds_the_county_alone() -> None:
    story = Story().intake(other_rules=["health-emergency-city"]).at("15:50")
    about = [n for n in story.state.notices.values() if "health-emergency-city" in n.ref]
    assert {n.recipient for n in about} == {"duty"}
    assert {n.subject for n in about} == {"reminder"}


@pytest.mark.clause("3.2.2(2)")
def test_another_laws_limit_is_cited_under_that_law() -> None:
    story = Story().intake(other_rules=["health-emergency-upward"])
    story.report("initial", GOVERNMENT, "city-msa").at("15:50")
    heard = [n for n in story.notices("duty", "reminder") if n.clause.startswith("突发公共")]
    assert heard
    for notice in heard:
        _, text = notice_text(story.plan, story.state, notice)
        assert "依据：突发公共卫生事件应急条例 20。" in text.zh
        assert "高青县药品安全事件应急预案" not in text.zh
    ours = notice_text(story.plan, story.state, story.notices("duty", "reported")[0])[1]
    assert "依据：高青县药品安全事件应急预案 3.2.1。" in ours.zh


@pytest.mark.clause("3.2.2")
def test_what_was_not_recorded_is_heard_by_our_duty_seat_and_its_leaders() -> None:
    story = Story().intake().at("16:00")
    heard = {n.recipient for n in story.state.notices.values() if n.subject == "unrecorded"}
    assert heard >= {"duty", "county-msa", OFFICE}
    assert heard & SUPERIORS == set()


# --- no flood -------------------------------------------------------------------------------


@pytest.mark.clause("4.2", "6.3")
def test_a_first_report_wakes_the_regulator_its_duty_room_and_health_alone() -> None:
    story = Story().intake()
    assert {body for body, _ in told(story)} == {"duty", "county-msa", "county-health"}


@pytest.mark.clause("4.2")
def test_several_things_at_once_are_one_notice_each_kind() -> None:
    story = Story().intake()
    counts = Counter((n.recipient, n.subject) for n in story.state.notices.values())
    assert set(counts.values()) == {1}
    (tasks,) = story.notices("county-msa", "tasks")
    assert len(tasks.ref.split()) > 3
    title, text = notice_text(story.plan, story.state, tasks)
    assert title.zh.startswith("任务下达")
    assert text.zh.count("任务t") == len(tasks.ref.split())


@pytest.mark.clause("4.6.2")
def test_a_pack_wakes_those_it_is_given_to() -> None:
    story = Story().intake().graded("IV").activate().release("response-iv", groups=["stability"])
    assert told(story) == {("county-police", "tasks")}


@pytest.mark.clause("2.2")
def test_a_task_given_to_another_is_told_to_that_other() -> None:
    story = Story().intake()
    command = ReassignTask(task=story.task("inspect"), owner="county-agriculture", reason="属地")
    story.do(command, OFFICE)
    assert told(story) == {("county-agriculture", "tasks")}


def test_reminders_of_one_moment_are_one_notice() -> None:
    story = Story().intake().at("15:00").tick()
    for body in ("duty", "county-msa"):
        moments = Counter(n.queued_at for n in story.notices(body, "reminder"))
        assert set(moments.values()) == {1}


# --- who is told of what --------------------------------------------------------------------


@pytest.mark.clause("3.2.2(4)", "附件2 县委统战部", "附件2 县商务事业服务中心")
@pytest.mark.parametrize(
    ("fact", "body"), [("abroad", "county-commerce"), ("compatriots", "county-united-front")]
)
def test_foreign_affairs_and_united_front_hear_by_themselves(fact: str, body: str) -> None:
    story = Story().intake()
    assert body not in {n.recipient for n in story.state.notices.values()}
    story.do(CorrectFacts(changes=FactChanges.model_validate({fact: True})))
    assert told(story) == {(body, "informed")}
    (clock,) = [c.id for c in story.clocks("foreign-affairs") + story.clocks("compatriots")]
    story.expect_open(clock, "15:00").deliver_notices().expect_met(clock)


@pytest.mark.clause("4.2(5)", "6.3")
def test_county_health_is_told_and_its_rescue_starts() -> None:
    story = Story().intake()
    assert {("county-health", "tasks"), ("county-health", "informed")} <= told(story)
    story.deliver_notices().expect_met("county-health-told/county-health")


@pytest.mark.clause("4.6.1", "4.6.3")
def test_a_proposal_is_told_to_whoever_decides_it() -> None:
    story = Story().intake().graded("IV").propose_activation()
    assert told(story) == {(GOVERNMENT, "decision")}
    assert GOVERNMENT in waiting_for(story.plan, story.state)
    story.decide_activation()
    assert (OFFICE, "decided") in told(story)


@pytest.mark.clause("4.6.3")
def test_a_lower_level_is_for_whoever_leads_at_the_graver_one() -> None:
    story = Story().intake().graded("III").order("start", "city-command", "III")
    story.propose_adjustment("IV")
    # The city holds no seat here: it is telephoned, and the list says that it is waited for.
    assert (GOVERNMENT, "decision") not in told(story)
    assert "city-command" in waiting_for(story.plan, story.state)


@pytest.mark.clause("4.6.1")
def test_a_response_that_starts_or_ends_is_told_to_all_who_work_on_it() -> None:
    story = Story().intake().graded("IV").activate()
    assert {("county-msa", "response_started"), ("county-health", "response_started")} <= told(
        story
    )
    story.terminate()
    assert ("county-health", "response_ended") in told(story)


@pytest.mark.clause("2.2", "4.5")
def test_a_superiors_order_is_heard_by_those_who_carry_it_out() -> None:
    story = Story().intake().graded("III").order("instruct", "city-command")
    assert {(b, s) for b, s in told(story) if s == "ordered"} == {
        (GOVERNMENT, "ordered"),
        (OFFICE, "ordered"),
        ("county-msa", "ordered"),
    }


@pytest.mark.clause("3.3.4")
def test_a_superiors_warning_is_heard_and_ours_goes_to_the_departments() -> None:
    story = Story().intake().do(IssueWarning(level="3", text="三级预警"), "city-warning")
    heard = {(body, "warned") for body in (GOVERNMENT, OFFICE, "county-msa")}
    assert told(story) == heard
    ours = Story().intake()
    ours.do(IssueWarning(level="4", text="停用", authorised_by=GOVERNMENT))
    assert {subject for _, subject in told(ours)} == {"informed"}


@pytest.mark.clause("2.2(5)")
def test_whoever_proposed_hears_what_was_decided() -> None:
    story = Story().intake().graded("IV")
    draft = ProposeRelease(title="通报", text="通报", channel="网站")
    story.do(draft, "county-publicity")
    story.do(DecideRelease(proposal=story.proposal.id, approve=True), GOVERNMENT)
    assert told(story) == {(OFFICE, "decided"), ("county-publicity", "decided")}


# --- what becomes of a notice ---------------------------------------------------------------


def test_accepted_by_a_channel_is_not_acknowledged_by_a_person() -> None:
    story = Story().intake().deliver_notices()
    (notice,) = story.notices("county-health", "tasks")
    assert (notice.status, notice.acknowledged_at) == ("accepted", None)
    command = AcknowledgeNotice(notice=notice.id)
    story.refuses("no_authority", "2.1.1(3)", command, "county-police")
    story.at("14:10").do(command, "county-health", seat="county-health")
    (notice,) = story.notices("county-health", "tasks")
    assert (notice.acknowledged_at, notice.acknowledged_by) == (story.now, "county-health")
    story.refuses(
        "already_acknowledged", notice.clause, command, "county-health", seat="county-health"
    )


@pytest.mark.clause("4.2(5)")
def test_whoever_acknowledges_has_been_told_whatever_the_channel_said() -> None:
    story = Story().intake()
    (notice,) = story.notices("county-health", "informed")
    story.fail_notice(notice.id).expect_open("county-health-told/county-health")
    assert told(story) == {("duty", "call")}
    heard = AcknowledgeNotice(notice=notice.id, comment="值班员张某接听")
    story.do(heard, "county-health", means="phone")
    story.expect_met("county-health-told/county-health")


@pytest.mark.clause("2.1.1(3)")
def test_a_notice_sent_back_goes_to_the_office_with_its_reason() -> None:
    story = Story().intake()
    (notice,) = story.notices("county-health", "informed")
    bare = AcknowledgeNotice(notice=notice.id, refuse=True)
    story.refuses("comment_missing", notice.clause, bare, "county-health")
    story.do(bare.model_copy(update={"comment": "非本单位职责"}), "county-health")
    (heard,) = story.notices(OFFICE, "refused")
    _, text = notice_text(story.plan, story.state, heard)
    assert "被县卫生健康局退回" in text.zh
    assert "非本单位职责" not in text.zh, "whoever wrote the reason may have named people"
    story.expect_open("county-health-told/county-health")


def test_news_of_a_lost_notice_that_is_lost_itself_ends_there() -> None:
    story = Story().intake()
    (lost, *_) = story.notices("county-health", "informed")
    story.fail_notice(lost.id)
    (news,) = story.notices("duty", "call")
    story.at("14:01").fail_notice(news.id)
    assert story.types() == ["message.failed"]


def test_news_of_a_refusal_that_is_refused_itself_ends_there() -> None:
    story = Story().intake()
    (notice,) = story.notices("county-health", "tasks")
    back = AcknowledgeNotice(notice=notice.id, refuse=True, comment="请另派")
    story.do(back, "county-health")
    (news,) = story.notices(OFFICE, "refused")
    story.do(back.model_copy(update={"notice": news.id}), OFFICE)
    assert story.types() == ["notice.acknowledged"]


def test_an_outcome_that_comes_twice_changes_nothing() -> None:
    story = Story().intake()
    message = next(m for m in story.state.messages.values() if m.recipient == "county-health")
    story.arrived(message.id)
    before = story.notices("county-health", "tasks")
    story.arrived(message.id, failure="too late")
    assert story.types() == []
    assert story.notices("county-health", "tasks") == before


# --- what they say --------------------------------------------------------------------------


@pytest.mark.clause("突发事件应对法 84")
def test_every_notice_can_be_shown_and_names_no_person() -> None:
    story = Story().intake(people="6人,张某 13800138000", abroad=True)
    story.do(RegisterPerson(reference="p-77", digest="7" * 64)).graded("IV")
    story.propose_activation().decide_activation().release("response-iv")
    story.report("initial", GOVERNMENT).void(story.state.reports[story.last_report].seq)
    story.do(IssueWarning(level="4", text="停用", authorised_by=GOVERNMENT))
    story.pass_time(hours=30).terminate()
    subjects = {n.subject for n in story.state.notices.values()}
    assert len(subjects) >= 10
    for notice in story.state.notices.values():
        title, text = notice_text(story.plan, story.state, notice)
        for part in (title.zh, title.en, text.zh, text.en):
            assert part.strip()
            assert "p-77" not in part
            assert "张某" not in part
        assert story.state.incident in title.zh
        assert notice.clause in text.zh


@pytest.mark.clause("6.5")
def test_a_drill_says_so_in_every_notice() -> None:
    story = Story(space="drill").intake()
    for notice in story.state.notices.values():
        title, text = notice_text(story.plan, story.state, notice)
        assert title.zh.startswith("【演练】")
        assert text.en.startswith("【演练】")


@pytest.mark.clause("3.2.2")
def test_an_internal_target_is_named_as_one() -> None:
    story = Story().intake().at("16:30")
    texts = {
        ref: notice_text(story.plan, story.state, n)[1].zh
        for n in story.notices("duty")
        for ref in n.ref.split()
        if n.subject in ("reminder", "unrecorded")
    }
    assert "（内控）" in texts["report-city/city-health"]
    only = [n for n in story.notices("duty", "reminder") if n.ref.startswith("report-2h")]
    assert only
    for notice in only:
        assert "（内控）" not in notice_text(story.plan, story.state, notice)[1].zh
