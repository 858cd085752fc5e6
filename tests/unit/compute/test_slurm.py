"""A host of a job on Slurm, as its step sees it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sagewright.compute.backend import Pulse
from sagewright.compute.slurm import host


class Ended:
    """A backend whose agent has ended already."""

    def __init__(self, **_: Any) -> None:
        self.killed: list[Any] = []

    def poll(self, _: Any) -> Pulse:
        return Pulse(False, "it ended")

    def kill(self, handle: Any) -> None:
        self.killed.append(handle)


def test_a_host_is_removed_though_nobody_hears_of_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that started the step may have died while the controller was away."""
    directory = tmp_path / "job" / "host"
    directory.mkdir(parents=True)
    heard, said = os.pipe()
    os.close(heard)
    with os.fdopen(said, "w", closefd=False) as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(host, "LocalBackend", Ended)
        monkeypatch.setattr(host, "launch", lambda *_: {})
        monkeypatch.setattr(host, "FETCHED_S", 0.0)
        assert host.start({"directory": str(directory)}) == 0
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), said)  # what is buffered goes somewhere
    os.close(said)
    assert not directory.exists()
