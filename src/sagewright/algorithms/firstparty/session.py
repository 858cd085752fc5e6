"""One training run of a first-party algorithm: its log, hosts, channels and model file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sagewright.algorithms.declaration import Declaration
from sagewright.algorithms.firstparty import artefact, hosts
from sagewright.algorithms.firstparty.data import Rows, Wanted
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.job import Job
from sagewright.algorithms.wording import UNUSED


@dataclass(frozen=True)
class Session:
    """What `train` of an algorithm works with. `values` are the validated hyperparameters, those of the declaration."""

    job: Job
    values: Mapping[str, Any]
    lines: Lines
    group: Group
    declaration: Declaration

    @property
    def seed(self) -> int:
        """The same at every host."""
        return int(self.values["_seed"])

    @cached_property
    def chosen(self) -> frozenset[str]:
        """The names of what the job set to something else than the default. Nothing else may ask what was given."""
        return self.declaration.chosen(self.job.hyperparameters)

    def solver(self, *names: str) -> None:
        """Log which solver runs, by its names from the general to the particular, and what was given and isn't used."""
        if names:
            logging.info("Solver: %s", names[0])
        if unused := self.declaration.unused(self.job.hyperparameters, self.values, *names):
            logging.info(UNUSED, ", ".join(unused))

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
        run = Session(job, values, lines, members, declaration)
        if not declaration.has_solvers:
            run.solver()
        yield run
