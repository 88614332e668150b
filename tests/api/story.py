"""Incidents that have come some way, for tests that begin there."""

from tests.api.driver import ORDINARY, Api
from tests.workflows.harness import PLAN


async def proposal(api: Api, incident: str) -> str:
    """The id of the newest proposal."""
    state = await api.state(incident)
    return str(list(state["proposals"])[-1])


async def ordinary(api: Api) -> str:
    """A level IV incident whose response has started."""
    incident = await api.open(findings=ORDINARY)
    await api.do(incident, "assess", {"decider": "county-msa", "reasons": "达到四级标准"})
    await api.do(
        incident,
        "propose-activation",
        {
            "decider": "command-office",
            "level": "IV",
            "area": "全县",
            "scope": "各医疗机构",
            "reasons": "达到IV级标准",
            "expected_duration": "约两周",
            "measures": "停用、封存、救治",
        },
    )
    await api.do(
        incident,
        "decide-activation",
        {
            "decider": "county-government",
            "decider_person": "分管副县长",
            "means": "phone",
            "proposal": await proposal(api, incident),
            "approve": True,
        },
    )
    return incident


async def end(api: Api, incident: str) -> None:
    """End the response of ``incident``, every condition met."""
    await api.do(
        incident,
        "propose-termination",
        {
            "decider": "command-office",
            "conditions": {
                condition.id: {"met": True, "by": "county-health", "text": "是"}
                for condition in PLAN.termination.conditions
            },
            "reasons": "条件均已具备",
        },
    )
    await api.do(
        incident,
        "decide-termination",
        {
            "decider": "county-government",
            "proposal": await proposal(api, incident),
            "approve": True,
        },
    )


async def close(api: Api, incident: str) -> None:
    """Settle everything and close ``incident``."""
    await api.do(
        incident,
        "submit-report",
        {
            "decider": "county-msa",
            "kind": "summary",
            "fields": {"origin": "污染"},
            "given": [
                {"recipient": body, "channel": "paper"}
                for body in ("county-government", "city-government-duty", "city-msa")
                if body in PLAN.body_by_id
            ],
        },
    )
    await api.do(
        incident,
        "determine-cause",
        {"decider": "county-msa", "cause": PLAN.causes[0].id, "conclusion": "药品被污染"},
    )
    state = await api.state(incident)
    for task in list(state["tasks"].values()):
        if task["status"] == "open":
            body = {"decider": task["owner"], "task": task["id"], "result": "已完成"}
            await api.do(incident, "complete-task", body)
    state = await api.state(incident)
    for clock in state["clocks"].values():
        if clock["status"] == "open" and clock["recipient"] and clock["owner"] != "reporter":
            report = next(r for r in state["reports"].values() if r["kind"] == "summary")
            await api.do(
                incident,
                "give-report",
                {
                    "decider": "county-msa",
                    "report": report["id"],
                    "delivery": {"recipient": clock["recipient"], "channel": "paper"},
                },
            )
            state = await api.state(incident)
    await api.do(incident, "close", {"decider": "command-office", "text": "各项工作办结"})
