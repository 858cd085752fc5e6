"""The program of a fine-tuning job: what all families do, in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sagewright_jumpstart.errors import reported
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.outputs import save

Data = TypeVar("Data")


@dataclass(frozen=True)
class Fitting:
    """The part of a family. `train` leaves the weights that are kept, `save` writes them into a folder; `labels` and `settings` are
    those of the fine-tuned model's manifest."""

    train: Callable[[], None]
    save: Callable[[Path], None]
    labels: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def run_program(prepare: Callable[[FineTuningJob], Fitting]) -> None:
    """Trains what `prepare` makes of the job, and writes the model. An InputError ends it with one line."""
    reported(lambda: _run(prepare))


def _run(prepare: Callable[[FineTuningJob], Fitting]) -> None:
    job = FineTuningJob.from_environment()
    fitting = prepare(job)
    fitting.train()
    job.model_folder.mkdir(parents=True, exist_ok=True)
    fitting.save(job.model_folder)
    save(job.model_folder, job.pretrained, job.manifest, fitting.labels, **fitting.settings)


def halves(
    job: FineTuningJob, read: Callable[[Path], Data], divide: Callable[[Data, float, int], tuple[Data, Data]]
) -> tuple[Data, Data]:
    """Returns the data for training and for validation: of the channel `validation`, or divided from that for training."""
    data, given = read(job.training), job.hyperparameters
    if job.validation is not None:
        return data, read(job.validation)
    return divide(data, given.number("validation_split_ratio"), given.whole("seed"))
