"""Process titles, and the list of running processes: `sagewright: agent churn-1/algo-1 [/data]`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from setproctitle import getproctitle, setproctitle

AGENT, SERVER, FRONT, FORK_SERVER, SANDBOX, SEARCHER, INVOKER, TLS_DOOR = (
    "agent", "server", "front", "fork server", "ready sandbox", "searcher", "invoker", "TLS door",
)  # fmt: skip
MODEL_SERVER = "model server"
"""The name of a model's serving process, which runs in a job's environment, where no title can be set."""

DATA_VARIABLE = "SAGEWRIGHT_DATA"
_KINDS = (AGENT, SERVER, FRONT, FORK_SERVER, SANDBOX, SEARCHER, INVOKER, TLS_DOOR)
_TITLE = re.compile(rf"sagewright: ({'|'.join(_KINDS)})(?: (.*?)/([^/ ]*))? \[(.*)\]")


@dataclass(frozen=True)
class Running:
    """One process. `since_s`: its start, in seconds since the epoch; `data`: its data directory."""

    pid: int
    kind: str
    job: str
    host: str
    since_s: float
    data: str


def show(kind: str, subject: str = "", data: Path | None = None) -> None:
    """Sets this process's title. `data`: passed on to all processes that it starts; by default the one that this process was
    started with."""
    getproctitle()  # finds the place of the title, which it cannot once the first variable has been replaced
    if data is not None:
        os.environ[DATA_VARIABLE] = str(data)
    named = f" {subject}" if subject else ""
    setproctitle(f"sagewright: {kind}{named} [{os.environ.get(DATA_VARIABLE, '')}]")


def running(data: Path | None = None) -> list[Running]:
    """Returns this user's processes, by pid; `data`: of one data directory only, by any path that leads to it. Other users'
    processes could use any title."""
    found: list[Running] = []
    for process in psutil.process_iter():
        try:
            if process.uids().effective == os.geteuid():
                found += _described(process)
        except psutil.Error:  # it has just ended
            continue
    if data is not None:
        named = os.path.realpath(data)
        found = [one for one in found if os.path.realpath(one.data) == named]
    return sorted(found, key=lambda one: one.pid)


def _described(process: psutil.Process) -> Iterator[Running]:
    match = _TITLE.fullmatch(" ".join(process.cmdline()).strip("\0 "))
    if match is None or process.status() == psutil.STATUS_ZOMBIE:
        return
    kind, job, host, data = match.groups()
    own = Running(process.pid, kind, job or "", host or "", process.create_time(), data)
    yield own
    if kind == AGENT:
        for child in process.children(recursive=True):
            if child.name() == MODEL_SERVER:
                yield Running(child.pid, MODEL_SERVER, own.job, own.host, child.create_time(), data)
