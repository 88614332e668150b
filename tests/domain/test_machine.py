"""Whatever is asked, in whatever order: what must hold of an incident holds (property-based).

Two machines, one for the county's plan and one for the invented county's, give every command at
random: by whoever, on time and late, about things that exist and things that don't.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from domain import clocks
from domain.base import Refusal
from domain.incident import chain, engine, merging, view
from domain.incident.envelope import COMMANDS, Envelope, command_adapter
from domain.incident.observations import AcceptMerge, ConcludeMerge, NoticeOutcome, Tick
from domain.incident.record import Attribution
from domain.incident.state import TERMINAL, State
from store.texts import notice_text
from tests.domain import asking, oracle
from tests.domain.asking import Dice
from tests.domain.driver import gaoqing, tiny
from tests.domain.machine import Checked

ASKED = sorted(name for name, kind in COMMANDS.items() if not kind.internal and name != "intake")
DECIDED = {
    *("decide_activation", "decide_adjustment", "decide_termination", "record_order"),
    *("decide_release", "publish_release", "file_release", "dismiss", "reopen", "close"),
}
"""What the most depends on."""
SEED = st.integers(0, 2**32 - 1)
LEAPS = (0, 1, 20, 61, 180, 800, 2900, 21000)
"""How many minutes may pass between two commands."""


class Machine(Checked):
    """One incident under one plan, asked for anything."""

    # --- what happens ---------------------------------------------------------------------

    @initialize(seed=SEED)
    def first_report(self, seed: int) -> None:
        dice = self.dice(seed)
        command = asking.intake(dice, self.plan, self.now)
        seats = [s.id for s in self.plan.seats if s.kind == "duty" or s.kind == "reporter"]
        seat = dice.choice(seats)
        by = Attribution(decider=self.plan.seat_by_id[seat].body, recorder=seat)
        # Nothing in a first report is refused.
        self.give(self.envelope(command, by))

    @rule(seed=SEED)
    def ask(self, seed: int) -> None:
        dice = self.dice(seed)
        for _ in range(10):
            fresh = [name for name in ASKED if name not in self.done]
            self.ask_for(dice, dice.choice(ASKED if dice.one_in(3) or not fresh else fresh))

    @rule(seed=SEED)
    def ask_what_fits(self, seed: int) -> None:
        """What an office would do next, so that incidents get to their end."""
        dice = self.dice(seed)
        for _ in range(10):
            self.ask_next(dice)

    def ask_next(self, dice: Dice) -> None:
        state = self.state
        open_kinds = {p.kind for p in state.proposals.values() if p.status == "open"}
        wanted = [f"decide_{kind}" for kind in sorted(open_kinds)]
        match state.phase:
            case "reported" | "early_handling":
                wanted += ["assess", "propose_activation", "dismiss", "record_order", "merge"]
                wanted += ["issue_warning", "propose_release", "propose_adjustment"]
            case "responding":
                wanted += ["propose_termination", "propose_release", "record_order", "establish"]
                wanted += ["release_pack", "record_authorisation", "publish_release"]
                wanted += ["propose_adjustment", "reassign_task"]
            case "aftermath":
                wanted += ["determine_cause", "close", "log_resource"]
            case "closed" | "dismissed":
                wanted += ["reopen", "purge_persons"]
        wanted += ["publish_release", "file_release"] if state.releases else []
        wanted += ["lift_warning"] if state.warnings else []
        wanted += ["complete_corrective_action"] if state.actions else []
        if wanted:
            self.ask_for(dice, dice.choice(wanted))

    @rule()
    def tell_everyone(self) -> None:
        """Every report that is owed is given, so that clocks are met."""
        general = {"aftermath": "summary", "dismissed": "correction"}
        kind = general.get(self.state.phase, "urgent")
        for clock in self.state.open_clocks:
            duty = self.plan.obligation_by_id.get(clock.obligation)
            if duty is None or clock.recipient is None:
                continue
            met_by = {act.partition(".")[2] for act in duty.met_by}
            report = "progress" if clock.day else "correction" if "correction" in met_by else kind
            channel = self.plan.report_by_kind[report].channels[0]
            given = {"recipient": clock.recipient, "channel": channel}
            if duty.owner == clocks.REPORTER:
                self.act({"name": "give_report", "delivery": given}, self.plan.regulator)
                continue
            about = clock.ref if report == "correction" else None
            content = {"kind": report, "day": clock.day, "about": about, "given": [given]}
            self.act({"name": "submit_report", **content}, self.plan.regulator)

    @rule()
    def finish(self) -> None:
        """Every task is done and every resource settled by whoever has it."""
        for task in [t for t in self.state.tasks.values() if t.status == "open"]:
            self.act({"name": "complete_task", "task": task.id, "result": "已完成"}, task.owner)
        ways = {"goods": "return", "labour": "compensate", "store": "replenish"}
        for entry in [e for e in self.state.ledger.values() if e.open]:
            content = {"action": ways[entry.kind], "resource": entry.id}
            self.act({"name": "log_resource", **content}, self.plan.government)

    @rule()
    def publish(self) -> None:
        """A text is proposed, reviewed by whoever may, put out, and filed."""
        draft = {"title": "情况通报", "text": "情况稳定", "channel": "政府网站"}
        self.act({"name": "propose_release", **draft}, self.plan.office)
        name = next(reversed(self.state.proposals), "p0")
        speaker = min(oracle.may_release(self.plan, self.state, self.now))
        decision = {"name": "decide_release", "proposal": name, "approve": True}
        self.act(decision, speaker)
        out = {"name": "publish_release", "proposal": name, "channel": "政府网站"}
        self.act(out, speaker)
        channel = self.plan.report_by_kind["filing"].channels[0]
        for release in list(self.state.releases)[-1:]:
            for clock in self.state.open_clocks:
                if clock.ref == release:
                    given = {"recipient": clock.recipient, "channel": channel}
                    content = {"release": release, "delivery": given}
                    self.act({"name": "file_release", **content}, self.plan.office)

    @rule(approve=st.booleans())
    def respond(self, approve: bool) -> None:
        """The response of our own level is proposed and decided."""
        level = next(level for level in reversed(self.plan.levels) if level.own)
        words = ("area", "scope", "reasons", "expected_duration", "measures")
        content = {"level": level.id, **dict.fromkeys(words, "按方案处置")}
        self.act({"name": "propose_activation", **content}, self.plan.office)
        last = next(reversed(self.state.proposals.values()), None)
        if last is not None:
            decision = {"proposal": last.id, "version": last.version, "approve": approve}
            self.act({"name": "decide_activation", **decision}, level.decides[0])

    @rule(place=st.integers(0, 3))
    def adjust(self, place: int) -> None:
        """Another level is asked for, and decided by whoever leads at the graver of both."""
        level = self.plan.level_ids[place % len(self.plan.level_ids)]
        content = {"level": level, "reasons": "事态变化"}
        self.act({"name": "propose_adjustment", **content}, self.plan.office)
        last = next(reversed(self.state.proposals.values()), None)
        if last is not None and last.kind == "adjustment":
            led = oracle.gravest(self.plan, self.state.level, self.state.response_level, level)
            decision = {"proposal": last.id, "version": last.version, "approve": True}
            decides = self.plan.level_by_id[led or level].decides[0]
            self.act({"name": "decide_adjustment", **decision}, decides)

    @rule()
    def wind_up(self) -> None:
        """Towards the end, by whoever decides it."""
        state, plan = self.state, self.plan
        leads = oracle.gravest(plan, state.level, state.response_level)
        decides = plan.level_by_id[leads or plan.level_ids[-1]].decides[0]
        if state.phase in ("early_handling", "responding"):
            conditions = {
                c.id: {"met": True, "by": "专家组", "text": "已核实"}
                for c in plan.termination.conditions
            }
            content = {"conditions": conditions, "reasons": "已稳定"}
            self.act({"name": "propose_termination", **content}, plan.office)
            last = next(reversed(self.state.proposals.values()), None)
            if last is not None:
                decision: dict[str, Any] = {
                    "proposal": last.id,
                    "version": last.version,
                    "approve": True,
                }
                self.act({"name": "decide_termination", **decision}, decides)
            order = {"name": "record_order", "kind": "end", "text": "终止"}
            self.act(order, decides)
        if self.state.phase == "aftermath":
            cause = {"cause": plan.causes[-1].id, "conclusion": "已查明"}
            self.act({"name": "determine_cause", **cause}, plan.regulator)
            for warning in self.state.warnings:
                lift = {"name": "lift_warning", "warning": warning, "reason": "可能性消除"}
                self.act(lift, plan.government)
            self.finish()
            self.tell_everyone()
            self.publish()
            self.act({"name": "close", "text": "各项工作办结"}, plan.office)

    @rule(minutes=st.sampled_from(LEAPS), every=st.booleans())
    def time_passes(self, minutes: int, every: bool) -> None:
        """With a wake-up at every moment that asks for one, or with one when all is back."""
        target = self.now + timedelta(minutes=minutes)
        woken = 0
        while every and woken < 60:
            moments = clocks.next_moments(self.plan, self.state, self.now).values()
            due = [at for at in moments if at <= target]
            if not due:
                break
            self.now = max(self.now, min(due))
            self.tick()
            woken += 1
        self.now = target
        self.tick()

    def tick(self) -> None:
        before = {c.id for c in self.state.open_clocks if c.unrecorded_at is None}
        events = self.give(Envelope(received=self.now, command=Tick()))
        late = {c.id for c in self.state.open_clocks if c.due <= self.now}
        said = {e.data["clock"] for e in events if e.type == "clock.unrecorded"}
        assert late & before <= said, "overdue, and no event says so"
        assert all(self.state.clocks[c].unrecorded_at for c in late)
        moments = clocks.next_moments(self.plan, self.state, self.now)
        assert all(at > self.now for at in moments.values()), "a wake-up that would spin"

    @rule(seed=SEED, failure=st.booleans())
    def channels_answer(self, seed: int, failure: bool) -> None:
        dice = self.dice(seed)
        if not self.state.outbox:
            return
        notice = dice.choice([n.id for n in self.state.outbox])
        outcome = NoticeOutcome(
            notice=notice,
            accepted=() if failure else ("inbox",),
            failure=f"no route to {asking.MOBILE}" if failure else None,
        )
        self.give(Envelope(received=self.now, command=outcome))

    @rule(seed=SEED)
    def another_merges_in(self, seed: int) -> None:
        dice = self.dice(seed)
        source = self.another(dice)
        given = merging.offer(self.plan, source)
        envelope = Envelope(
            request_id=f"merge:{given.source}",
            received=self.now,
            command=AcceptMerge(offer=given),
        )
        try:
            self.give(envelope)
        except Refusal:
            assert self.state.phase in ("aftermath", *TERMINAL) or self.state.merging_into
            return
        for clock in source.open_clocks:
            if clock.obligation != clocks.TASK:
                assert self.covers(clock.obligation, clock.recipient, clock.due), clock
        assert {*source.persons} <= {*self.state.persons}
        assert {*source.told} <= {*self.state.told}
        assert self.rank(self.state.level) >= self.rank(source.level)

    def another(self, dice: Dice) -> State:
        """Another incident of the same county, some way on."""
        self.sources += 1
        state = engine.initial(f"OTHER-{self.sources}", self.plan, "incidents")
        seat = self.plan.recording.seats[0]
        by = Attribution(decider=self.plan.regulator, recorder=seat)
        names = dice.sample(["assess", "log_resource", "correct_facts"], dice.randrange(3))
        for name in ["intake", *names, "register_person"]:
            if name == "intake":
                command = asking.intake(dice, self.plan, self.now)
            else:
                content = asking.command(dice, name, self.plan, state, self.now)
                command = self.parse({"name": name, **content}) or command
            try:
                envelope = Envelope(received=self.now, by=by, command=command)
                events = engine.decide(self.plan, state, envelope, self.now)
            except Refusal:
                continue
            state = engine.apply(state, events)
        return state

    def covers(self, duty: str, recipient: str | None, due: datetime) -> bool:
        """Whether a clock here stands for another's: the same duty, no later."""
        return any(
            clock.obligation == duty and clock.recipient == recipient and clock.due <= due
            for clock in self.state.clocks.values()
        )

    @rule(accepted=st.booleans(), stale=st.booleans())
    def the_other_answers(self, accepted: bool, stale: bool) -> None:
        into = self.state.merging_into
        if into is None:
            return
        seq = 1 if stale else self.state.seq
        command = ConcludeMerge(into=into, offered_seq=seq, accepted=accepted)
        self.give(Envelope(received=self.now, command=command))
        if accepted and stale:
            assert self.state.phase != "merged", "merged without all that it had to hand over"

    @rule(seed=SEED)
    def the_same_request_again(self, seed: int) -> None:
        dice = self.dice(seed)
        if not self.handled:
            return
        envelope = dice.choice(self.handled[-30:])
        assert engine.decide(self.plan, self.state, envelope, self.now) == ()
        other = envelope.model_copy(
            update={"command": command_adapter.validate_python({"name": "close", "text": "另一件"})}
        )
        self.refused(other, "request_reused")

    # --- what must hold at every moment ---------------------------------------------------

    @invariant()
    def nobody_outside_the_county_is_notified(self) -> None:
        for notice in self.state.notices.values():
            assert self.plan.body_by_id[notice.recipient].tier == "county"

    @invariant()
    def clocks_stand_as_their_events_say(self) -> None:
        opened = [e.data["clock"]["id"] for e in self.events if e.type == "clock.opened"]
        assert len(opened) == len({*opened}) == len(self.state.clocks)
        for clock in self.state.clocks.values():
            assert (clock.status == "met") == (clock.verdict is not None)
        if self.state.phase in ("closed", "merged"):
            assert self.state.open_clocks == ()

    @invariant()
    def everything_can_be_shown(self) -> None:
        view.details(self.plan, self.state, self.now)
        view.waiting_for(self.plan, self.state)
        for notice in list(self.state.notices.values())[-3:]:
            notice_text(self.plan, self.state, notice)

    def teardown(self) -> None:
        """The record alone tells the whole story, and nothing that it must not tell."""
        stored = [event.canonical() for event in self.events]
        for row in stored:
            assert asking.MOBILE.encode() not in row
            assert asking.IDENTITY.encode() not in row
        state = engine.initial("GQ-1", self.plan, "incidents")
        for place, row in enumerate(stored):
            state = engine.evolve(state, engine.read(row))
            if place % 17 == 0:
                assert State.model_validate_json(state.model_dump_json()) == state
                state = State.model_validate_json(state.model_dump_json())
        assert state == self.state
        rows = [(e.seq, row, e.hash) for e, row in zip(self.events, stored, strict=True)]
        assert list(chain.verify("GQ-1", rows)) == []


class GaoqingMachine(Machine):
    plan = gaoqing()
    accepted: ClassVar[Counter[str]] = Counter()


class TinyMachine(Machine):
    plan = tiny()
    accepted: ClassVar[Counter[str]] = Counter()


RUNS = settings(
    max_examples=50,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.clause("4.6.4", "4.7.2", "3.2.2(1)", "3.2.2(2)", "3.2.3(2)", "4.6.3")
@pytest.mark.parametrize("machine", [GaoqingMachine, TinyMachine])
def test_what_must_hold_holds(machine: type[Machine]) -> None:
    machine.accepted.clear()
    run_state_machine_as_test(machine, settings=RUNS)
    # A machine that is only ever refused shows nothing.
    never = {*ASKED} - {*machine.accepted}
    assert never & DECIDED == set(), "never once accepted"
    assert len(never) <= 4, never
