"""A short exercise of six hours; its lines fall on no moment of its own incident."""

from domain.drill.scenario import Scenario
from store.scenarios import parse_scenario
from tests.plans.files import gaoqing

SECRETS = ("电视台来电追问", "谁来答复记者", "逐项说明分工", "说清首报时限")
"""What players must not read before it comes to them, or ever: injects, expected, objective."""

SHORT = """\
id: short-one
title: {zh: "值班室来电", en: "A call to the duty room"}
summary: {zh: "医院来电，记者追问。", en: "A hospital calls, then the press."}
plan: gaoqing-2023
length: PT6H
sources:
  - {title: "预案", published: "高政办字〔2023〕17号", used: {zh: "时限", en: "Deadlines"}}
objectives:
  - {id: report, text: {zh: "说清首报时限", en: "Report in time"}, clauses: ["3.2.2(1)"]}
players:
  - {id: duty, seat: duty, text: {zh: "值班", en: "Duty"}}
  - {id: health, seat: county-health, text: {zh: "卫健局", en: "Health"}}
openings:
  main:
    caller: {kind: hospital, unit: "演练医院"}
    ends: early_handling
    facts: {kind: group-adverse-event, drug: "演练用药", people: "2人", place: "县城"}
injects:
  - number: 1
    at: PT1M
    from: {zh: "演练医院", en: "A hospital"}
    to: [duty]
    channel: phone
    opens: main
    text: {zh: "两个病人输液后发抖", en: "Two patients shiver"}
    expected:
      - text: {zh: "两小时内报告", en: "Report within two hours"}
        objective: report
        event: report.submitted
        within: PT2H
        clause: "3.2.2(1)"
  - number: 2
    after: {event: report.submitted, by: PT47M}
    from: {zh: "电视台", en: "The press"}
    to: [duty]
    channel: media
    text: {zh: "电视台来电追问", en: "The press asks"}
    expected:
      - {text: {zh: "谁来答复记者", en: "Who answers"}, objective: report, clause: "4.7.2"}
  - number: 3
    at: PT3H7M
    from: {zh: "导调", en: "The director"}
    to: [duty, health]
    channel: in_person
    discussion: true
    text: {zh: "逐项说明分工", en: "Say who does what"}
  - number: 4
    after: {inject: 3, by: PT33M}
    from: {zh: "家属", en: "A family"}
    sender: health
    to: [duty]
    channel: phone
    text: {zh: "家属要求答复", en: "A family wants an answer"}
actions:
  - {at: PT3M13S, command: acknowledge_notice, seat: duty, fields: {notice: $all}}
  - {at: PT3M29S, command: acknowledge_notice, seat: county-msa, fields: {notice: $all}}
  - {at: PT4M41S, command: acknowledge_notice, seat: county-health, fields: {notice: $all}}
  - {at: PT9M17S, command: acknowledge_notice, seat: command-office, fields: {notice: $all}}
  - at: PT11M37S
    as: first
    command: submit_report
    seat: duty
    fields:
      kind: initial
      given:
        - {recipient: county-government, channel: phone}
        - {recipient: city-msa, channel: phone}
  - at: PT12M53S
    command: decide_activation
    seat: county-health
    fields: {proposal: $first, version: 1, approve: true}
    refused: unknown_proposal
  - {at: PT2H1M19S, command: complete_task, seat: county-msa, fields: {task: $all, result: "好"}}
  - {at: PT2H2M23S, command: complete_task, seat: county-health, fields: {task: $all, result: "好"}}
  - at: PT2H59M3S
    every: PT51M
    times: 3
    command: acknowledge_notice
    seat: duty
    fields: {notice: $all}
"""


def short(**changes: object) -> Scenario:
    """The short exercise, with whatever differs."""
    return parse_scenario(SHORT, gaoqing()).model_copy(update=changes)
