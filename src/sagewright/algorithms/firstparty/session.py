"""One training run of a first-party algorithm: its log, hosts, channels and model file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.algorithms.declaration import Declaration
from sagewright.algorithms.firstparty import artefact, hosts
from sagewright.algorithms.firstparty.data import Rows, Wanted
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.job import Job


@dataclass(frozen=True)
class Session:
    """What `train` of an algorithm works with. `values` are the validated hyperparameters."""

    job: Job
    values: Mapping[str, Any]
    lines: Lines
    group: Group

    @property
    def seed(self) -> int:
        """The same at every host."""
        return int(self.values["_seed"])

    def rows(self, channel: str, wanted: Wanted) -> Rows | None:
        """The rows of a channel; None when the job has no such channel, which the log says."""
        if channel not in self.job.channels:
            logging.info("%s data is not provided.", channel.capitalize())
            return None
        return Rows(self.job, channel, wanted)

    def save(self, content: bytes, name: str = artefact.NAME) -> None:
        """Write a model file, once for all hosts."""
        if self.group.rank == 0:
            artefact.write(self.job.model_directory, content, name)


@contextlib.contextmanager
def session(declaration: Declaration, algorithm: str, job: Job, values: Mapping[str, Any]) -> Iterator[Session]:
    """Begin the log and connect the hosts; `algorithm` is the name in `#metrics` lines."""
    lines = Lines(algorithm, job.current_host)
    lines.configuration(declaration, job)
    with hosts.group(job) as members:
        yield Session(job, values, lines, members)
