"""Plans of hosts, and the agents that run: found by the lock that each holds in its directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sagewright.compute.backend import Handle, HostPlan
from sagewright.model.jobs.brief import Brief, HostGroup, Program

CREDENTIALS = {"access_key_id": "a", "secret_access_key": "s", "session_token": "t"}


def gang(directory: Path, *names: str, **changes: Any) -> list[HostPlan]:
    """Hosts whose agents wait for a server that is not there: they live until they are killed."""
    document = {
        "brief": Brief("training", "job", "arn", Program("none"), [HostGroup("g", "ml.m5.large", list(names))], "r").document(),
        "hosts": list(names), "attempt": 1,
        "addresses": {}, "endpoint": "http://127.0.0.1:1", "token": "t", "region": "us-east-1",
        "account": "000000000000", "log_stream": "s", "environments": str(directory / "environments"),
        "credentials": CREDENTIALS, "object_proof": None,
        "objects": {"endpoint": "http://127.0.0.1:1", "region": "us-east-1", "credentials": CREDENTIALS, "patience_s": None},
        "framework_versions": "nearest", "sandbox": "auto", "cpus": 1, "memory_gb": 1, "gpus": 0, "stop_grace_s": 1,
        "max_runtime_s": 60, "warnings": [], **changes,
    }  # fmt: skip
    attempt = directory / str(time.monotonic_ns())
    return [
        HostPlan(attempt / name, document | {"host": name, "host_id": f"{attempt.name}-{name[:20]}"}) for name in names
    ]


def directory_of(handle: Handle) -> Path:
    """Where the host works."""
    return Path(handle.get("place", handle["directory"]))


def agents_of(*handles: Handle) -> list[int]:
    """The pids of their agents. A child that is about to become another program has the lock open for a moment too."""
    locks = {str(directory_of(handle) / "agent.lock") for handle in handles}
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and locks & set(_open_files(process)):
            found.append(int(process.name))
    return [pid for pid in found if _parent(pid) not in found]


def _open_files(process: Path) -> Iterator[str]:
    """Some may be closed meanwhile."""
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(link.readlink())


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0


def until(condition: Callable[[], Any], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
