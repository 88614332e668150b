"""The scenarios that ship: played by their scripts alone, they go as they say."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from jsonschema_rs import validator_for

from domain.drill.rehearsal import Rehearsal, rehearse
from domain.drill.scenario import Scenario
from domain.drill.scenario_check import clauses
from store.scenarios import load_scenario
from tests.drills.small import SCHEMA, SHIPPED
from tests.plans.files import ROOT, gaoqing

pytestmark = pytest.mark.clause("6.5")
each = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)


@cache
def shipped(path: Path) -> Scenario:
    """The scenario in the file, checked against the plan."""
    return load_scenario(path, gaoqing())


@cache
def went(path: Path) -> Rehearsal:
    """How it goes."""
    scenario = shipped(path)
    assert scenario.starts is not None
    return rehearse(scenario, gaoqing(), scenario.starts)


def test_there_are_four_of_them_at_least() -> None:
    assert len(SHIPPED) >= 4
    assert len({shipped(path).id for path in SHIPPED}) == len(SHIPPED)


@each
def test_it_runs_from_the_first_call_to_its_end_without_a_surprise(path: Path) -> None:
    assert went(path).surprises == []
    ends = {name: opening.ends for name, opening in shipped(path).openings.items()}
    assert {name: state.phase for name, state in went(path).states.items()} == ends
    assert all(state.done for state in went(path).states.values())


@each
def test_every_expected_action_turns_out_as_the_script_means_it(path: Path) -> None:
    found = {
        (inject.number, expected.text.en): went(path).outcome(inject, expected)
        for inject in shipped(path).injects
        for expected in inject.expected
        if expected.event is not None
    }
    meant = {
        (inject.number, expected.text.en): expected.script
        for inject in shipped(path).injects
        for expected in inject.expected
        if expected.event is not None
    }
    assert found == meant


@each
def test_it_asks_what_an_exercise_has_to_ask(path: Path) -> None:
    scenario = shipped(path)
    assert 10 <= len(scenario.injects) <= 25
    assert any(inject.discussion for inject in scenario.injects)
    wrong = [action for action in scenario.script() if action.refused]
    assert len(wrong) >= 2
    assert len(went(path).refused) == len(wrong)
    assert any("authority" in refusal.what for refusal in went(path).refused)


@each
def test_some_departments_answer_and_one_has_to_be_telephoned(path: Path) -> None:
    events = [event for events in went(path).events.values() for event in events]
    types = {event.type for event in events}
    assert {"notice.acknowledged", "call.wanted", "call.made"} <= types


@each
def test_its_sources_are_public_and_say_what_was_changed(path: Path) -> None:
    public = [source for source in shipped(path).sources if source.url is not None]
    assert public
    for source in public:
        assert "改动" in source.used.zh
        assert "Changed" in source.used.en


def test_they_show_levels_devices_and_a_missed_deadline() -> None:
    states = {path.stem: went(path).states["main"] for path in SHIPPED}
    assert states["county-iv-cluster"].level == "IV"
    levels = [d.level for d in states["deaths-iii-to-ii"].determinations]
    assert levels == ["III", "II"]
    assert states["device-eye-gas"].reported.device
    late = states["late-report"].clocks
    assert late["report-2h/city-msa"].verdict == "late"
    assert late["report-2h/county-government"].verdict == "on_time_entered_late"
    # And where nobody means to err, no statutory deadline is missed.
    for name in ("county-iv-cluster", "deaths-iii-to-ii", "device-eye-gas"):
        clocks = [c for c in states[name].clocks.values() if c.kind == "statutory"]
        assert {c.verdict for c in clocks if c.status == "met"} == {"on_time"}
        assert not [c for c in clocks if c.status == "open"]


def test_the_same_start_gives_the_same_record() -> None:
    path = SHIPPED[-1]
    again = rehearse(shipped(path), gaoqing(), went(path).started)
    assert again.events == went(path).events


@each
def test_the_schema_for_editors_accepts_it(path: Path) -> None:
    schema = validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
    data = json.loads(shipped(path).model_dump_json(by_alias=True, exclude_unset=True))
    assert list(schema.iter_errors(data)) == []
    del data["objectives"]
    assert len(list(schema.iter_errors(data))) == 1
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")


def test_a_clause_is_known_with_the_section_around_it() -> None:
    known = clauses(gaoqing())
    assert {"3.2.2(1)", "3.2.2", "3.2", "3", "附件1 三(一)", "突发事件应对法 61"} <= known
    assert "9.9" not in known


def test_the_scenario_of_the_figures_runs_to_its_end_too() -> None:
    path = ROOT / "bench" / "thirty-days.yaml"
    scenario = load_scenario(path, gaoqing())
    went = rehearse(scenario, gaoqing(), datetime(2026, 12, 1, 1, tzinfo=UTC))
    assert went.surprises == []
    assert went.states["main"].phase == scenario.openings["main"].ends
    assert scenario.length.days == 30
