"""Who may do what, at which level: tested against the decider, never against the recorder."""

from domain.base import Refusal, Text
from domain.plan import Body, Plan, Power

_KINDS_OF_HOLDER = {
    "any": Text(zh="任何单位和个人", en="anyone"),
    "county": Text(zh="本县各单位", en="the bodies of this jurisdiction"),
    "concerned": Text(zh="承办单位", en="the body whose matter it is"),
    "level": Text(zh="相应级别的决定机关", en="whoever decides at that level"),
    "superiors": Text(zh="上级机关", en="superior bodies"),
}


def holds(
    plan: Plan, power: Power, body: Body, level: str | None, concerned: frozenset[str]
) -> bool:
    """Whether ``body`` is among the holders of ``power`` at ``level``; see Power."""
    for holder in power.holders:
        match holder:
            case "any":
                return True
            case "county":
                found = body.tier == "county"
            case "superiors":
                found = body.tier in ("city", "province", "nation")
            case "concerned":
                found = body.id in concerned or body.part_of in concerned
            case "level":
                found = level is not None and body.id in plan.level_by_id[level].decides
            case _:
                found = body.id == holder
        if found:
            return True
    return False


def require(
    plan: Plan,
    command: str,
    decider: str,
    level: str | None = None,
    concerned: frozenset[str] = frozenset(),
) -> str:
    """The clause that gives ``decider`` the power to do ``command``.

    Args:
        level: the level at which the power is used, None where the level plays no part.
        concerned: the bodies whose task, notice or duty is at stake.

    Raises:
        Refusal: the decider holds no such power; the clause is the one that gives it to others.
    """
    powers = [power for power in plan.powers if power.command == command]
    body = plan.body_by_id.get(decider)
    if body is None:
        raise Refusal(
            "unknown_body",
            plan.recording.clause,
            f"预案中没有“{decider}”这一单位，请从单位名录中选择决定者。",
            f"the plan knows no body {decider!r}: name the decider by an id of the plan's bodies",
        )
    for power in powers:
        if holds(plan, power, body, level, concerned):
            return power.clause
    if not powers:
        raise Refusal(
            "no_power",
            plan.recording.clause,
            f"预案没有规定谁可以作出“{command}”。",
            f"the plan gives nobody the power to {command}",
        )
    clause = powers[0].clause
    if any("level" in power.holders for power in powers) and level is not None:
        grade = plan.level_by_id[level]
        clause = f"{clause}; {grade.clause}" if not grade.own else clause
        holders = grade.decides
    else:
        holders = tuple(holder for power in powers for holder in power.holders)
    names = [
        plan.body_by_id[holder].name if holder in plan.body_by_id else _KINDS_OF_HOLDER[holder]
        for holder in dict.fromkeys(holders)
    ]
    who_zh, who_en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
    raise Refusal(
        "no_authority",
        clause,
        f"{body.name.zh}无权作出此项决定，应由{who_zh}作出；如已由其作出，请以其名义补录。",
        f"{body.name.en} may not {command.replace('_', ' ')}: it is for {who_en}; "
        "if they have done so, record it in their name",
    )


def require_recorder(plan: Plan, seat: str, decider: str) -> None:
    """Check that ``seat`` may put on record what ``decider`` did.

    A seat always records for its own body and for the body it is part of; the duty seat and
    the command office also for leaders and superiors who never log in.

    Raises:
        Refusal: the seat is unknown or records for itself alone.
    """
    held = plan.seat_by_id.get(seat)
    if held is None:
        raise Refusal(
            "unknown_seat",
            plan.recording.clause,
            f"预案中没有“{seat}”这一席位。",
            f"the plan knows no seat {seat!r}: use one of the plan's seats",
        )
    if held.kind in ("observer", "administrator"):
        raise Refusal(
            "seat_reads_only",
            plan.recording.clause,
            f"{held.name.zh}席位只能查看，不能办理。",
            f"the seat {held.name.en} only reads; let a seat that acts record this",
        )
    own = {held.body, plan.body_by_id[held.body].part_of}
    if decider in own or held.id in plan.recording.seats:
        return
    raise Refusal(
        "not_on_behalf",
        plan.recording.clause,
        f"{held.name.zh}席位只能记录本单位的事项，他方决定由值班席位或指挥部办公室代录。",
        f"the seat {held.name.en} records for its own body alone; "
        "the duty seat or the command office records for others",
    )
