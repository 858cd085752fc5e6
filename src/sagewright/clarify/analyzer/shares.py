"""Rows divided among the hosts of a job, and their values brought together on the leader."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import PlatformError
from sagewright.algorithms.rendezvous import Limits, gather
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.errors import CustomerError, InternalError
from sagewright.clarify.tables import Array

MAX_BYTES = 512 << 20
"""Limit on the values that one host sends to the leader."""
PATIENCE_S = 7 * 86_400.0
"""The longest job: hosts need not take equally long for their rows."""


def share(job: ClarifyJob, rows: int) -> range:
    """Returns the positions of the rows that this host explains: consecutive ones, in the order of hosts. The leader has some, if
    there are any."""
    index, hosts = job.hosts.index(job.current_host), len(job.hosts)
    return range(-(-rows * index // hosts), -(-rows * (index + 1) // hosts))


def agree(job: ClarifyJob, said: Any) -> Any:
    """Returns the leader's message, on every host. Raises InternalError."""
    return _gather(job, said, lambda messages: messages[job.hosts[0]])


def share_endpoint(job: ClarifyJob, model: AnalysedModel) -> None:
    """Has the leader start the endpoint for all hosts. Raises ClarifyError."""
    if len(job.hosts) == 1:
        return
    if job.is_leader:
        model.serve()
    name = agree(job, model.endpoint_name)
    if not job.is_leader:
        model.use(name)


def part(job: ClarifyJob) -> int | None:
    """Returns the number of this host's part of a result, None if one host writes it whole."""
    return job.hosts.index(job.current_host) if len(job.hosts) > 1 else None


def collect(job: ClarifyJob, arrays: Mapping[str, Array]) -> list[dict[str, Array]]:
    """Returns the arrays of all hosts in order on the leader, [] on the others. Raises ClarifyError."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return [_unpacked(text) for text in _collect(job, base64.b64encode(packed.getvalue()).decode())]


def collect_documents(job: ClarifyJob, document: Any) -> list[Any]:
    """Returns the JSON documents of all hosts in order on the leader, [] on the others. Raises ClarifyError."""
    return [json.loads(text) for text in _collect(job, json.dumps(document, allow_nan=False))]


def _collect(job: ClarifyJob, text: str) -> list[str]:
    if len(text) > MAX_BYTES:
        raise CustomerError(
            f"The values of this host's rows take {len(text) >> 20} MiB, more than the {MAX_BYTES >> 20} MiB that a host may send "
            "to the leader. Use more hosts, or a sample of the rows."
        )
    received: dict[str, str] = {}
    if len(job.hosts) > 1:
        _gather(job, text if not job.is_leader else "", lambda messages: received.update(messages) or True)
    if not job.is_leader:
        return []
    received[job.current_host] = text
    return [received[host] for host in job.hosts]


def _gather(job: ClarifyJob, said: Any, answer: Any) -> Any:
    try:
        limits = Limits(timeout_s=PATIENCE_S, line_bytes=2 * MAX_BYTES + 1024)  # JSON in JSON
        return gather(job.name or "clarify", job.hosts, job.current_host, said, answer, limits)
    except PlatformError as error:
        raise InternalError(f"The hosts of the job did not meet: {error}") from None


def _unpacked(text: str) -> dict[str, Array]:
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
