"""What sharing a server costs: requests over TLS, and by a user whose policies decide, beside the same in the open over plain HTTP.

All servers have the same core. CPU: of the server, and of the process that ends TLS.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import load
import peers
from latency import describe_ms
from rows import Row, median, number, percentile, spread
from server import SAGEWRIGHT, Process, Sagewright, client, cores, job_request, key_in, pinned, running, scratch
from throughput import CANNOT_RUN, Load

from sagewright.tls.certificates import CERTIFICATE, KEY

SECTION = "u"
ROUNDS, CALLS, REQUESTS = 5, 100, 2000
NAME = "described"
PLAIN, TLS, ENFORCED = "open, plain HTTP", "over TLS", "with policies enforced"
LIMITS = {
    TLS: "one process more between client and server; the client's own TLS, which the canned answer shows alone",
    ENFORCED: "looking up the user's rights, 1 µs; the decisions of a Create, 45 µs",
}
CANNED = "the client's TLS, and TLS in the server's own process"
Figures = Mapping[str, list[float]]


def measure() -> list[Row]:
    core = cores()[-1]
    with scratch() as directory:
        plain = Sagewright(directory / "plain", core)
        tls = Sagewright(directory / "tls", core, tls=True)
        enforced = Sagewright(directory / "enforced", core)
        with running(plain), running(tls), running(enforced):
            keys = {PLAIN: plain.key(), TLS: tls.key(), ENFORCED: _user(enforced)}
            rows = _compared({PLAIN: plain, TLS: tls, ENFORCED: enforced}, keys)
            return [*rows, _floor(directory, plain, tls, core)]


def _floor(directory: Path, plain: Sagewright, tls: Sagewright, core: int) -> Row:
    """What TLS costs without another process: the same answer, ready beforehand."""
    signer = load.Signer(plain.port, plain.key())
    _, answer = load.ask(plain.port, signer.request("DescribeTrainingJob", {"TrainingJobName": NAME}))
    certificate = [tls.data / "tls" / CERTIFICATE, tls.data / "tls" / KEY]
    by_http = peers.canned(directory / "canned.log", answer, core)
    by_tls = peers.canned(directory / "canned-tls.log", answer, core, certificate)
    with running(by_http), running(by_tls):
        clients = [client(by_http.endpoint, plain.key()), client(by_tls.endpoint, plain.key(), verify=tls.authority())]
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(ROUNDS + 1):
            for one, kept in zip(clients, times, strict=True):
                with pinned(cores()[0]):
                    taken = [describe_ms(one, NAME) for _ in range(CALLS)]
                kept.extend(taken if turn else [])
    before, after = (percentile(one, 50) for one in times)
    what = "a canned answer through boto3 over TLS, p50"
    return Row(SECTION, what, after, "ms", "the same, plain HTTP", before, CANNED, spread(times[1], "ms"))


def _compared(servers: Mapping[str, Sagewright], keys: Mapping[str, tuple[str, str]]) -> list[Row]:
    clients = {kind: client(one.endpoint, keys[kind], verify=one.authority()) for kind, one in servers.items()}
    for one in clients.values():
        one.create_training_job(**job_request(NAME, CANNOT_RUN))
    loads = {kind: Load(one, keys[kind], CANNOT_RUN, REQUESTS) for kind, one in servers.items()}
    reads = {kind: Load(one, keys[kind], CANNOT_RUN, REQUESTS, creates=False) for kind, one in servers.items()}
    times: dict[str, list[float]] = {kind: [] for kind in servers}
    mixed: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in servers}
    read: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in servers}
    for turn in range(ROUNDS + 1):
        for kind in servers:
            with pinned(cores()[0]):
                taken = [describe_ms(clients[kind], NAME) for _ in range(CALLS)]
            rounds = (mixed, loads[kind].round()), (read, reads[kind].round())
            if turn:
                times[kind] += taken
                for kept, found in rounds:
                    kept[kind].append(found)
    return [row for kind in (TLS, ENFORCED) for row in _rows(kind, times, mixed, read)]


def _rows(kind: str, times: Figures, *measured: Mapping[str, list[tuple[float, ...]]]) -> list[Row]:
    p50, plain = percentile(times[kind], 50), percentile(times[PLAIN], 50)
    rows = [
        Row(
            SECTION,
            f"Describe through boto3 {kind}, p50",
            p50,
            "ms",
            PLAIN,
            plain,
            LIMITS[kind],
            spread(times[kind], "ms"),
        )
    ]
    for what, rounds in zip(("Describe:Create 9:1", "Describe"), measured, strict=True):
        (rate, cpu), (rate_plain, cpu_plain) = (
            tuple(median([one[at] for one in rounds[which]]) for at in (0, 1)) for which in (kind, PLAIN)
        )
        detail = f"{number(cpu)} ms of CPU a request, {number(cpu_plain)} in the open"
        rows.append(
            Row(
                SECTION,
                f"{what} {kind}, answered on one core",
                rate,
                "req/s",
                PLAIN,
                rate_plain,
                LIMITS[kind],
                detail,
                True,
            )
        )
    return rows


def _user(server: Process) -> tuple[str, str]:
    """Returns the key of a new user, who may use SageMaker; a second user enforces policies."""
    assert isinstance(server, Sagewright)
    folder = server.data.parent / "reader"
    command = (str(SAGEWRIGHT), "users", "create", "reader", "--to", str(folder), "--data", str(server.data))
    subprocess.run(command, check=True, capture_output=True)
    return key_in(folder)
