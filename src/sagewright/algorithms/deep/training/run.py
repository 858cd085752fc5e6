"""One training run of a deep algorithm: its log, device, hosts, checkpoints, and its end at SIGTERM."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training.checkpoints import Checkpoints
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.epochs import Course
from sagewright.algorithms.deep.training.patience import Patience
from sagewright.algorithms.deep.training.together import Together, together
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.wording import UNUSED
from sagewright.algorithms.termination import Termination


@dataclass(frozen=True)
class Run:
    """The context of a deep algorithm's `train`. `values` are the validated hyperparameters of the declaration."""

    job: Job
    values: Mapping[str, Any]
    declaration: Declaration
    lines: Lines
    device: Device
    together: Together
    termination: Termination

    @property
    def seed(self) -> int:
        """The seed, the same at every host."""
        return int(self.values["_seed"])

    @property
    def writes(self) -> bool:
        """True if this host writes the model."""
        return self.together.rank == 0

    @cached_property
    def chosen(self) -> frozenset[str]:
        """Returns the names of hyperparameters that the job set to something other than the default. This is the only
        way to ask what was given."""
        return self.declaration.chosen(self.job.hyperparameters)

    def course(self, epochs: int, patience: Patience | None = None) -> Course:
        """Settings for `run_epochs`. Checkpoints are kept if the job has a folder for them."""
        place = self.job.checkpoint_directory
        return Course(
            epochs=epochs,
            seed=self.seed,
            device=self.device,
            together=self.together,
            patience=patience,
            checkpoints=None if place is None else Checkpoints(place, writes=self.writes),
            termination=self.termination,
        )


@contextlib.contextmanager
def begin(declaration: Declaration, algorithm: str, job: Job, values: Mapping[str, Any]) -> Iterator[Run]:
    """Starts the log, chooses the device and connects the hosts; `algorithm` is the name in `#metrics` lines.

    Until the first epoch begins there is nothing to save, and SIGTERM ends the process. `precision_dtype`, `_precision_dtype` and
    `kv_store` are used if the algorithm has them. The network's weights are initialised after this.
    """
    lines = Lines(algorithm, job.current_host)
    lines.configuration(declaration, job)
    device = devices.choose(values, values.get("precision_dtype", values.get("_precision_dtype", "float32")))
    devices.seed(int(values["_seed"]))
    with together(job, device, values.get("kv_store")) as hosts, Termination(graceful=False) as termination:
        run = Run(job, values, declaration, lines, device, hosts, termination)
        if not declaration.has_solvers and (unused := declaration.unused(job.hyperparameters, values)):
            logging.info(UNUSED, ", ".join(unused))
        yield run
