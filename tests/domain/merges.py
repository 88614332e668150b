"""Two stories that become one: the saga of a merge as the workflows play it (E11)."""

from typing import Any

import pytest

from domain.base import Refusal
from domain.incident import engine, merging
from domain.incident.commands import Merge
from domain.incident.envelope import Envelope
from domain.incident.observations import AcceptMerge, ConcludeMerge, MergeOffer
from tests.domain.later import Story


def pair(at: str = "14:00") -> tuple[Story, Story]:
    """Two incidents known at the same time: the one that merges, the one that takes over."""
    source = Story(incident="GQ-1", at=at).intake()
    target = Story(incident="GQ-2", at=at).intake()
    return source, target


def ask(source: Story, target: Story, overlap: dict[str, int] | None = None, **how: Any) -> Story:
    """The source asks to be merged; nothing has changed yet."""
    command = Merge.model_validate(
        {"into": target.state.incident, "reasons": "同一批号、同一起事件", "overlap": overlap}
    )
    return source.do(command, **how)


def offer(source: Story) -> MergeOffer:
    """What the source offers now, as it travels: through JSON."""
    made = merging.offer(source.plan, source.state)
    return MergeOffer.model_validate_json(made.model_dump_json())


def accept(target: Story, given: MergeOffer) -> Story:
    """The target takes it over."""
    return target.send(_accept(target, given))


def refuses(target: Story, given: MergeOffer, code: str) -> None:
    """The target refuses the offer with ``code``, and nothing has happened to it."""
    before = target.state.model_dump_json()
    with pytest.raises(Refusal) as raised:
        engine.decide(target.plan, target.state, _accept(target, given), target.now)
    assert raised.value.code == code
    assert target.state.model_dump_json() == before


def conclude(
    source: Story, target: Story, given: MergeOffer, accepted: bool = True, reason: str = ""
) -> Story:
    """The source hears the target's answer."""
    command = ConcludeMerge(
        into=target.state.incident, offered_seq=given.seq, accepted=accepted, reason=reason or None
    )
    return source.send(Envelope(received=source.now, command=command))


def merge(source: Story, target: Story, overlap: dict[str, int] | None = None) -> None:
    """The whole saga, without anything happening in between."""
    ask(source, target, overlap)
    given = offer(source)
    accept(target, given)
    conclude(source, target, given)
    source.expect_phase("merged")


def _accept(target: Story, given: MergeOffer) -> Envelope:
    return Envelope(
        request_id=f"merge:{given.source}:{given.seq}",
        received=target.now,
        command=AcceptMerge(offer=given),
    )
