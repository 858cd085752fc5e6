"""The peers: moto's server, Ray's job server, and servers that answer one thing (a client's own cost)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from server import CACHE, ROOT, Process, SecuredProcess, free_port

PROGRAMS = Path(__file__).parent / "programs"
READY = CACHE / "clients" / "bench" / ".ready"
BIN = CACHE / "clients" / "bench" / "bin"
KEY = ("testing", "testing")


class NoPeer(RuntimeError):
    """A peer cannot be had here; the message says why, for the table."""


def install() -> None:
    """The peers' environment. Raises NoPeer."""
    made(READY)


def made(ready: Path) -> None:
    """An environment of clients/, by the Makefile's rule. Raises NoPeer."""
    done = subprocess.run(
        ["make", "--quiet", str(ready.relative_to(ROOT))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["make failed"])[-1]
        raise NoPeer(f"clients/{ready.parent.name}.txt does not install: {last[:120]}")


def versions() -> dict[str, str]:
    """Of the peers that are installed."""
    code = "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('moto', 'ray', 'werkzeug')}))"
    done = subprocess.run([str(BIN / "python"), "-c", code], capture_output=True, text=True, check=False)
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def moto(log: Path, core: int | None = None) -> Process:
    """moto_server, one process, as its documentation starts it."""
    install()
    port = free_port()
    return Process([str(BIN / "moto_server"), "-p", str(port)], port, "/moto-api/", log, core)


def seeded_moto(log: Path, jobs: int, failed_every: int) -> Process:
    """moto_server with `jobs` training jobs put straight into its memory."""
    install()
    port = free_port()
    command = [str(BIN / "python"), str(PROGRAMS / "seeded_moto.py"), str(jobs), str(failed_every), str(port)]
    return Process(command, port, "/moto-api/", log)


def canned(log: Path, answer: bytes, core: int | None = None, certificate: Sequence[Path] = ()) -> Process:
    """A server that gives every request the same answer: what is left is the client's own cost. `certificate`: for TLS, with its
    key."""
    port = free_port()
    file = log.with_suffix(".answer")
    file.write_bytes(answer)
    command = [sys.executable, str(PROGRAMS / "canned.py"), str(port), str(file), *map(str, certificate)]
    return (SecuredProcess if certificate else Process)(command, port, "/", log, core)


def constant(log: Path, answer: bytes, core: int | None = None) -> Process:
    """uvicorn with one answer, and SQLAlchemy beside it: the floor of a server in Python that does nothing."""
    port = free_port()
    file = log.with_suffix(".answer")
    file.write_bytes(answer)
    return Process([sys.executable, str(PROGRAMS / "constant.py"), str(port), str(file)], port, "/", log, core)


def ray(directory: Path, log: Path) -> Process:
    """A Ray head with its job server, in the foreground. `directory`: a short path (Ray's sockets lie in it)."""
    install()
    port = free_port()
    command = [
        str(BIN / "ray"), "start", "--head", "--block", "--disable-usage-stats", "--num-cpus", str(os.cpu_count()),
        "--port", str(free_port()), "--dashboard-host", "127.0.0.1", "--dashboard-port", str(port),
        "--ray-client-server-port", str(free_port()), "--temp-dir", str(directory),
    ]  # fmt: skip
    environ = {"RAY_AUTH_MODE": "disabled", "RAY_enable_metrics_collection": "0", "RAY_TMPDIR": str(directory)}
    return Process(command, port, "/api/version", log, environ=environ)


def ray_jobs(head: Process, script: Path, count: int) -> list[dict[str, float]]:
    """Seconds from submit_job to the script's first line and to the end, job by job, through Ray's Python SDK."""
    environ = {**os.environ, **head.environ}
    command = [str(BIN / "python"), str(PROGRAMS / "ray_submit.py"), head.endpoint, str(script), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=300)
    if done.returncode:
        raise NoPeer(f"ray job submit failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
    found: list[dict[str, float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
