"""From exec to the first answer and to the first signed list, and the memory of an idle server after it; beside moto's server.

RSS, so that pages which processes share count several times.

moto's first answer comes before it has imported SageMaker, which its first request to SageMaker waits for; ours imports all
services before it answers anything.
"""

from __future__ import annotations

import time
from pathlib import Path

import load
import peers
import psutil
from rows import Row, against, median, spread
from server import Process, Sagewright, client, running, scratch

SECTION = "f"
STARTS = 5
SETTLE_S = 1.5
FORKED_S = 20.0
FLOOR = "uvicorn and SQLAlchemy, a constant answer: Python's floor"
LIMITS = "1,200 modules to load: SQLAlchemy 70 ms of CPU, own ones 200; the store, a trial sandbox"


def measure() -> list[Row]:
    with scratch() as directory:
        fresh: list[float] = []
        again: list[float] = []
        lists: list[float] = []
        own_mb: list[float] = []
        changed_mb: list[float] = []
        with running(Sagewright(directory / "first")):
            pass  # writes bytecode that is missing
        for turn in range(STARTS):
            for times in (fresh, again):
                server = Sagewright(directory / f"data-{turn}")
                with running(server):
                    times.append(1000 * server.started_s)
                    listed_ms, size_mb = _after_one_request(server, server.key())
                    lists.append(listed_ms)
                    own_mb.append(size_mb + _children_mb(server))
                    changed_mb.append(_after_a_change(server))
        name, starts, their_lists, theirs_mb = _moto(directory)
        floor, floor_mb = _constant(directory)
    existing = Row(
        SECTION,
        "exec → first answer, existing data",
        median(again),
        "ms",
        name,
        _median(starts),
        LIMITS,
        spread(again, "ms"),
    )
    idle = Row(
        SECTION, "RSS of the idle server and its processes, after one request", median(own_mb), "MB", name,
        _median(theirs_mb), "the code of 1,200 modules, SQLAlchemy's 16 MB of it",
    )  # fmt: skip
    return [
        Row(
            SECTION, "exec → first answer, new data directory", median(fresh), "ms", name, _median(starts),
            f"{LIMITS}, the store's migration (Alembic)", spread(fresh, "ms"),
        ),
        existing,
        against(existing, FLOOR, floor),
        Row(
            SECTION, "exec → first signed ListTrainingJobs answered", median(lists), "ms", name, _median(their_lists),
            LIMITS, spread(lists, "ms"),
        ),
        idle,
        against(idle, FLOOR, floor_mb),
        Row(
            SECTION, "RSS of the server and its processes, after the first change", median(changed_mb), "MB", name,
            _median(theirs_mb), "the same, and what the fork server keeps loaded so that jobs start at once: botocore, the agent",
        ),
    ]  # fmt: skip


def _median(values: list[float]) -> float | None:
    return median(values) if values else None


def _after_one_request(server: Process, key: tuple[str, str]) -> tuple[float, float]:
    """Returns milliseconds from exec until the first signed request was answered, and MB of memory a while later."""
    data = load.Signer(server.port, key).request("ListTrainingJobs", {})
    begin = time.perf_counter()
    status, answer = load.ask(server.port, data)
    listed_ms = 1000 * (server.started_s + time.perf_counter() - begin)
    if status != 200:
        raise RuntimeError(f"ListTrainingJobs was refused: {answer[-500:]!r}")
    time.sleep(SETTLE_S)
    return listed_ms, server.rss_mb()


def _after_a_change(server: Sagewright) -> float:
    """Returns MB of all its processes, once the fork server is there and idle."""
    client(server.endpoint, server.key(), "s3").create_bucket(Bucket="bench")
    deadline = time.monotonic() + FORKED_S
    while not _children_mb(server):
        if time.monotonic() > deadline:
            raise RuntimeError("no fork server was started")
        time.sleep(SETTLE_S)
    time.sleep(SETTLE_S)
    return server.rss_mb() + _children_mb(server)


def _children_mb(server: Process) -> float:
    assert server.process is not None
    children = psutil.Process(server.process.pid).children(recursive=True)
    return float(sum(child.memory_info().rss for child in children)) / 1e6


def _constant(directory: Path) -> tuple[float, float]:
    """Returns milliseconds to the first answer of a server without services, and its MB."""
    times, sizes = [], []
    for turn in range(STARTS + 1):
        server = peers.constant(directory / "constant.log", b"{}")
        with running(server):
            if turn:  # the first one writes bytecode that is missing
                times.append(1000 * server.started_s)
                sizes.append(server.rss_mb())
    return median(times), median(sizes)


def _moto(directory: Path) -> tuple[str, list[float], list[float], list[float]]:
    starts, lists, sizes = [], [], []
    try:
        with running(peers.moto(directory / "moto.log")) as first:
            _after_one_request(first, peers.KEY)
        for _ in range(STARTS):
            server = peers.moto(directory / "moto.log")
            with running(server):
                starts.append(1000 * server.started_s)
                listed_ms, size_mb = _after_one_request(server, peers.KEY)
                lists.append(listed_ms)
                sizes.append(size_mb)
    except peers.NoPeer as error:
        return str(error), [], [], []
    return "moto_server", starts, lists, sizes
