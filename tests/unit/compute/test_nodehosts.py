"""Files of hosts that are left on a node of a cluster."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from sagewright.compute import nodehosts


def host(hosts: Path, name: str, *, quiet_s: float, beats: bool) -> Path:
    """A host's directory of which nothing has been heard for some seconds."""
    directory = hosts / "gang" / name
    directory.mkdir(parents=True)
    (directory / "agent.lock").touch()
    if beats:
        nodehosts.beat(directory)
    then = time.time() - quiet_s
    for path in (directory / nodehosts.BEAT, directory) if beats else (directory,):
        os.utime(path, (then, then))
    return directory


@pytest.mark.parametrize(
    ("quiet_s", "beats", "stays"),
    [(3, True, True), (60, True, False), (60, False, True), (100_000, False, False)],
)
def test_remains_stay_as_long_as_somebody_may_ask_for_them(
    tmp_path: Path, quiet_s: float, beats: bool, stays: bool
) -> None:
    directory = host(tmp_path, "algo-1", quiet_s=quiet_s, beats=beats)
    nodehosts.sweep_hosts(tmp_path)
    assert directory.exists() == stays


def test_the_directory_of_a_living_agent_stays(tmp_path: Path) -> None:
    directory = host(tmp_path, "algo-1", quiet_s=100_000, beats=True)
    with (directory / "agent.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        nodehosts.sweep_hosts(tmp_path)
    assert directory.exists()
