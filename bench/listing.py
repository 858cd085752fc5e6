"""ListTrainingJobs and Search over 100,000 jobs, which are put straight into the store; beside moto with the same jobs. Asked
on a server that has nothing else to do, then while another client creates jobs.

Every answer is held against what is due, name by name: ours must be right, and a peer that answers something else (moto
heeds no SortOrder, and Search there has no pages) gets no ratio, since it did other work.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import load
import peers
from rows import Row, median, percentile, spread
from server import REGION, Sagewright, job_request, running, scratch
from sqlalchemy import delete, insert, select
from throughput import CANNOT_RUN

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.settings import Settings
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.services.sagemaker.experiments.job_components import keep_up as tracked
from sagewright.services.sagemaker.experiments.trial_component_shapes import component_name
from sagewright.services.sagemaker.search.indexing import keep_up
from sagewright.store.database import Database
from sagewright.store.events import last as last_event
from sagewright.store.resources.trials import COMPONENT
from sagewright.store.schema.events import events
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.properties import index_queue
from sagewright.store.schema.resources import resources
from sagewright.store.schema.rules import cursors

SECTION = "e"
JOBS = 100_000
BATCH = 5_000
CALLS = 40
BUDGET_S = 6.0  # a list that takes seconds is measured a few times, not forty
PATIENCE_S = 240
ACCOUNT = "000000000000"
BEGIN_MS = 1_750_000_000_000
NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending"}
PAGE = 10
FAILED_EVERY = 100
CREATED_PER_S = 20
LOGS = ("rules", "lineage")
"""The readers of events, by the names of their positions."""


@dataclass(frozen=True)
class Question:
    """A request, the numbers of the jobs that are due (in order), and what limits its answer."""

    what: str
    operation: str
    body: dict[str, Any]
    due: list[int]
    limits: str

    def names(self) -> list[str]:
        return [name_of(number) for number in self.due]


def name_of(number: int) -> str:
    """Names tell nothing of the order in which the jobs were created."""
    return f"job-{(number * 7919) % JOBS + number // JOBS * JOBS:06d}"


def _questions() -> list[Question]:
    newest = list(range(JOBS - 1, JOBS - 1 - PAGE, -1))
    failed = [number for number in range(JOBS - 1, -1, -1) if number % FAILED_EVERY == 0][:PAGE]
    one = [number for number in range(JOBS) if "99999" in name_of(number)]
    by_name = sorted(range(JOBS), key=name_of)[:100]
    index = "an index, then the page"
    values = "an index of the properties' values, then a description of each job found"
    grams = "an index of the names' runs of three characters"
    return [
        _list("newest first", NEWEST, newest, index),
        _list("NameContains '99999' (1 job)", {**NEWEST, "NameContains": "99999"}, one, grams),
        _list("NameContains of no job", {**NEWEST, "NameContains": "no-such-job"}, [], grams),
        _list("StatusEquals Failed (1 %)", {**NEWEST, "StatusEquals": "Failed"}, failed, index),
        _list("by name, 100 a page", {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100}, by_name, index),
        _search("newest first", None, newest, "an index, then a description of each job looked at"),
        _search("TrainingJobName Contains '99999'", ("TrainingJobName", "Contains", "99999"), one, grams),
        _search("TrainingJobStatus Equals Failed", ("TrainingJobStatus", "Equals", "Failed"), failed, values),
        _search("HyperParameters.epochs Equals 77777", ("HyperParameters.epochs", "Equals", "77777"), [77777], values),
        _search(
            "HyperParameters.epochs GreaterThan 50000 (half)",
            ("HyperParameters.epochs", "GreaterThan", "50000"),
            newest,
            values,
        ),
    ]


def _list(what: str, body: dict[str, Any], due: list[int], limits: str) -> Question:
    return Question(f"List {what}", "ListTrainingJobs", {"MaxResults": PAGE, **body}, due, limits)


def _search(what: str, condition: tuple[str, str, str] | None, due: list[int], limits: str) -> Question:
    body: dict[str, Any] = {"Resource": "TrainingJob", "SortBy": "CreationTime", "MaxResults": PAGE}
    if condition:
        filters = [dict(zip(("Name", "Operator", "Value"), condition, strict=True))]
        body["SearchExpression"] = {"Filters": filters}
    return Question(f"Search {what}", "Search", body, due, limits)


def measure() -> list[Row]:
    questions = _questions()
    with scratch() as directory:
        fill(directory / "data")
        with running(Sagewright(directory / "data")) as server:
            assert isinstance(server, Sagewright)
            signer = load.Signer(server.port, server.key())
            own = {question.what: _ours(signer, question) for question in questions}
            with _creating(signer):
                beside = {question.what: _while_jobs_are_created(signer, question) for question in questions}
        try:
            with running(peers.seeded_moto(directory / "moto.log", JOBS, FAILED_EVERY)) as moto:
                signer = load.Signer(moto.port, peers.KEY)
                theirs = {question.what: _theirs(signer, question) for question in questions}
        except (peers.NoPeer, RuntimeError) as error:
            theirs = {question.what: (str(error)[:160], None) for question in questions}
    return [
        Row(
            SECTION, f"{question.what}, p50", percentile(times, 50), "ms", *theirs[question.what], question.limits,
            spread(times, "ms"),
        )
        for question in questions
        if (times := own[question.what])
    ] + [
        Row(
            SECTION, f"{question.what}, while {CREATED_PER_S} jobs a second are created, p50", percentile(times, 50), "ms",
            "itself, quiet", percentile(own[question.what], 50), "a Create and its end take 2 ms of the same interpreter",
            spread(times, "ms"),
        )
        for question in questions
        if (times := beside[question.what])
    ]  # fmt: skip


@contextlib.contextmanager
def _creating(signer: load.Signer) -> Iterator[None]:
    """A client in a process of its own creates jobs, which fail at once for want of their image."""
    other = multiprocessing.get_context("fork").Process(target=_create_steadily, args=(signer,), daemon=True)
    other.start()
    try:
        yield
        if not other.is_alive():
            raise RuntimeError("the client that creates jobs ended before the lists were measured")
    finally:
        other.terminate()
        other.join()


def _create_steadily(signer: load.Signer) -> None:
    prefix, begin = uuid.uuid4().hex[:8], time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, begin + number / CREATED_PER_S - time.monotonic()))
        status, answer = load.ask(
            signer.port, signer.request("CreateTrainingJob", job_request(f"{prefix}-{number}", CANNOT_RUN))
        )
        if status != 200:
            raise RuntimeError(f"Create was refused: {answer[-500:]!r}")


def _while_jobs_are_created(signer: load.Signer, question: Question) -> list[float]:
    """As _ours; the newest jobs are others now, so that only their number is known."""
    data = signer.request(question.operation, question.body)
    status, names, first_ms = _ask(signer.port, data)
    if status != 200 or len(names) != len(question.due):
        raise RuntimeError(f"{question.what}: status {status}, {len(names)} jobs instead of {len(question.due)}")
    return _repeated(signer.port, data, first_ms)


def _ours(signer: load.Signer, question: Question) -> list[float]:
    """Milliseconds as a client of no cost sees them; [] where the operation is not served. A wrong answer is an error."""
    data = signer.request(question.operation, question.body)
    status, names, first_ms = _ask(signer.port, data)
    if status != 200:
        return []
    if names != question.names():
        raise RuntimeError(f"{question.what}: {names[:10]} instead of {question.names()[:10]}")
    return _repeated(signer.port, data, first_ms)


def _theirs(signer: load.Signer, question: Question) -> tuple[str, float | None]:
    """The peer's name and its median, or what it answered instead and no number."""
    data = signer.request(question.operation, question.body)
    status, names, first_ms = _ask(signer.port, data)
    if status != 200:
        return f"moto_server refuses it ({status})", None
    if names != question.names():
        same = sorted(names) == sorted(question.names())
        return f"moto_server: {len(names):,} jobs, {'in another order' if same else 'not those that are due'}", None
    if not names:
        return "moto_server: nothing too, which does not show that it looked", None
    return "moto_server, the same jobs", median(_repeated(signer.port, data, first_ms))


def _ask(port: int, data: bytes) -> tuple[int, list[str], float]:
    """Status, the names of the jobs in the answer, and the milliseconds it took."""
    begin = time.perf_counter()
    status, answer = load.ask(port, data, PATIENCE_S)
    taken_ms = 1000 * (time.perf_counter() - begin)
    if status != 200:
        return status, [], taken_ms
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    found = body.get("TrainingJobSummaries") or [one["TrainingJob"] for one in body.get("Results", [])]
    return status, [job["TrainingJobName"] for job in found], taken_ms


def _repeated(port: int, data: bytes, first_ms: float) -> list[float]:
    """After a first call that warmed up; that one is taken where the budget allows no other."""
    times: list[float] = []
    until = time.perf_counter() + BUDGET_S - first_ms / 1000
    while len(times) < CALLS and time.perf_counter() < until:
        begin = time.perf_counter()
        load.ask(port, data, PATIENCE_S)
        times.append(1000 * (time.perf_counter() - begin))
    return times or [first_ms]


def fill(data: Path, count: int = JOBS) -> None:
    """The store as it would be a while after `count` jobs, none of them active."""
    data.mkdir(parents=True, exist_ok=True)
    store = Database(f"sqlite:///{data / 'store.sqlite'}", "off")
    add(store, range(count))
    index(store, data)
    add_components(store, range(count))
    mark_read(store)
    store.close()


def add(store: Database, numbers: range) -> None:
    """Puts the jobs of these numbers into the store, with their events."""
    rng = random.Random(numbers.start)
    for first in range(numbers.start, numbers.stop, BATCH):
        made = [_job(number, rng) for number in range(first, min(first + BATCH, numbers.stop))]
        with store.write() as connection:
            connection.execute(insert(jobs), made)
            connection.execute(insert(events), [event for job in made for event in _events(job)])


def add_components(store: Database, numbers: range) -> None:
    """Puts the components of these jobs into the store, with their events; what the index would hold of them is left out."""
    for first in range(numbers.start, numbers.stop, BATCH):
        own = jobs.c.created_ms.between(_created_ms(first), _created_ms(min(first + BATCH, numbers.stop) - 1))
        with store.write() as connection:
            made = [
                _component(*row)
                for row in connection.execute(select(jobs.c.id, jobs.c.name, jobs.c.created_ms).where(own))
            ]
            connection.execute(insert(resources), made)
            connection.execute(insert(events), [
                {"kind": one["kind"], "subject_id": one["id"], "at_ms": one["created_ms"], "status": "", "step": "Created",
                 "message": "", "detail": {"name": one["name"]}}
                for one in made
            ])  # fmt: skip


def index(store: Database, data: Path) -> int:
    """What a server does behind the requests; how many changes there were."""
    registry.load()  # declares the kinds
    nothing = cast("Any", None)
    return keep_up(Platform(Settings(data=data), store, nothing, nothing))


def mark_read(store: Database) -> None:
    """Marks all events as read, and all jobs as indexed and tracked, as they are a while after the jobs' end."""
    nothing = cast("Any", None)
    tracked(Platform(Settings(), store, nothing, nothing))
    last = last_event(store)
    with store.write() as connection:
        connection.execute(delete(index_queue))
        connection.execute(delete(cursors).where(cursors.c.name.in_(LOGS)))
        connection.execute(insert(cursors), [{"name": name, **vars(last)} for name in LOGS])


def _created_ms(number: int) -> int:
    return BEGIN_MS + 10_000 * number


def _job(number: int, rng: random.Random) -> dict[str, Any]:
    """A finished job; one of a hundred failed."""
    name, created = name_of(number), _created_ms(number)
    failed = number % FAILED_EVERY == 0
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
        "desired": "run",
        "status": status,
        "secondary_status": status,
        "modified_ms": created + 5_000,
        "started_ms": created + 1_000,
        "ended_ms": created + 5_000,
        "failure_reason": "AlgorithmError: , exit code: 1" if failed else None,
    }


def _component(job: str, name: str, created_ms: int) -> dict[str, Any]:
    """The trial component of a job."""
    own = component_name("training", name)
    arn = sagemaker_arn(REGION, ACCOUNT, "training-job", name)
    return {
        "id": f"{int(job, 16) ^ 1:032x}",
        "kind": COMPONENT,
        "account": ACCOUNT,
        "region": REGION,
        "name": own.lower(),
        "version": 0,
        "parent": job,
        "status": "",
        "created_ms": created_ms,
        "modified_ms": created_ms,
        "document": {"Name": own, "Source": {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"}},
    }


def _events(job: dict[str, Any]) -> list[dict[str, Any]]:
    path = [(0, "InProgress", "Starting"), (1_000, "InProgress", "Training"), (5_000, job["status"], job["status"])]
    return [
        {
            "kind": job["kind"],
            "subject_id": job["id"],
            "at_ms": job["created_ms"] + after_ms,
            "status": status,
            "step": secondary,
            "message": secondary,
        }
        for after_ms, status, secondary in path
    ]
