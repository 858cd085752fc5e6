"""Requests a second a core: Describe and Create 9:1, signed and durable, beside moto's server under the same load.

The jobs name an image that cannot be run here, so each one is created, looked at by the engine, and Failed: nothing is
started, yet every row and event is written. moto marks a job as Completed in Create. The server has one core, the load
generator another.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from pathlib import Path

import load
import peers
import sqlitefloor
from rows import Row, against, median, number, percentile
from server import Process, Sagewright, cores, job_request, pinned, running, scratch

SECTION = "c"
ROUNDS = 3
REQUESTS = 3000
PEER_REQUESTS = 1000
KNOWN = 100
CREATED = 500
QUEUED = 300
DRAIN_S = 120
CANNOT_RUN = (
    "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"  # which no Python runs any more
)
RUNNABLE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
LIMITS = (
    "Python on one core: HTTP and its limits, the signature, a row and its JSON; the engine takes the GIL in between"
)
CREATE = (
    "of a Create with its end in the engine, by the clocks of the server's threads: the request 36 %, the index of Search about a "
    "quarter, the engine 15, lineage 9"
)
SHARED_CORE = "the engine's sweep and the running job's agent on the same core, not told apart"
Rounds = list[tuple[float, float, float, float]]  # requests a second, CPU ms a request, p50 ms, p99 ms


def measure() -> list[Row]:
    with scratch() as directory:
        core = cores()[-1]
        ours = Sagewright(directory / "data", core)
        with running(ours):
            own = Load(ours, ours.key(), CANNOT_RUN, REQUESTS)
            try:
                name, theirs, own_rounds = "moto_server", *_alternate(own, directory, core)
            except peers.NoPeer as error:
                name, theirs, own_rounds = str(error), [], [own.round() for _ in range(ROUNDS)]
            floors = _floors(own, directory, core)
            created = _created(own, ours, directory)
        queue = _with_queue(directory, core)
    return [*_rows(own_rounds, name, theirs, queue, floors), created]


def _alternate(own: Load, directory: Path, core: int) -> tuple[Rounds, Rounds]:
    with running(peers.moto(directory / "moto.log", core)) as moto:
        other = Load(moto, peers.KEY, CANNOT_RUN, PEER_REQUESTS)
        pairs = [(other.round(), own.round()) for _ in range(ROUNDS)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def _floors(own: Load, directory: Path, core: int) -> tuple[float, float]:
    """Requests a second that are answered at once with what a Describe answers: by asyncio without a parser of HTTP, which leaves
    the client's own cost, and by uvicorn."""
    answer = own.described()
    with running(peers.canned(directory / "canned.log", answer, core)) as canned:
        bare = median([own.read_from(canned.port) for _ in range(ROUNDS)])
    with running(peers.constant(directory / "constant.log", answer.partition(b"\r\n\r\n")[2], core)) as constant:
        return bare, median([own.read_from(constant.port) for _ in range(ROUNDS)])


def _created(own: Load, server: Sagewright, directory: Path) -> Row:
    """A Create alone with all that follows from it, beside SQLite, which writes the same rows."""
    store, used = server.data / "store.sqlite", []

    def create() -> None:
        before = server.cpu_s()
        own.create(CREATED)
        sqlitefloor.wait_for_index(store)
        used.append(1000 * (server.cpu_s() - before) / CREATED)

    floor_ms, rows = sqlitefloor.cpu_ms(store, create, CREATED, directory)
    return Row(
        SECTION, "a Create, its end in the engine and the index of Search: server CPU", used[0], "ms",
        "SQLite alone, the same rows, a transaction a job: the floor of storing", floor_ms, CREATE, f"{rows:.0f} rows a job",
    )  # fmt: skip


def _with_queue(directory: Path, core: int) -> tuple[float, float]:
    """Describe alone, requests a second: on an idle machine, and while a job holds it and others wait for it."""
    ours = Sagewright(directory / "queue", core)
    with running(ours):
        signer = load.Signer(ours.port, ours.key())
        asking = Load(ours, ours.key(), CANNOT_RUN, REQUESTS // 2, creates=False)
        _drain(signer)
        asking.round()  # meanwhile the new jobs are brought into lineage and the index
        idle, *_ = asking.round()
        words = {"ContainerEntrypoint": ["sleep"], "ContainerArguments": ["600"]}
        names = ["holder", *(f"queued-{n:04d}" for n in range(QUEUED))]
        load.ask(ours.port, signer.request("CreateTrainingJob", job_request("holder", RUNNABLE, **words)))
        waiting = (job_request(name, RUNNABLE) for name in names[1:])
        load.drive(ours.port, [signer.request("CreateTrainingJob", request) for request in waiting])
        if (waits := _in_progress(signer)) != len(names):
            raise RuntimeError(f"{waits} jobs are in progress, {len(names)} should be")
        queued, *_ = asking.round()
        for name in reversed(names):  # the one that runs last: none of those that wait may start
            load.ask(ours.port, signer.request("StopTrainingJob", {"TrainingJobName": name}))
        _drain(signer)
    return idle, queued


class Load:
    """Rounds of load on one server; what is described was created before."""

    def __init__(self, server: Process, key: tuple[str, str], image: str, size: int, creates: bool = True) -> None:
        self._server, self._image, self._size, self._creates = server, image, size, creates
        self._signer = load.Signer(server.port, key)
        self._names = [f"known-{creates:d}-{n:03d}" for n in range(KNOWN)]
        creating = [self._create(name) for name in self._names]
        for data in creating:
            status, answer = load.ask(server.port, data, context=server.context)
            if status != 200:
                raise RuntimeError(f"Create was refused: {answer[-500:]!r}")

    def _create(self, name: str) -> bytes:
        return self._signer.request("CreateTrainingJob", job_request(name, self._image))

    def _asked(self) -> list[bytes]:
        return [self._signer.request("DescribeTrainingJob", {"TrainingJobName": name}) for name in self._names]

    def described(self) -> bytes:
        """The whole answer to a Describe."""
        return load.ask(self._server.port, self._asked()[0], context=self._server.context)[1]

    def read_from(self, port: int) -> float:
        """Describes a second that another server answers."""
        asked = self._asked()
        with pinned(cores()[0]):
            return load.drive(port, [asked[n % KNOWN] for n in range(self._size)]).rate

    def create(self, count: int) -> None:
        """Creates so many jobs, and waits until the engine is done with them."""
        prefix = uuid.uuid4().hex[:12]
        requests = [self._create(f"{prefix}-{n}") for n in range(count)]
        outcome = load.drive(self._server.port, requests, context=self._server.context)
        if outcome.refused:
            raise RuntimeError(f"requests were refused, by status: {outcome.refused}")
        _drain(self._signer, self._server.context)

    def round(self) -> tuple[float, float, float, float]:
        """Signed first, then sent; CPU is counted until the engine is done with the jobs that were created."""
        asked = self._asked()
        prefix = uuid.uuid4().hex[:12]
        requests = [
            self._create(f"{prefix}-{n}") if self._creates and n % 10 == 9 else asked[n % KNOWN]
            for n in range(self._size)
        ]
        load.drive(self._server.port, requests[:200:3], context=self._server.context)
        requests = [data for n, data in enumerate(requests) if n >= 200 or n % 3]
        cpu = self._server.cpu_s()
        with pinned(cores()[0]):
            outcome = load.drive(self._server.port, requests, context=self._server.context)
        if outcome.refused:
            raise RuntimeError(f"requests were refused, by status: {outcome.refused}")
        if self._creates and isinstance(self._server, Sagewright):
            _drain(self._signer, self._server.context)
        cpu_ms = 1000 * (self._server.cpu_s() - cpu) / len(requests)
        latencies = outcome.latencies
        return outcome.rate, cpu_ms, 1000 * percentile(latencies, 50), 1000 * percentile(latencies, 99)


def _drain(signer: load.Signer, context: ssl.SSLContext | None = None) -> None:
    """Until no job is in progress."""
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline:
        request = signer.request("ListTrainingJobs", {"StatusEquals": "InProgress", "MaxResults": 1})
        _, answer = load.ask(signer.port, request, context=context)
        if not json.loads(answer.partition(b"\r\n\r\n")[2])["TrainingJobSummaries"]:
            return
        time.sleep(0.1)
    raise RuntimeError("jobs are still in progress")


def _in_progress(signer: load.Signer) -> int:
    """How many jobs are in progress, page by page."""
    count = 0
    token: dict[str, str] = {}
    while True:
        body = {"StatusEquals": "InProgress", "MaxResults": 100, **token}
        _, answer = load.ask(signer.port, signer.request("ListTrainingJobs", body))
        page = json.loads(answer.partition(b"\r\n\r\n")[2])
        count += len(page["TrainingJobSummaries"])
        if "NextToken" not in page:
            return count
        token = {"NextToken": page["NextToken"]}


def _rows(own: Rounds, name: str, theirs: Rounds, queue: tuple[float, float], floors: tuple[float, float]) -> list[Row]:
    def of(rounds: Rounds, column: int) -> float | None:
        return median([one[column] for one in rounds]) if rounds else None

    rate, cpu = of(own, 0), of(own, 1)
    assert rate and cpu
    latency = f"p50 {number(of(own, 2) or 0)}, p99 {number(of(own, 3) or 0)} ms with {load.CONNECTIONS} connections"
    idle, queued = queue
    first = Row(
        SECTION, "Describe:Create 9:1, answered on one core", rate, "req/s", name, of(theirs, 0), LIMITS, latency, True
    )
    return [
        first,
        against(first, "canned answers: the client's floor", floors[0]),
        against(first, "uvicorn, a constant answer, nothing checked: Python's floor", floors[1]),
        Row(
            SECTION, "the same, server CPU, engine included", cpu, "ms/req", name, of(theirs, 1),
            CREATE, f"{number(1000 / cpu)} req per CPU second",
        ),
        Row(
            SECTION, f"Describe alone while {QUEUED} jobs wait for the machine", queued, "req/s",
            "itself while none waits", idle, SHARED_CORE, "", True,
        ),
    ]  # fmt: skip
