"""The steps of the later chapters: releases, corrections, persons, command (2.1, 4.7, E11)."""

from typing import Any, Self

from domain.incident.commands import (
    DecideRelease,
    Dismiss,
    Establish,
    FileRelease,
    ProposeRelease,
    PublishRelease,
    PurgePersons,
    VoidEntry,
)
from domain.incident.entries import Delivery
from domain.incident.envelope import Envelope
from domain.incident.observations import AcceptMerge, MergeOffer
from tests.domain.story import Story as EarlyStory


class Story(EarlyStory):
    """A story that goes on to what is published, corrected and destroyed."""

    def establish(self) -> Self:
        """The government sets up the command (2.1)."""
        return self.do(Establish(what="command"), self.plan.government)

    def publish(self, text: str = "情况通报") -> Self:
        """A text is drafted by the office, reviewed and put out by the government (4.7.2)."""
        draft = ProposeRelease(title="情况通报", text=text, channel="政府网站")
        self.do(draft, self.plan.office)
        name = self.proposal.id
        self.do(DecideRelease(proposal=name, approve=True), self.plan.government)
        out = PublishRelease(proposal=name, channel="政府网站")
        return self.do(out, self.plan.government)

    def take_over(self, given: MergeOffer) -> Self:
        """Another incident merges into this one."""
        command = AcceptMerge(offer=given)
        return self.send(Envelope(received=self.now, command=command))

    def file(self, release: str, to: str) -> Self:
        """A release is filed (备案)."""
        channel = next(c for c in self.plan.report_by_kind["filing"].channels if c != "system")
        delivery = Delivery(recipient=to, channel=channel)
        return self.do(
            FileRelease(release=release, delivery=delivery),
            self.plan.office,
            seat=self.plan.recording.seats[0],
        )

    def void(self, seq: int, by: str | None = None, reason: str = "误录") -> Self:
        """A wrong entry is voided (E11)."""
        return self.do(VoidEntry(seq=seq, reason=reason), by)

    def dismiss(self, reasons: str = "经核实与药品无关", by: str | None = None, **how: Any) -> Self:
        """Found to be no incident (E11)."""
        return self.do(Dismiss(reasons=reasons), by, **how)

    def purge(self, *references: str, **how: Any) -> Self:
        """The keys of personal data have been destroyed (突发事件应对法 85)."""
        return self.do(PurgePersons(references=references), **how)
