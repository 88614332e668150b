"""Every recorded run replays: the same commands, and the same state at its end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import VersioningBehavior

from domain.incident.commands import Verify as VerifyCommand
from domain.incident.events import Verified
from domain.incident.record import Event
from domain.incident.rules import DECIDERS, EVOLVERS, Context, Fact
from domain.incident.state import State
from tests.replay import corpus
from workflows import contracts
from workflows.incident import Effect, Incident


@pytest.mark.parametrize("name", corpus.names())
async def test_a_recorded_run_replays_to_the_same_commands_and_state(name: str) -> None:
    recorded = corpus.load(name)

    state = await corpus.replay(recorded)

    assert state.head == recorded.state.head
    assert state == recorded.state


def test_the_corpus_holds_every_way_an_incident_ends() -> None:
    phases = {corpus.load(name).state.phase for name in corpus.names()}

    assert {"closed", "dismissed", "merged", "aftermath"} <= phases
    assert any(name.startswith("continued-") for name in corpus.names())


# --- a guard that cannot fail guards nothing ---


@workflow.defn(
    name=contracts.INCIDENT_WORKFLOW, versioning_behavior=VersioningBehavior.AUTO_UPGRADE
)
class Hasty(Incident):
    """An incident that no longer sends its notices."""

    @workflow.init
    def __init__(self, start: contracts.IncidentStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, _start: contracts.IncidentStart) -> contracts.Receipt:
        return await super().run(_start)

    def _effects(self) -> dict[str, Effect]:
        effects = super()._effects()
        return {key: e for key, e in effects.items() if e.lane != "notice"}


async def test_the_guard_sees_a_changed_workflow() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await corpus.replay(corpus.load("county-iv"), Hasty)


async def test_the_guard_sees_a_changed_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant of the contract is workflow code too."""
    monkeypatch.setattr(contracts, "BATCH_EVENTS", 3)

    with pytest.raises(workflow.NondeterminismError):
        await corpus.replay(corpus.load("county-iv"))


async def test_the_guard_sees_a_rule_that_decides_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another clause in one event is enough: the ids of the journal's activities tell."""
    rules: dict[Any, Any] = DECIDERS
    rule = rules[VerifyCommand]

    def changed(ctx: Context, command: Any) -> Sequence[Fact]:
        facts: Sequence[Fact] = rule(ctx, command)
        return [Fact(fact.payload, "3.2.2(9)", fact.occurred) for fact in facts]

    monkeypatch.setitem(rules, VerifyCommand, changed)

    with pytest.raises(workflow.NondeterminismError):
        await corpus.replay(corpus.load("odds-and-ends"))


async def test_the_guard_sees_a_rule_that_only_understands_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same commands and events, another state: nothing but the state shows it."""
    rules: dict[Any, Any] = EVOLVERS
    rule = rules[Verified]

    def changed(state: State, event: Event, payload: Any) -> State:
        after: State = rule(state, event, payload)
        return after.model_copy(update={"verified": "confirmed"})

    monkeypatch.setitem(rules, Verified, changed)
    recorded = corpus.load("odds-and-ends")

    state = await corpus.replay(recorded)

    assert state.head == recorded.state.head
    assert state != recorded.state


async def test_replays_do_not_disturb_each_other() -> None:
    recorded = corpus.load("nothing-done")

    first, second = await asyncio.gather(corpus.replay(recorded), corpus.replay(recorded))

    assert first == second == recorded.state
