"""ListTrainingJobs and Search over 100,000 jobs, which are put straight into the store; beside moto with as many.

All of moto's jobs are Completed, and it sorts nothing: its answers are cheaper than they should be.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import load
import peers
from rows import Row, median, percentile, spread
from server import REGION, Sagewright, job_request, running, scratch
from sqlalchemy import insert

from sagewright.store.database import Database
from sagewright.store.schema.jobs import job_events, jobs

SECTION = "e"
JOBS = 100_000
BATCH = 5_000
CALLS = 40
BUDGET_S = 6.0  # a list that takes seconds is measured a few times, not forty
PATIENCE_S = 240
ACCOUNT = "000000000000"
BEGIN_MS = 1_750_000_000_000
NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending"}
LISTS: dict[str, dict[str, Any]] = {
    "newest first": NEWEST,
    "NameContains '99999' (1 job)": {**NEWEST, "NameContains": "99999"},
    "NameContains of no job": {**NEWEST, "NameContains": "no-such-job"},
    "StatusEquals Failed (1 %)": {**NEWEST, "StatusEquals": "Failed"},
    "by name, 100 a page": {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100},
}


def _filter(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"SearchExpression": {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}}


SEARCHES: dict[str, dict[str, Any]] = {
    "newest first": {"SortBy": "CreationTime"},
    "TrainingJobName Contains '99999'": _filter("TrainingJobName", "Contains", "99999"),
    "TrainingJobStatus Equals Failed": _filter("TrainingJobStatus", "Equals", "Failed"),
    "HyperParameters.epochs Equals 77777 (1 job)": _filter("HyperParameters.epochs", "Equals", "77777"),
}


def measure() -> list[Row]:
    with scratch() as directory:
        _fill(directory / "data")
        with running(Sagewright(directory / "data")) as server:
            assert isinstance(server, Sagewright)
            own = _times(load.Signer(server.port, server.key()))
        try:
            with running(peers.seeded_moto(directory / "moto.log", JOBS)) as moto:
                name, theirs = (
                    f"moto_server with {JOBS:,}",
                    _times(load.Signer(moto.port, peers.KEY), leave_out=NO_PAGES),
                )
        except (peers.NoPeer, RuntimeError) as error:
            name, theirs = str(error)[:160], {}
    return [_row(what, times, name, theirs.get(what)) for what, times in own.items()]


NO_PAGES = "Search newest first"  # moto's Search gives all jobs in one answer, which is not the same work


def _row(what: str, times: list[float], name: str, theirs: list[float] | None) -> Row:
    limits = (
        "a scan of the names: no index holds what lies within them" if "Contains" in what else "an index, then the page"
    )
    limits = "every job's description is made and looked at" if "HyperParameters" in what else limits
    name = name if theirs else "moto_server does not page it or does not know the property"
    peer = median(theirs) if theirs else None
    return Row(SECTION, f"{what}, p50", percentile(times, 50), "ms", name, peer, limits, spread(times, "ms"))


def _times(signer: load.Signer, leave_out: str = "") -> dict[str, list[float]]:
    """Milliseconds as a client of no cost sees them; operations that are refused are left out."""
    found = {}
    asked = [("List", "ListTrainingJobs", what, body) for what, body in LISTS.items()]
    asked += [("Search", "Search", what, {"Resource": "TrainingJob", **body}) for what, body in SEARCHES.items()]
    for word, operation, what, body in asked:
        if f"{word} {what}" == leave_out:
            continue
        times = _repeated(signer.port, signer.request(operation, body))
        if times:
            found[f"{word} {what}"] = times
    return found


def _repeated(port: int, data: bytes) -> list[float]:
    """The first call warms up, unless the time is used up by it."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) <= CALLS and (not times or time.perf_counter() - begin < BUDGET_S):
        called = time.perf_counter()
        if load.ask(port, data, PATIENCE_S)[0] != 200:
            return []
        times.append(1000 * (time.perf_counter() - called))
    return times[1:] or times


def _fill(data: Path) -> None:
    """The store as it would be after JOBS jobs, none of them active."""
    data.mkdir(parents=True, exist_ok=True)
    store = Database(f"sqlite:///{data / 'store.sqlite'}", "off")
    rng = random.Random(0)
    for first in range(0, JOBS, BATCH):
        made = [_job(number, rng) for number in range(first, first + BATCH)]
        with store.write() as connection:
            connection.execute(insert(jobs), made)
            connection.execute(insert(job_events), [event for job in made for event in _events(job)])
    store.close()


def _job(number: int, rng: random.Random) -> dict[str, Any]:
    """A finished job; one of a hundred failed. Names tell nothing of the order in which they were created."""
    name, created = f"job-{(number * 7919) % JOBS:06d}", BEGIN_MS + 10_000 * number
    failed = number % 100 == 0
    status = "Failed" if failed else "Completed"
    request = {**job_request(name, "own:latest"), "HyperParameters": {"epochs": str(number), "lr": "0.1"}}
    return {
        "id": f"{rng.getrandbits(128):032x}",
        "kind": "training",
        "account": ACCOUNT,
        "region": REGION,
        "name": name,
        "created_ms": created,
        "request": request,
        "wanted": "run",
        "status": status,
        "secondary_status": status,
        "modified_ms": created + 5_000,
        "started_ms": created + 1_000,
        "ended_ms": created + 5_000,
        "failure_reason": "AlgorithmError: , exit code: 1" if failed else None,
    }


def _events(job: dict[str, Any]) -> list[dict[str, Any]]:
    path = [(0, "InProgress", "Starting"), (1_000, "InProgress", "Training"), (5_000, job["status"], job["status"])]
    return [
        {
            "job_id": job["id"],
            "at_ms": job["created_ms"] + after_ms,
            "status": status,
            "secondary_status": secondary,
            "message": secondary,
        }
        for after_ms, status, secondary in path
    ]
