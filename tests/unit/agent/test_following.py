"""A host that follows another one: it goes on while that one does, and ends when it is done, or gone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.double import Double, host_document
from sagewright.agent.control import Control
from sagewright.agent.following import Following
from sagewright.agent.hostfile import HostFile, read_host_file
from sagewright.model.jobs.agent_marks import has_ended, note_end, write_mark

AGENT = """
import sys
from pathlib import Path
from sagewright.model.jobs.agent_marks import write_mark
write_mark(Path(sys.argv[1]), "h", "")
"""


@pytest.fixture
def follower(double: Double, tmp_path: Path) -> HostFile:
    """A follower of `first`, which is beside it."""
    directory = tmp_path / "second"
    for place in (directory, tmp_path / "first"):
        place.mkdir()
    (directory / "host.json").write_text(json.dumps(host_document(double)))
    host = read_host_file(directory)
    return replace(host, brief=replace(host.brief, follows="first"))


def ends(control: Control, timeout_s: float = 5) -> bool:
    until = time.monotonic() + timeout_s
    while not control.done and time.monotonic() < until:
        time.sleep(0.02)
    return control.done


def test_it_ends_with_the_other_ones_work(follower: HostFile) -> None:
    first, control = follower.directory.parent / "first", Control()
    assert has_ended(first) is None
    following = Following(follower, control)
    following.start()
    write_mark(first, "h", "")
    assert has_ended(first) is False
    assert not ends(control, 0.4)
    note_end(first, "h")
    assert has_ended(first) is True
    assert ends(control)


def test_it_ends_when_the_others_agent_is_gone(follower: HostFile) -> None:
    control = Control()
    subprocess.run([sys.executable, "-c", AGENT, str(follower.directory.parent / "first")], check=True)
    following = Following(follower, control)
    following.start()
    assert ends(control)


def test_it_ends_when_the_other_one_never_comes(follower: HostFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.agent.following._COMES_S", 0.3)
    control = Control()
    following = Following(follower, control)
    following.start()
    assert ends(control)
