"""What may go wrong."""


class ReplayError(Exception):
    """The replay cannot go on; the message says why."""


class Lost(Exception):
    """The connection ended before the answer: what became of the call, nobody can tell."""
