"""Commands at random, mostly sensible: references that exist, and now and then one that doesn't."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from domain.incident.envelope import AnyCommand, command_adapter
from domain.incident.state import State
from domain.plan import Plan

T = TypeVar("T")

MOBILE = "13987654321"
IDENTITY = "11010519491231002X"
PLANTED = f"张三(身份证{IDENTITY}),电话{MOBILE}"
"""What must never reach the record; rare, so that most commands go through."""
CLEAN = ("已核实", "按方案处置", "上级要求加强监测", "不详", "情况稳定")

BACK = (timedelta(), timedelta(), timedelta(minutes=20), timedelta(hours=5), timedelta(days=2))


class Dice(Random):
    """Chance that a seed decides, so that whatever it finds can be found again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.rolled = seed

    def __repr__(self) -> str:
        return f"Dice({self.rolled})"

    def pick(self, *known: T) -> T:
        """One of ``known``."""
        return self.choice(known)

    def one_in(self, times: int) -> bool:
        """True once in so many times."""
        return self.randrange(times) == 0

    def text(self) -> str:
        """What people write; now and then what must not be written."""
        return PLANTED if self.one_in(60) else self.choice(CLEAN)

    def some(self, known: Iterable[str], stray: str = "nothing-of-the-kind") -> str:
        """One of ``known``, or now and then something unknown."""
        found = sorted(known)
        return stray if not found or self.one_in(20) else self.choice(found)

    def moment(self, now: datetime, forward: bool = False) -> datetime:
        """Now or earlier; now and then ahead, where that is asked for."""
        if forward and self.one_in(20):
            return now + timedelta(hours=3)
        return now - self.choice(BACK)


def findings(dice: Dice) -> dict[str, Any]:
    """Counts and answers for the grading lines, contradictory ones included."""
    names = ("unexpected", "similar_symptoms", "clustered", "lots_close", "same_drug", "same_lot")
    found: dict[str, Any] = {
        name: dice.pick(True, True, True, None, False) for name in (*names, "short_term")
    }
    found |= {
        name: dice.pick(None, 0, 1, 2, 3, 5, 12, 25, 33, 55)
        for name in ("affected", "severe", "deaths")
    }
    return found


def facts(dice: Dice, plan: Plan, now: datetime) -> dict[str, Any]:
    """What a first report says; nothing in it is refused."""
    rules = [duty.id for duty in plan.obligations if not duty.enabled]
    return {
        "kind": dice.some([kind.id for kind in plan.kinds]),
        "drug": "某注射液",
        "people": dice.text(),
        "place": "县城",
        "learned_at": dice.moment(now, forward=True),
        "discovered_at": dice.pick(None, now - timedelta(hours=6)),
        "harm": dice.pick(None, True, False),
        "abroad": dice.pick(None, True, False),
        "compatriots": dice.pick(None, True, False),
        "outside_firm": dice.pick(None, True, False),
        "other_rules": dice.sample(rules, dice.pick(0, 0, 0, 1)),
        "findings": findings(dice),
    }


def intake(dice: Dice, plan: Plan, now: datetime) -> AnyCommand:
    """A first report."""
    kind = dice.some([reporter.id for reporter in plan.reporters])
    return command_adapter.validate_python(
        {
            "name": "intake",
            "caller": {"kind": kind, "unit": dice.text()},
            "facts": facts(dice, plan, now),
        }
    )


def deliveries(dice: Dice, plan: Plan, now: datetime, kind: str) -> dict[str, Any]:
    """A report given to someone, by a channel that mostly is allowed."""
    channels = plan.report_by_kind[kind].channels
    return {
        "recipient": dice.some(plan.body_by_id),
        "at": dice.pick(None, dice.moment(now)),
        "channel": dice.some(channels, "pigeon"),
        "taken_by": dice.pick(None, "值班员", f"值班员{MOBILE[:3]}"),
    }


def command(dice: Dice, name: str, plan: Plan, state: State, now: datetime) -> dict[str, Any]:
    """The content of a command ``name`` about ``state``."""
    levels = plan.level_ids
    kinds = ("initial", "progress", "urgent", "summary", "correction")
    proposals = [p.id for p in state.proposals.values() if p.status == "open"]
    chosen = dice.some(proposals or state.proposals)
    match name:
        case "correct_facts":
            changes = facts(dice, plan, now)
            kept = dice.sample(sorted(changes), dice.pick(0, 1, 1, 2, 3))
            return {"changes": {key: changes[key] for key in kept}, "reason": dice.text()}
        case "verify":
            return {"outcome": "pending", "text": dice.text()}
        case "assess":
            level = dice.pick(None, None, *levels)
            found = dice.one_in(2) and findings(dice)
            return {"level": level, "findings": found or None, "reasons": dice.text()}
        case "record_order":
            return {
                "kind": dice.pick("start", "adjust", "end", "instruct"),
                "level": dice.pick(None, *levels),
                "text": dice.text(),
                "daily_hour": dice.pick(None, None, 8, 17),
            }
        case "propose_activation":
            words = ("area", "scope", "reasons", "expected_duration", "measures")
            return {"level": dice.some(levels), **dict.fromkeys(words, dice.text())}
        case "propose_adjustment":
            return {"level": dice.some(levels), "reasons": dice.text()}
        case "propose_termination":
            met = not dice.one_in(5)
            conditions = {
                c.id: {"met": met or dice.one_in(2), "by": "专家组", "text": dice.text()}
                for c in plan.termination.conditions
            }
            return {"conditions": conditions, "reasons": dice.text()}
        case "decide_activation" | "decide_adjustment" | "decide_termination" | "decide_release":
            known = state.proposals.get(chosen)
            version = known.version if known else 1
            return {
                "proposal": chosen,
                "version": version + (dice.one_in(20)),
                "approve": not dice.one_in(5),
            }
        case "establish":
            return {"what": dice.pick("command", "onsite", "groups")}
        case "release_pack":
            return {"pack": dice.some(plan.pack_by_id)}
        case "complete_task":
            pending = [t.id for t in state.tasks.values() if t.status == "open"]
            return {"task": dice.some(pending), "result": dice.text()}
        case "reassign_task":
            pending = [t.id for t in state.tasks.values() if t.status == "open"]
            county = [body.id for body in plan.bodies if body.tier == "county"]
            owner = dice.some(county, plan.bodies[-1].id)
            return {"task": dice.some(pending), "owner": owner, "reason": dice.text()}
        case "submit_report":
            kind = dice.choice(kinds)
            given = range(dice.randrange(4))
            about = dice.some([*state.reports, "dismissal"])
            return {
                "kind": kind,
                "fields": {f.id: dice.text() for f in plan.report_by_kind[kind].fields[:2]},
                "about": about if kind == "correction" else None,
                "given": [deliveries(dice, plan, now, kind) for _ in given],
            }
        case "give_report":
            report = dice.pick(None, *state.reports)
            kind = state.reports[report].kind if report else "initial"
            return {"report": report, "delivery": deliveries(dice, plan, now, kind)}
        case "sign_report":
            return {"report": dice.some(state.reports)}
        case "propose_release":
            return {"title": "情况通报", "text": dice.text(), "channel": "政府网站"}
        case "publish_release":
            approved = [
                p.id
                for p in state.proposals.values()
                if p.kind == "release" and p.status == "approved"
            ]
            by = dice.pick(None, *state.authorisations)
            wanted = dice.some(approved or state.proposals)
            return {"proposal": wanted, "authorisation": by, "channel": "政府网站"}
        case "file_release":
            return {
                "release": dice.some([*state.releases, *state.proposals]),
                "delivery": deliveries(dice, plan, now, "filing"),
            }
        case "record_authorisation":
            return {"level": dice.some(levels), "text": dice.text()}
        case "determine_cause":
            return {
                "cause": dice.some([cause.id for cause in plan.causes]),
                "conclusion": dice.text(),
                "crime_suspected": dice.one_in(2),
            }
        case "log_resource":
            actions = ["requisition", "use", "return", "compensate", "replenish"]
            action = dice.choice(actions)
            return {
                "action": action,
                "resource": dice.some(state.ledger),
                "kind": dice.pick("goods", "labour", "store"),
                **dict.fromkeys(("what", "quantity", "source"), dice.text()),
            }
        case "add_corrective_action":
            return {"text": dice.text(), "owner": dice.some(plan.body_by_id), "due": now.date()}
        case "complete_corrective_action":
            return {"action": dice.some(state.actions), "result": dice.text()}
        case "acknowledge_notice":
            refuse = dice.one_in(2)
            return {
                "notice": dice.some(state.notices),
                "refuse": refuse,
                "comment": dice.text() if refuse or dice.one_in(2) else None,
            }
        case "stop_notice":
            return {"notice": dice.some(state.notices), "reason": dice.text()}
        case "record_call":
            answered = dice.one_in(2)
            return {
                "recipient": dice.some(plan.body_by_id),
                "answered": answered,
                "taken_by": dice.text() if answered else None,
            }
        case "attach":
            title = dice.text()
            digest = f"{dice.randrange(2**64):064x}"
            return {"sha256": digest, "media_type": "image/png", "size": 1, "title": title}
        case "void_entry":
            seqs = [r.seq for r in state.reports.values()]
            seqs += [t.done_seq for t in state.tasks.values() if t.done_seq]
            seqs += [claim.seq for claim in state.learned]
            seqs += [int(key[1:]) for key in state.ledger if "/" not in key]
            seqs += [dice.randint(1, state.seq + 1)]
            return {"seq": dice.choice(seqs), "reason": dice.text()}
        case "issue_warning":
            return {
                "level": dice.some([w.level for w in plan.warnings]),
                "text": dice.text(),
                "authorised_by": dice.pick(None, plan.government),
            }
        case "lift_warning":
            return {
                "warning": dice.some(state.warnings),
                "reason": dice.text(),
                "authorised_by": dice.pick(None, plan.government),
            }
        case "dismiss":
            return {"reasons": dice.text()}
        case "merge":
            overlap = dice.pick(None, {}, {"affected": 2})
            return {"into": dice.some(["OTHER-1", "OTHER-2"], state.incident)} | {
                "reasons": dice.text(),
                "overlap": overlap,
            }
        case "reopen":
            return {"reason": dice.text()}
        case "close":
            return {"text": dice.text()}
        case "register_person":
            number = dice.randrange(30)
            return {"reference": f"p-{number}", "digest": f"{number:064x}"}
        case "purge_persons":
            return {"references": sorted(state.persons)}
        case _:
            raise AssertionError(f"nobody knows how to ask for {name}")
