"""One example body for each command, shown on the OpenAPI page and sent by its test.

The incident is that of the 刺五加注射液 (2008), with times moved.
"""

from typing import Any, Final

INTAKE: Final[dict[str, Any]] = {
    "caller": {
        "kind": "hospital",
        "unit": "某县人民医院",
        "name": "值班医师",
        "number": "0533-0000000",
    },
    "learned_at": "2026-01-31T14:32:00+08:00",
    "drug": "刺五加注射液",
    "people": "6人用药后出现严重不良反应，其中3人死亡",
    "place": "某县人民医院",
    "kind": "group-adverse-event",
    "lots": ["2007122721", "2007121511"],
    "symptoms": "寒战、高热、血压下降",
    "harm": True,
}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "correct_facts": {
        "changes": {"manufacturer": "某制药厂", "lots": ["2007122721"]},
        "reason": "电话补充",
    },
    "verify": {"outcome": "pending", "text": "已派员赴现场，待核实"},
    "assess": {
        "findings": {
            "affected": 6,
            "severe": 6,
            "deaths": 3,
            "unexpected": True,
            "similar_symptoms": True,
            "clustered": True,
            "lots_close": True,
            "same_drug": True,
            "same_lot": True,
            "short_term": True,
            "similar_cases": True,
        },
        "reasons": "3人死亡，同一区域有其他类似病例",
    },
    "record_order": {
        "decider": "province-command",
        "means": "phone",
        "kind": "start",
        "level": "II",
        "text": "启动II级应急响应",
        "expected_duration": "至事件得到控制",
    },
    "propose_activation": {
        "decider": "command-office",
        "level": "IV",
        "area": "全县",
        "scope": "各医疗机构和药品经营企业",
        "reasons": "达到IV级标准",
        "expected_duration": "约两周",
        "measures": "暂停使用、封存、救治",
    },
    "decide_activation": {
        "decider": "county-government",
        "decider_person": "分管副县长",
        "means": "phone",
        "proposal": "p12",
        "version": 1,
        "approve": True,
    },
    "propose_adjustment": {
        "decider": "command-office",
        "level": "III",
        "reasons": "涉及人数增加",
    },
    "decide_adjustment": {"decider": "city-command", "proposal": "p20", "approve": True},
    "propose_termination": {
        "decider": "command-office",
        "conditions": {
            "patients": {"met": True, "by": "county-health", "text": "患者均已出院"},
        },
        "reasons": "条件均已具备",
    },
    "decide_termination": {"decider": "county-government", "proposal": "p30", "approve": True},
    "establish": {
        "decider": "county-government",
        "what": "command",
        "roles": {"commander": "分管副县长"},
    },
    "release_pack": {"decider": "command-office", "pack": "response"},
    "complete_task": {"task": "t5", "result": "已完成封存"},
    "reassign_task": {"task": "t5", "owner": "county-health", "reason": "由卫健部门承担更合适"},
    "submit_report": {
        "kind": "initial",
        "means": "phone",
        "fields": {"event_name": "刺五加注射液不良事件", "drug": "刺五加注射液", "people": "不详"},
        "given": [{"recipient": "city-msa", "channel": "phone", "taken_by": "市局值班员"}],
    },
    "give_report": {
        "means": "phone",
        "report": "r15",
        "delivery": {"recipient": "county-government", "channel": "phone"},
    },
    "sign_report": {
        "decider": "county-msa",
        "decider_person": "局主要负责同志",
        "means": "written_instruction",
        "report": "r15",
    },
    "propose_release": {
        "decider": "command-office",
        "title": "关于某注射液不良事件的情况通报",
        "text": "目前患者均得到救治，相关批号产品已停用。",
        "channel": "官方网站",
    },
    "decide_release": {"decider": "county-government", "proposal": "p40", "approve": True},
    "publish_release": {
        "decider": "county-publicity",
        "proposal": "p40",
        "channel": "官方网站",
    },
    "file_release": {
        "release": "i50",
        "delivery": {"recipient": "city-government", "channel": "fax"},
    },
    "record_authorisation": {
        "decider": "city-command",
        "means": "phone",
        "level": "III",
        "text": "授权县里统一发布",
    },
    "determine_cause": {"cause": "quality", "conclusion": "药品被污染，专家意见一致"},
    "log_resource": {
        "action": "requisition",
        "kind": "goods",
        "what": "救护车",
        "quantity": "2辆",
        "source": "某医院",
    },
    "add_corrective_action": {
        "decider": "county-msa",
        "text": "完善雨季药品仓储检查",
        "owner": "county-msa",
        "due": "2026-06-30",
    },
    "complete_corrective_action": {"action": "a60", "result": "已修订检查表并完成检查"},
    "acknowledge_notice": {"notice": "n7.1"},
    "stop_notice": {"notice": "n7.1", "reason": "已当面告知其主要负责人"},
    "record_call": {"means": "phone", "recipient": "city-msa", "taken_by": "市局值班员"},
    "void_entry": {"seq": 9, "reason": "误录，人数有误"},
    "issue_warning": {
        "decider": "city-warning",
        "means": "fax",
        "level": "三级",
        "text": "发布三级预警",
    },
    "lift_warning": {"decider": "city-warning", "warning": "w70", "reason": "趋势好转"},
    "dismiss": {"decider": "county-msa", "reasons": "经核实，与药品无关"},
    "merge": {
        "decider": "county-msa",
        "into": "GQ-000-000-000",
        "reasons": "同一批号、同一起事件",
    },
    "reopen": {"decider": "command-office", "reason": "出现新的类似病例"},
    "close": {"decider": "command-office", "text": "各项工作办结"},
}

ATTRIBUTION: Final[dict[str, Any]] = {"decider": "county-msa", "means": "phone"}
PERSON: Final[dict[str, Any]] = {
    "person": {"name": "患者甲", "sex": "女", "age": 61, "hospital": "某县人民医院"}
}
PURGE: Final[dict[str, Any]] = {"decider": "county-msa", "late_reason": "办结后按规定销毁"}
GRADE: Final[dict[str, Any]] = {
    "affected": 13,
    "severe": 0,
    "deaths": 0,
    "unexpected": True,
    "similar_symptoms": True,
    "clustered": True,
    "lots_close": True,
    "same_drug": True,
    "same_lot": True,
    "short_term": None,
    "similar_cases": None,
    "spread": {"provinces_with_ii": 0, "cities_with_iii": 0, "counties_with_iv": 0},
    "judged_level": None,
}
