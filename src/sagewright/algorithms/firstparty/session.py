"""One training run of a first-party algorithm: its log, hosts, channels and model file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import artefact, hosts
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.memory import Budget
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.wording import UNUSED

KEPT = 0.75
"""Share of the memory for rows that train can use if there is a channel validation."""


@dataclass(frozen=True)
class Session:
    """The context of an algorithm's `train`. `values` are the validated hyperparameters of the declaration."""

    job: Job
    values: Mapping[str, Any]
    lines: Lines
    group: Group
    declaration: Declaration
    memory: Budget = field(default_factory=lambda: Budget(memory.for_rows()))

    @property
    def seed(self) -> int:
        """The seed, the same at every host."""
        return int(self.values["_seed"])

    @cached_property
    def chosen(self) -> frozenset[str]:
        """Returns the names of hyperparameters that the job set to something other than the default. This is the only
        way to ask what was given."""
        return self.declaration.chosen(self.job.hyperparameters)

    def asks_for(self, solver: str) -> frozenset[str]:
        """The names that the job set and that only this solver uses."""
        unused = self.declaration.unused(self.job.hyperparameters, self.values, solver)
        return self.chosen & self.declaration.only_of(solver) - set(unused)

    def solver(self, *names: str) -> None:
        """Logs the running solver, by its names from the general to the particular, and the given but unused hyperparameters."""
        if names:
            logging.info("Solver: %s", names[0])
        if unused := self.declaration.unused(self.job.hyperparameters, self.values, *names):
            logging.info(UNUSED, ", ".join(unused))

    def rows(self, channel: str, wanted: ExpectedColumns) -> Rows | None:
        """The rows of a channel; None if the job has no such channel, which is logged."""
        if channel not in self.job.channels:
            logging.info("%s data is not provided.", channel.capitalize())
            return None
        return Rows(self.job, channel, wanted)

    def source(self, channel: str, wanted: ExpectedColumns) -> Source | None:
        """The rows of a channel, to be read in every epoch; None if there is no such channel. Validation's part of the memory is
        reserved while train is read.
        """
        rows = self.rows(channel, wanted)
        part = KEPT if channel == "train" and "validation" in self.job.channels else 1.0
        random = np.random.default_rng([self.seed, 20, self.group.rank, len(channel)])
        return None if rows is None else Source(rows, self.memory, random, part)

    def save(self, content: artefact.Content, name: str = artefact.NAME) -> None:
        """Writes a model file, once for all hosts."""
        if self.group.rank == 0:
            artefact.write(self.job.model_directory, content, name)


@contextlib.contextmanager
def session(declaration: Declaration, algorithm: str, job: Job, values: Mapping[str, Any]) -> Iterator[Session]:
    """Starts the log and connects the hosts; `algorithm` is the name in `#metrics` lines."""
    lines = Lines(algorithm, job.current_host)
    lines.configuration(declaration, job)
    with hosts.group(job) as members:
        run = Session(job, values, lines, members, declaration)
        if not declaration.has_solvers:
            run.solver()
        yield run
