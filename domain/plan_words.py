"""The words a plan is written in: kinds of bodies, moments, acts, conditions, measures."""

from typing import Literal

Tier = Literal["county", "city", "province", "nation", "outside"]
BodyKind = Literal[
    "government",
    "command",
    "office",
    "duty",
    "regulator",
    "department",
    "group",
    "expert",
    "outside",
]
SeatKind = Literal[
    "duty",
    "office",
    "government",
    "command",
    "department",
    "reporter",
    "expert",
    "observer",
    "administrator",
]
ContactRole = Literal["duty_phone", "duty_officer", "deputy", "leader"]
"""Who answers for a body, in the order of asking: 值班电话, 值班员, 副职, 主要负责人."""
Basis = Literal[
    "discovered",  # the reporter 发现/获知
    "learned",  # the earliest moment our regulator 发现, 获知 or 接报
    "received",  # 接到报告
    "harmed",  # people were harmed, or may have been: as first reported, or learned later
    "determined",  # 初步认定, and every later upgrade
    "worsened",  # an important matter: new deaths, more severe cases
    "day",  # every Beijing calendar day while the level holds
    "activated",  # the decision to start the response
    "occurred_level",  # a level has occurred and implies a warning by a superior
    "published",  # an information release was published
    "terminated",  # 应急响应终止
    "dismissed",  # found to be no incident after it had been reported
    "voided",  # a report that had gone out was withdrawn by correction
    "concluded",  # the experts' conclusion
    "foreign",  # foreign citizens or effects abroad became known
    "compatriots",  # Taiwan, Hong Kong or Macao people became known
    "outside_firm",  # firms or products from elsewhere became known
    "order_given",  # a superior's order was received
    "requisitioned",  # goods or labour were requisitioned
    "used",  # our own stores were used
    "warning_lifted",  # our own warning was lifted
    "warning_issued",  # our own warning was issued
    "seized",  # 封存/查封扣押, for other laws' limits
    "tested",  # a test report was issued, for other laws' limits
    "recall",  # a recall was decided, for other laws' limits
    "recalled",  # a recall was completed, for other laws' limits
]
Act = Literal[
    "report.initial",
    "report.progress",
    "report.urgent",
    "report.summary",
    "report.correction",
    "report.filing",
    "report.any",
    "notice",  # a notice of ours that its channel accepted, or that was acknowledged
    "intake",  # the report that opened the incident, for the reporter's own duty
    "publication",
    "settlement",  # requisitioned goods returned or compensated
]
Condition = Literal[
    "harm", "abroad", "compatriots", "outside_firm", "crime", "command", "no_command"
]
Qualifier = Literal[
    "unexpected",
    "similar_symptoms",
    "clustered",
    "lots_close",
    "same_drug",
    "same_lot",
    "short_term",
    "similar_cases",
]
Measure = Literal[
    "affected",
    "severe",
    "deaths",
    "provinces_with_ii",
    "cities_with_iii",
    "counties_with_iv",
    "judged",
]
