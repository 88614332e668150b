"""What stops the stack, said so that whoever reads it knows what to do."""


class Problem(Exception):
    """One clear sentence for the person at the terminal, and the exit status to end with.

    Status 2: the stack could not be started as asked. Status 1: it ran and broke.
    """

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status
