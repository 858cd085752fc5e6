"""The cost of a request as jobs and servers grow: CPU a request with 10^2 to 10^6 jobs, with one to four servers behind HAProxy on
PostgreSQL, and with one server on SQLite.

The servers, PostgreSQL, HAProxy and the load generator share the machine, so the rates say little: each row is CPU time of the
servers and of PostgreSQL together, less what they take without requests. PostgreSQL writes durably (fsync). BENCH_JOBS limits the
number of jobs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import listing
import load
import multiplying
import psutil
from rows import Row, percentile
from server import Sagewright, free_port, job_request, running, scratch
from sqlalchemy import text
from throughput import CANNOT_RUN

from sagewright.store.database import Database

SECTION = "t"
MOST_JOBS = int(os.environ.get("BENCH_JOBS", "1000000"))
SIZES = (100, 10_000, 100_000, 1_000_000)
SERVERS = (1, 2, 4)
REQUESTS = 2_000
CREATES = 300
KNOWN = 100
FOLLOWED_S, LOOK_S, IDLE = 60.0, 3.0, 0.1
LISTED = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 10}
CONFIGURATION = """
defaults
    mode http
    timeout connect 2s
    timeout client 120s
    timeout server 120s
frontend sagewright
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    balance roundrobin
{servers}"""
BOUND = "the servers' part is the same; PostgreSQL's grows with the depth of its indexes"
BOUND_OF_SQLITE = (
    "SQLite is part of the server's process: its cost is in these figures, and grows with the depth of its indexes"
)


@dataclass
class Group:
    """Servers behind one port. `database`: PostgreSQL's first process, None for SQLite."""

    port: int
    key: tuple[str, str]
    servers: list[Sagewright]
    database: psutil.Process | None
    signer: load.Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = load.Signer(self.port, self.key)

    def cpu_s(self) -> tuple[float, float]:
        """Returns CPU seconds of the servers and of PostgreSQL until now."""
        return sum(one.cpu_s() for one in self.servers), _tree_s(self.database) if self.database else 0.0

    def cost_ms(self, requests: list[bytes]) -> tuple[float, float, float]:
        """Returns CPU ms a request of the servers and of PostgreSQL, and the median latency in ms."""
        load.drive(self.port, requests[: len(requests) // 10])
        rest = requests[len(requests) // 10 :]
        idle = self.idle()
        before = self.cpu_s()
        outcome = load.drive(self.port, rest)
        if outcome.refused:
            raise RuntimeError(f"requests were refused, by status: {outcome.refused}")
        spent = zip(self.cpu_s(), before, idle, strict=True)
        servers_ms, database_ms = (1000 * (now - then - rate * outcome.wall_s) / len(rest) for now, then, rate in spent)
        return servers_ms, database_ms, 1000 * percentile(outcome.latencies, 50)

    def idle(self) -> tuple[float, float]:
        """Waits until the servers have followed the events of the jobs; returns the CPU seconds a second that they and PostgreSQL
        take without requests."""
        deadline = time.monotonic() + FOLLOWED_S
        while True:
            before = self.cpu_s()
            time.sleep(LOOK_S)
            servers, database = ((now - then) / LOOK_S for now, then in zip(self.cpu_s(), before, strict=True))
            if servers < IDLE * len(self.servers) or time.monotonic() > deadline:
                return servers, database


def measure() -> list[Row]:
    """Sizes one after the other: PostgreSQL with each number of servers, then SQLite."""
    rows: list[Row] = []
    with scratch() as directory, _postgresql() as (url, database):
        url_of_store, filled = url("curve"), 0
        for size in (one for one in SIZES if one <= MOST_JOBS):
            _fill(url_of_store, range(filled, size))
            _fill(f"sqlite:///{_sqlite(directory) / 'store.sqlite'}", range(filled, size))
            filled = size
            for count in SERVERS:
                with _servers(directory / f"jobs-{size}-{count}", url_of_store, database, count) as group:
                    rows += _of(group, f"{size:,} jobs, {_counted(count)}", rows)
            with running(Sagewright(_sqlite(directory))) as server:
                assert isinstance(server, Sagewright)
                rows += _of(Group(server.port, server.key(), [server], None), f"{size:,} jobs, SQLite", rows)
    return rows


def _sqlite(directory: Path) -> Path:
    (directory / "sqlite").mkdir(exist_ok=True)
    return directory / "sqlite"


def _counted(count: int) -> str:
    return f"{count} server{'s' * (count > 1)}"


def _fill(url: str, numbers: range) -> None:
    """Adds jobs and their components as a server leaves them a while after the jobs' end, but for the index of properties."""
    store = Database(url)
    try:
        if store.embedded:
            listing.add(store, numbers)
            listing.add_components(store, numbers)
        else:
            multiplying.add(store, numbers)
        listing.mark_read(store)
        if not store.embedded:  # in SQLite nothing does so, and its plans are others then
            with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE"))  # as autovacuum does within a minute
    finally:
        store.close()


def _of(group: Group, where: str, before: list[Row]) -> list[Row]:
    described = [
        group.signer.request("DescribeTrainingJob", {"TrainingJobName": listing.name_of(n)}) for n in range(KNOWN)
    ]
    listed = group.signer.request("ListTrainingJobs", LISTED)
    kinds: dict[str, Callable[[], list[bytes]]] = {
        "Describe": lambda: [described[n % KNOWN] for n in range(REQUESTS)],
        "List newest first": lambda: [listed] * (REQUESTS // 4),
        "Create": lambda: _creates(group.signer, CREATES),
        "Describe:Create 9:1": lambda: _mixed(group.signer, described),
    }
    return [_row(what, where, group.cost_ms(made()), before) for what, made in kinds.items()]


def _mixed(signer: load.Signer, described: list[bytes]) -> list[bytes]:
    created = iter(_creates(signer, REQUESTS // 10))
    return [next(created) if n % 10 == 9 else described[n % KNOWN] for n in range(REQUESTS)]


def _creates(signer: load.Signer, count: int) -> list[bytes]:
    prefix = uuid.uuid4().hex[:12]
    return [signer.request("CreateTrainingJob", job_request(f"{prefix}-{n}", CANNOT_RUN)) for n in range(count)]


def _row(what: str, where: str, cost: tuple[float, float, float], before: list[Row]) -> Row:
    """The peer of each row has the fewest jobs, with as many servers on the same database."""
    servers_ms, database_ms, p50_ms = cost
    kind, setting = f"{what}, ", where.partition(", ")[2]
    first = next((row for row in before if row.what.startswith(kind) and row.what.endswith(setting)), None)
    stores = f"servers {servers_ms:.2f}, PostgreSQL {database_ms:.2f} ms; " if "server" in setting else ""
    detail = f"{stores}p50 {p50_ms:.1f} ms with {load.CONNECTIONS} connections"
    peer, theirs = (f"itself: {first.what.removeprefix(kind)}", first.ours) if first else ("", None)
    bound = BOUND if stores else BOUND_OF_SQLITE
    return Row(SECTION, kind + where, servers_ms + database_ms, "ms/req", peer, theirs, bound, detail)


@contextlib.contextmanager
def _servers(directory: Path, url: str, database: psutil.Process, count: int) -> Iterator[Group]:
    """Starts servers on one store, and HAProxy before them."""
    with contextlib.ExitStack() as held:
        keeper = Sagewright(directory / "objects")
        held.enter_context(running(keeper))
        environ = {
            "SAGEWRIGHT_DATABASE": url,
            "SAGEWRIGHT_MASTER_KEY": "5a" * 32,
            "SAGEWRIGHT_OBJECTS": keeper.endpoint.replace("http://", "s3://"),
            "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(keeper.data / "credentials"),
        }
        servers = [Sagewright(directory / f"server-{number}", environ=environ) for number in range(count)]
        for one in servers:
            held.enter_context(running(one))
        port = free_port()
        held.enter_context(_haproxy(directory / "haproxy.cfg", port, servers))
        yield Group(port, servers[0].key(), servers, database)


@contextlib.contextmanager
def _haproxy(file: Path, port: int, servers: list[Sagewright]) -> Iterator[None]:
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    lines = "".join(f"    server s{one.port} 127.0.0.1:{one.port}\n" for one in servers)
    file.write_text(CONFIGURATION.format(port=port, servers=lines))
    process = subprocess.Popen([program, "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _postgresql() -> Iterator[tuple[Callable[..., str], psutil.Process]]:
    """A PostgreSQL server on the disk: a function that returns the URL of a database, and its first process."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise RuntimeError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    binaries, directory = found[-1].parent, Path(tempfile.mkdtemp(prefix="sagewright-bench-pg-"))
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:  # PostgreSQL refuses to run as root
        shutil.chown(directory, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        argv = [*as_user, str(binaries / program), *arguments]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=directory)

    def url(name: str, *, make: bool = True) -> str:
        if make:
            run("createdb", "-h", str(directory), "-U", "bench", name)
        return f"postgresql+psycopg://bench@/{name}?host={directory}"

    data = str(directory / "data")
    try:
        run("initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-k {directory} -c listen_addresses= -c max_connections=200"
        run("pg_ctl", "-D", data, "-w", "-l", str(directory / "log"), "-o", options, "start")
        pid = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
        yield url, psutil.Process(pid)
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _tree_s(process: psutil.Process) -> float:
    """CPU seconds of a process, of its children that have ended, and of those that run."""
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return float(total)


def _await(port: int, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(RuntimeError, OSError):
            if load.ask(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 5)[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("HAProxy did not come up")
