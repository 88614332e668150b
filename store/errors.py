"""What can go wrong in the store, by type, so that callers need no driver's exceptions."""


class StoreError(Exception):
    """The store did not do what was asked."""


class Unavailable(StoreError):
    """PostgreSQL cannot be reached or cannot answer now; trying again later may work."""


class NotMigrated(Unavailable):
    """The schema of this space is missing or older than the program: run the migrations."""


class Diverged(StoreError):
    """The record holds something else at this sequence, or a batch does not fit onto it.

    Never retried and never skipped: a person must look. ``incident`` and ``seq`` say where.
    """

    def __init__(self, incident: str, seq: int, detail: str) -> None:
        super().__init__(f"{incident} #{seq}: {detail}")
        self.incident = incident
        self.seq = seq
        self.detail = detail


class NotFound(StoreError):
    """There is no such row."""


class Conflict(StoreError):
    """The same name already stands for something else."""


class Purged(StoreError):
    """The key was destroyed, and with it what it protected; nothing can bring it back."""


class Unreadable(StoreError):
    """What is stored does not decrypt: a wrong master key, or someone changed the row."""


class BadCursor(StoreError):
    """The cursor of a list was not given out by this list."""


class TooLarge(StoreError):
    """The file has more bytes than are accepted."""


class UnsupportedMedia(StoreError):
    """The file is of no type that is accepted; the message names those that are."""
