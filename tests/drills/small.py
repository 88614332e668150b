"""A scenario small enough to read at once; tests change a line of it and see what is said."""

from pathlib import Path

from domain.drill.rehearsal import Rehearsal, rehearse
from domain.drill.scenario import Scenario
from store.scenarios import parse_scenario
from tests.plans.files import ROOT, gaoqing

DRILLS = ROOT / "drills"
SCHEMA = DRILLS / "scenario.schema.json"
SHIPPED: list[Path] = sorted(DRILLS.glob("*.yaml"))

SMALL = """\
id: small
title: {zh: "小演练", en: "Small"}
summary: {zh: "一个电话", en: "One call"}
plan: gaoqing-2023
starts: 2026-10-06T14:00:00+08:00
length: P1D
sources:
  - {title: "预案", published: "高政办字〔2023〕17号", used: {zh: "时限", en: "Deadlines"}}
objectives:
  - {id: report, text: {zh: "上报", en: "Report"}, clauses: ["3.2.2(1)"]}
players:
  - {id: duty, seat: duty, text: {zh: "值班", en: "Duty"}}
openings:
  main:
    caller: {kind: hospital, unit: "演练医院"}
    learned: -PT10M
    ends: early_handling
    facts: {kind: group-adverse-event, drug: "演练用药", people: "2人", place: "县城"}
injects:
  - number: 1
    at: PT1H
    from: {zh: "医院", en: "A hospital"}
    to: [duty]
    channel: phone
    opens: main
    text: {zh: "有情况", en: "Something is wrong"}
    expected:
      - text: {zh: "上报", en: "Report"}
        objective: report
        event: report.submitted
        within: PT30M
        clause: "3.2.2(1)"
actions:
  - at: PT1H10M
    as: first
    command: submit_report
    seat: duty
    fields: {kind: initial, given: [{recipient: city-msa, channel: phone}]}
  - at: PT2H
    command: sign_report
    seat: duty
    fields: {decider: county-msa, report: $first}
"""


def edited(old: str, new: str) -> tuple[str, int]:
    """The small scenario with the first ``old`` replaced, and the line it stood in."""
    assert old in SMALL
    return SMALL.replace(old, new, 1), SMALL[: SMALL.index(old)].count("\n") + 1


def with_actions(*lines: str) -> str:
    """The small scenario with ``lines`` as its actions, each a mapping in one line."""
    head, _, _ = SMALL.partition("actions:\n")
    return head + "actions:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def scenario(text: str = SMALL) -> Scenario:
    """The scenario that ``text`` holds."""
    return parse_scenario(text, gaoqing())


def played(text: str = SMALL) -> Rehearsal:
    """How the scenario that ``text`` holds goes by its script."""
    found = scenario(text)
    assert found.starts is not None
    return rehearse(found, gaoqing(), found.starts)
