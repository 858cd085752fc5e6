"""Sandboxes that a server keeps ready: which exist, and their remains."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from sagewright.agent.cells.cell import cell_group
from sagewright.agent.cells.waiting import waiting_program
from sagewright.model import titles

if TYPE_CHECKING:
    from conftest import RunningServer

AGENT = "sagewright: ready sandbox"


def titled(process: psutil.Process, title: str) -> bool:
    return " ".join(process.cmdline()).startswith(title)


def places(server: RunningServer) -> list[Path]:
    """The directories of its ready sandboxes, those that are being made included."""
    top = server.data / "cells"
    return sorted(top.iterdir()) if top.is_dir() else []


def fork_server(server: RunningServer) -> psutil.Process:
    """The newest: that of a server before may not have ended yet."""
    found = [one for one in titles.running(server.data) if one.kind == titles.FORK_SERVER]
    return psutil.Process(max(found, key=lambda one: one.since_s).pid)


def spares(server: RunningServer) -> list[psutil.Process]:
    """The agents of its ready sandboxes."""
    found = []
    for child in fork_server(server).children():
        with suppress(psutil.NoSuchProcess):  # one that has ended since
            found += [child] if titled(child, AGENT) else []
    return found


def until_ready(server: RunningServer) -> psutil.Process:
    """The agent of one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess, StopIteration):
            for spare in spares(server):
                if _waits(spare):
                    return spare
        time.sleep(0.02)
    raise AssertionError(f"no sandbox is kept ready\n{server.log()}")


def _waits(spare: psutil.Process) -> bool:
    """The process inside has imported what it needs, and reads."""
    inside = [one for one in spare.children(recursive=True) if _is_waiting(one.cmdline())]
    return any(
        Path(f"/proc/{one.pid}/wchan").read_text().startswith(("unix_stream", "skb_wait", "__skb")) for one in inside
    )


def _is_waiting(words: list[str]) -> bool:
    return words[-2:] == ["sagewright.toolkit", "train"] or words == waiting_program()


def ran_ahead(server: RunningServer) -> bool:
    """Whether the last job's sandbox was made before the job."""
    return str(server.handles()[-1].get("group", "")).startswith("cell-")


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it may end between two looks
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def left(processes: list[psutil.Process], directories: list[Path]) -> list[str]:
    """Remains of sandboxes: processes, directories, control groups."""
    found = [f"process {one.pid}" for one in processes if _runs(one)]
    found += [str(directory) for directory in directories if directory.exists()]
    for directory in directories:
        group = cell_group(directory.name)
        found += [] if group is None else [str(place) for place in group.directories.values() if place.exists()]
    return found


def until_gone(processes: list[psutil.Process], directories: list[Path]) -> None:
    deadline = time.monotonic() + 15
    while (still := left(processes, directories)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not still
