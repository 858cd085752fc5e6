"""Trains a model of a table from the user's data."""

from __future__ import annotations

import time

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.program import Fitting, run_program
from sagewright_jumpstart.tabular.data import Table, read_tables
from sagewright_jumpstart.tabular.engines import TabularEngine, make_engine

CLASSIFICATION = "classification"


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    classifies = job.manifest.task == CLASSIFICATION
    columns, data, held = read_tables(job, classifies)
    classes = _count_classes(data) if classifies else 0
    if classifies and len(held) and int(held.target.max()) >= classes:
        raise InputError(f"channel validation: the target {held.target.max()} does not occur in the channel training")
    print(f"rows={len(data)} validation_rows={len(held)} features={columns.count} classes={classes}", flush=True)
    engine = make_engine(str(job.manifest.settings["engine"]), columns, classes)

    def train() -> None:
        started = time.monotonic()
        engine.train(data, held, job.hyperparameters)
        print(f"seconds={time.monotonic() - started:.1f}", flush=True)
        _print_end(engine, held if len(held) else data, classifies)

    labels = tuple(str(index) for index in range(classes))
    return Fitting(train, engine.save, labels, {"columns": columns.document()})


def _count_classes(data: Table) -> int:
    """Raises InputError unless there are two classes or more, numbered without a gap."""
    found = sorted(set(data.target.tolist()))
    if found != list(range(len(found))) or len(found) < 2:
        shown = ", ".join(map(str, found[:10]))
        raise InputError(f"channel training: the targets are 0, 1 and so on, each at least once, not {shown}")
    return len(found)


def _print_end(engine: TabularEngine, table: Table, classifies: bool) -> None:
    """Prints the quality of the model that is saved, in the same words for all engines."""
    found = engine.predict(table.features)
    if classifies:
        print(f"final_accuracy={(found.argmax(1) == table.target).mean():.5f}", flush=True)
    else:
        print(f"final_rmse={(((found - table.target) ** 2).mean() ** 0.5):.5f}", flush=True)
