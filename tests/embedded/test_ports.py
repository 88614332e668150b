"""Ports are checked before anything is started."""

import socket

import pytest

from embedded import ports
from embedded.problem import Problem


def test_a_port_in_use_is_named_with_its_option() -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=rf"Port {port} for the API is in use.*--api-port\.$"):
            ports.choose({"the API": ("--api-port", port)})


def test_no_port_is_given_twice() -> None:
    free = ports.choose({"a": ("--a", 0), "b": ("--b", 0), "c": ("--c", 0)})
    assert len(set(free.values())) == 3
    with pytest.raises(Problem, match="asked for twice: give --b another"):
        ports.choose({"a": ("--a", free["a"]), "b": ("--b", free["a"])})


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Problem, match="cannot be used: choose another with --api-port"):
        ports.choose({"the API": ("--api-port", port)})
