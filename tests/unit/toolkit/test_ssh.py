"""The client that stands in for OpenSSH's."""

from __future__ import annotations

import pytest

from sagewright.toolkit.ssh import parse


@pytest.mark.parametrize(
    ("words", "host", "command"),
    [
        (["algo-2", "touch", "/tmp/ready"], "algo-2", "touch /tmp/ready"),
        (
            ["-x", "algo-2", "PATH=/a:$PATH", ";", "orted", "-mca", "ess", "env"],
            "algo-2",
            "PATH=/a:$PATH ; orted -mca ess env",
        ),
        (["-o", "BatchMode=yes", "-p", "22", "-vv", "root@algo-3", "hostname"], "algo-3", "hostname"),
        (["-oPort=22", "--", "algo-1", "-v"], "algo-1", "-v"),
    ],
)
def test_host_and_command(words: list[str], host: str, command: str) -> None:
    assert parse(words) == (host, command)


def test_without_a_host() -> None:
    with pytest.raises(ValueError, match="usage: ssh"):
        parse(["-x"])
