"""Which of the cells that are ready a job gets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.agent.cells.cell import LOCK
from sagewright.agent.cells.keeper import REST_S, Keeper, SpareCell
from sagewright.agent.cells.kinds import CellKind

TOOLKIT = CellKind.of("algo-1", Path("/none"), Path("/none"), ())
PLAIN = replace(TOOLKIT, plain=True)


class Cells:
    """A keeper whose cells are sockets: their other ends say that they are ready, and take any job."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory, self.patch = directory, monkeypatch
        self.keeper = Keeper(directory, 2, lambda _place: os.getpid())
        self.ends: dict[CellKind, list[socket.socket]] = {}
        self.sockets: list[socket.socket] = []

    def keep(self, kind: CellKind, *, ready: bool = True) -> SpareCell:
        own, theirs = socket.socketpair()
        self.sockets += [own, theirs]
        if ready:
            theirs.sendall(b"rt")
        self.ends.setdefault(kind, []).append(theirs)
        spare = SpareCell(0, own, self.directory / LOCK)
        self.keeper._spares.setdefault(kind, []).append(spare)
        return spare

    def take(self, kind: CellKind) -> SpareCell | None:
        host: Any = SimpleNamespace(directory=self.directory)
        self.patch.setattr(self.keeper, "_kind", lambda _host: kind)
        self.patch.setattr("sagewright.agent.cells.keeper.set_priority", lambda *_: None)
        self.patch.setattr("sagewright.agent.cells.keeper.descendants", lambda _pid: [])
        return self.keeper.take(host)


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    made = Cells(tmp_path, monkeypatch)
    yield made
    for one in made.sockets:
        one.close()


def test_a_program_prefers_a_cell_without_a_toolkit(cells: Cells) -> None:
    cells.keeper._note(TOOLKIT)
    with_toolkit, plain = cells.keep(TOOLKIT), cells.keep(PLAIN)
    assert cells.take(PLAIN) is plain
    assert cells.take(PLAIN) is with_toolkit


def test_a_cell_that_is_about_to_be_dropped_still_serves(cells: Cells) -> None:
    with_toolkit = cells.keep(TOOLKIT)  # of a kind that is not among the last ones any more
    assert cells.take(PLAIN) is with_toolkit


def test_a_script_never_gets_a_cell_without_a_toolkit(cells: Cells) -> None:
    cells.keep(PLAIN)
    assert cells.take(TOOLKIT) is None


def test_a_cell_for_programs_is_given_however_new_and_one_with_a_toolkit_is_not(cells: Cells) -> None:
    plain = cells.keep(PLAIN, ready=False)
    cells.keep(TOOLKIT, ready=False)
    assert cells.take(PLAIN) is plain
    assert cells.ends[PLAIN][0].recv(4096).startswith(b'{"directory"')
    assert cells.take(TOOLKIT) is None


def test_cells_of_rapid_jobs_are_made_without_waiting_for_quiet(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("sagewright.agent.cells.keeper.time.monotonic", lambda: now)
    waits = []
    for pause in (10.0, 0.5, 0.1, 0.1, 0.5):
        now += pause
        cells.keeper._due = None
        for _ in range(2):
            cells.keep(PLAIN)
        cells.take(PLAIN)
        waits.append(round(cells.keeper.wait_s() or 0.0, 3))
        cells.keeper._spares.clear()
    assert waits == [0.05, 0.05, 0.01, 0.01, 0.05]


def test_a_cell_that_no_job_has_needed_for_long_is_dropped(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = replace(TOOLKIT, host="algo-2")
    monkeypatch.setattr(CellKind, "is_current", lambda _self: True)
    for kind in (TOOLKIT, kept):
        cells.keeper._note(kind)
        cells.keep(kind, ready=False)
    cells.keeper._due = None
    cells.keeper._used[TOOLKIT] -= REST_S
    assert cells.keeper.wait_s() is not None  # it looks again by itself
    cells.keeper.work()
    assert list(cells.keeper._spares) == [kept]
    assert cells.ends[TOOLKIT][0].recv(1) == b""  # which its agent sees as its end
    cells.keeper._soon(0)
    cells.keeper.work()  # and no other is made
    assert list(cells.keeper._spares) == [kept]
