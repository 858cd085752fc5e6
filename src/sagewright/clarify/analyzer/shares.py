"""Rows divided among the hosts of a job, and their values brought together on the leader."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import PlatformError
from sagewright.algorithms.rendezvous import Limits, gather
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.errors import CustomerError, InternalError
from sagewright.clarify.tables import Array

MAX_BYTES = 512 << 20
"""Limit on the values that one host sends to the leader."""


def share(job: ClarifyJob, rows: int) -> range:
    """Returns the positions of the rows that this host explains: consecutive ones, in the order of hosts. The leader has some, if
    there are any."""
    index, hosts = job.hosts.index(job.current_host), len(job.hosts)
    return range(-(-rows * index // hosts), -(-rows * (index + 1) // hosts))


def agree(job: ClarifyJob, said: Any) -> Any:
    """Returns what the leader said, on every host. Raises InternalError."""
    return _gather(job, said, lambda messages: messages[job.hosts[0]])


def collect(job: ClarifyJob, arrays: Mapping[str, Array]) -> list[dict[str, Array]]:
    """Returns the arrays of all hosts in order on the leader, [] on the others. Raises ClarifyError."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    text = base64.b64encode(packed.getvalue()).decode()
    if len(text) > MAX_BYTES:
        raise CustomerError(
            f"The values of this host's rows take {len(text) >> 20} MiB, more than the {MAX_BYTES >> 20} MiB that a host may send "
            "to the leader. Use more hosts, or a sample of the rows."
        )
    received: dict[str, str] = {}
    _gather(job, text if not job.is_leader else "", lambda messages: received.update(messages) or True)
    if not job.is_leader:
        return []
    received[job.current_host] = text
    return [_unpacked(received[host]) for host in job.hosts]


def _gather(job: ClarifyJob, said: Any, answer: Any) -> Any:
    try:
        return gather(
            job.name or "clarify", job.hosts, job.current_host, said, answer, Limits(line_bytes=MAX_BYTES + 1024)
        )
    except PlatformError as error:
        raise InternalError(f"The hosts of the job did not meet: {error}") from None


def _unpacked(text: str) -> dict[str, Array]:
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
