"""Every command there is, and a command on its way: by whom, under which request, when."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from domain.base import Model, Moment
from domain.incident.commands import (
    AcknowledgeNotice,
    AddCorrectiveAction,
    Assess,
    Attach,
    Close,
    Command,
    CompleteCorrectiveAction,
    CompleteTask,
    CorrectFacts,
    DecideActivation,
    DecideAdjustment,
    DecideRelease,
    DecideTermination,
    DetermineCause,
    Dismiss,
    Establish,
    FileRelease,
    GiveReport,
    Intake,
    IssueWarning,
    LiftWarning,
    LogResource,
    Merge,
    ProposeActivation,
    ProposeAdjustment,
    ProposeRelease,
    ProposeTermination,
    PublishRelease,
    PurgePersons,
    ReassignTask,
    RecordAuthorisation,
    RecordCall,
    RecordOrder,
    RegisterPerson,
    ReleasePack,
    Reopen,
    SignReport,
    StopNotice,
    SubmitReport,
    Verify,
    VoidEntry,
)
from domain.incident.observations import (
    AcceptMerge,
    ConcludeMerge,
    Delivered,
    MessageOutcome,
    NoticeOutcome,
    Refused,
    Tick,
)
from domain.incident.record import Attribution, canonical_json, digest

AnyCommand = Annotated[
    Intake
    | CorrectFacts
    | Verify
    | Assess
    | RecordOrder
    | ProposeActivation
    | DecideActivation
    | ProposeAdjustment
    | DecideAdjustment
    | ProposeTermination
    | DecideTermination
    | Establish
    | ReleasePack
    | CompleteTask
    | ReassignTask
    | SubmitReport
    | GiveReport
    | SignReport
    | ProposeRelease
    | DecideRelease
    | PublishRelease
    | FileRelease
    | RecordAuthorisation
    | DetermineCause
    | LogResource
    | AddCorrectiveAction
    | CompleteCorrectiveAction
    | AcknowledgeNotice
    | StopNotice
    | RecordCall
    | Attach
    | VoidEntry
    | IssueWarning
    | LiftWarning
    | Dismiss
    | Merge
    | AcceptMerge
    | ConcludeMerge
    | Reopen
    | Close
    | RegisterPerson
    | PurgePersons
    | NoticeOutcome
    | MessageOutcome
    | Delivered
    | Tick
    | Refused,
    Field(discriminator="name"),
]

COMMANDS: dict[str, type[Command]] = {
    kind.model_fields["name"].default: kind
    for kind in AnyCommand.__origin__.__args__  # type: ignore[attr-defined]
}
"""Every command under its name."""

command_adapter: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)


class Envelope(Model):
    """A command on its way: what, by whom, under which request, received when by the API.

    ``by`` is None for what the system itself observes.
    """

    request_id: str | None = None
    received: Moment
    by: Attribution | None = None
    command: AnyCommand

    def digest(self) -> str:
        """What the request carried, without the moment at which it was received."""
        if isinstance(self.command, Refused) and self.command.request is not None:
            return self.command.request
        carried = self.model_dump(mode="json", include={"by", "command"}, exclude_defaults=True)
        return digest(canonical_json([self.command.name, carried]))
