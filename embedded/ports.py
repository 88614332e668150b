"""Ports on this machine's loopback address."""

import errno
import socket
from collections.abc import Mapping

from embedded.problem import Problem

HOST = "127.0.0.1"


def choose(wanted: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Check every wanted port, and choose a free one where 0 is wanted.

    ``wanted`` maps a name to (option, port). Raises ``Problem`` naming the option of the
    first port that is taken, wanted twice or not allowed.
    """
    chosen: dict[str, int] = {}
    held: list[socket.socket] = []
    try:
        # The sockets stay open until all are chosen, so that no port is chosen twice.
        for name, (option, port) in wanted.items():
            if port in chosen.values():
                raise Problem(f"Port {port} is asked for twice: give {option} another one.")
            held.append(_bind(name, option, port))
            chosen[name] = int(held[-1].getsockname()[1])
    finally:
        for opened in held:
            opened.close()
    return chosen


def _bind(name: str, option: str, port: int) -> socket.socket:
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As the servers do: a port in TIME_WAIT is free to them.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
        probe.listen(1)
    except (OSError, OverflowError) as error:
        probe.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            why = "is in use by another program: stop that one, or choose another"
        elif isinstance(error, OSError) and error.errno == errno.EACCES:
            why = "needs more rights than you have: choose another"
        else:
            why = "cannot be used: choose another"
        raise Problem(f"Port {port} for {name} {why} with {option}.") from None
    return probe
