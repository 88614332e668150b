"""What serves every chapter: files, people harmed, and what may be done after the end."""

import pytest

from domain.base import Refusal
from domain.incident.commands import Attach, Close, CompleteTask, PurgePersons, RegisterPerson
from domain.incident.engine import AFTER_THE_END
from domain.incident.envelope import COMMANDS
from tests.domain.later import Story

FILE = Attach(sha256="a" * 64, media_type="image/jpeg", size=1024, title="签发单照片")
PERSON = RegisterPerson(reference="p-1", digest="1" * 64)


# --- files (E7) -----------------------------------------------------------------------------


@pytest.mark.clause("3.2.4")
@pytest.mark.parametrize("body", ["county-health", "county-government", "reporter", "city-msa"])
def test_anyone_concerned_adds_a_file_named_by_its_hash(body: str) -> None:
    story = Story().intake().do(FILE, body)
    found = story.state.attachments["a" * 64]
    assert (found.title, found.media_type, found.size) == ("签发单照片", "image/jpeg", 1024)
    story.refuses("already_attached", "3.2.4", FILE)


@pytest.mark.clause("3.2.4")
def test_a_file_may_come_after_the_end() -> None:
    story = Story().intake().dismiss().pass_time(days=30).do(FILE)
    assert "a" * 64 in story.state.attachments


@pytest.mark.parametrize("digest", ["", "A" * 64, "a" * 63, "../../etc/passwd"])
def test_a_file_is_named_by_a_digest_and_nothing_else(digest: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        Attach(sha256=digest, media_type="image/jpeg", size=1, title="照片")


def test_any_command_names_its_evidence() -> None:
    story = Story().intake().do(FILE)
    story.do(CompleteTask(task=story.task("seal"), result="已封存"), evidence=("a" * 64,))
    assert story.last[0].by is not None
    assert story.last[0].by.evidence == ("a" * 64,)


# --- people harmed (突发事件应对法 83-85) ----------------------------------------------------


@pytest.mark.clause("突发事件应对法 83", "3.2.3(1)")
def test_the_record_names_the_vaults_entry_and_nothing_of_the_person() -> None:
    story = Story().intake().do(PERSON, "county-health")
    assert story.last[0].data == {"reference": "p-1", "digest": "1" * 64}
    assert story.state.persons == {"p-1": "1" * 64}
    story.refuses("already_registered", "3.2.3(1)", PERSON)
    story.refuses("no_authority", "3.2.3(1)", PERSON, "county-police")


@pytest.mark.clause("突发事件应对法 84")
def test_a_person_is_registered_for_the_response_alone() -> None:
    story = Story().intake().dismiss()
    story.refuses("ended", "2.1.1(4)", PERSON)


@pytest.mark.clause("突发事件应对法 85")
def test_the_keys_are_destroyed_once_it_is_over_and_never_before() -> None:
    story = Story().intake().do(PERSON)
    purge = PurgePersons(references=("p-1",))
    story.refuses("wrong_phase", "2.1.1(4)", purge)
    story.dismiss().refuses("no_authority", "突发事件应对法 85", purge, "county-health")
    story.do(purge)
    assert story.state.purged
    assert story.last[0].data["references"] == ["p-1"]
    assert story.state.persons == {"p-1": "1" * 64}, "that there was somebody stays on record"


# --- phases ---------------------------------------------------------------------------------


@pytest.mark.clause("4.3")
def test_a_superiors_order_may_be_the_first_act_of_all() -> None:
    story = Story().intake().order("start", "nation-command", "I").expect_phase("responding")
    assert story.state.response_level == "I"
    story.order("end", "nation-command").expect_phase("aftermath")


# --- after the end --------------------------------------------------------------------------


def test_what_may_follow_the_end_is_the_least() -> None:
    asked = {name for name, kind in COMMANDS.items() if not kind.internal}
    assert asked & AFTER_THE_END == {
        "reopen",
        "attach",
        "purge_persons",
        "complete_corrective_action",
        "sign_report",
        "acknowledge_notice",
        "submit_report",
        "give_report",
        "void_entry",
        # An incident that was dismissed or merged still has bodies to tell so.
        "stop_notice",
        "record_call",
    }


@pytest.mark.parametrize("phase", ["closed", "dismissed", "merged"])
def test_an_ended_incident_says_what_to_do_instead(phase: str) -> None:
    story = Story().intake()
    into = "GQ-9" if phase == "merged" else None
    story.state = story.state.model_copy(update={"phase": phase, "merged_into": into})
    with pytest.raises(Refusal) as raised:
        story.do(Close(text="办结"), "command-office")
    assert raised.value.code == "ended"
    assert ("GQ-9" if into else "reopen") in raised.value.message.zh


def test_a_merged_incident_is_not_reopened() -> None:
    story = Story().intake()
    story.state = story.state.model_copy(update={"phase": "merged", "merged_into": "GQ-9"})
    with pytest.raises(Refusal) as raised:
        story.reopen()
    assert raised.value.code == "wrong_phase"
