"""From exec to the first answer, and the memory of an idle server after one request; beside moto's server."""

from __future__ import annotations

import time
from pathlib import Path

import load
import peers
import psutil
from rows import Row, median, number, spread
from server import Process, Sagewright, running, scratch

SECTION = "f"
STARTS = 5
SETTLE_S = 1.5


def measure() -> list[Row]:
    with scratch() as directory:
        fresh: list[float] = []
        again: list[float] = []
        own_mb, forks_mb = [], []
        for turn in range(STARTS):
            for times in (fresh, again):
                server = Sagewright(directory / f"data-{turn}")
                with running(server):
                    times.append(1000 * server.started_s)
                    own_mb.append(_after_one_request(server, server.key()))
                    forks_mb.append(_children_mb(server))
        name, starts, theirs_mb = _moto(directory)
    children = f"and {number(median(forks_mb))} MB in the fork server (RSS, shared pages counted)"
    return [
        Row(
            SECTION, "exec → first answer, new data directory", median(fresh), "ms", name, _median(starts),
            "imports (SQLAlchemy, botocore, Alembic), the store's migration", spread(fresh, "ms"),
        ),
        Row(
            SECTION, "exec → first answer, existing data", median(again), "ms", name, _median(starts),
            "imports (SQLAlchemy, botocore, Alembic)", spread(again, "ms"),
        ),
        Row(
            SECTION, "RSS of the idle server after one request", median(own_mb), "MB", name, _median(theirs_mb),
            "botocore's SageMaker model as dicts, then the imports", children,
        ),
    ]  # fmt: skip


def _median(values: list[float]) -> float | None:
    return median(values) if values else None


def _after_one_request(server: Process, key: tuple[str, str]) -> float:
    data = load.Signer(server.port, key).request("ListTrainingJobs", {})
    status, answer = load.ask(server.port, data)
    if status != 200:
        raise RuntimeError(f"ListTrainingJobs was refused: {answer[-500:]!r}")
    time.sleep(SETTLE_S)
    return server.rss_mb()


def _children_mb(server: Process) -> float:
    assert server.process is not None
    children = psutil.Process(server.process.pid).children(recursive=True)
    return float(sum(child.memory_info().rss for child in children)) / 1e6


def _moto(directory: Path) -> tuple[str, list[float], list[float]]:
    starts, sizes = [], []
    try:
        for _ in range(STARTS):
            server = peers.moto(directory / "moto.log")
            with running(server):
                starts.append(1000 * server.started_s)
                sizes.append(_after_one_request(server, peers.KEY))
    except peers.NoPeer as error:
        return str(error), [], []
    return "moto_server", starts, sizes
