"""Built-in algorithms on arrays in memory, as their peers get them: without a job's files, with its checks of rows. And as a
whole job that reads a pipe.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np

from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.memory import Budget
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.recordio import BLOCK_BYTES
from sagewright.algorithms.formats.table import Layout, Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.declaration import Declaration


class Held(Rows):
    """The rows of a channel that are there already. `labels` (n,)."""

    def __init__(self, features: np.ndarray | Sparse, labels: np.ndarray | None = None, sparse: bool = False) -> None:
        self.channel = "train"
        self.wanted = ExpectedColumns(int(features.shape[1]), labels is not None, sparse)
        self._format, self._layout = "recordio-protobuf", Layout(delimiter=",")
        self._held = Table(features, labels)

    def _tables(self) -> Iterator[Table]:
        """Blocks as a reader gives them: 64 MiB each."""
        if isinstance(self._held.features, Sparse):
            yield self._held
            return
        step = max(1, BLOCK_BYTES // (4 * self._held.columns))
        for start in range(0, self._held.rows, step):
            part = slice(start, start + step)
            labels = None if self._held.labels is None else self._held.labels[part]
            yield Table(self._held.features[part], labels)


def source(features: np.ndarray | Sparse, labels: np.ndarray | None = None, sparse: bool = False) -> Source:
    """All rows, in memory."""
    return Source(Held(features, labels, sparse), Budget(1 << 40), np.random.default_rng(0))


def session(declaration: Declaration, algorithm: str, **hyperparameters: object) -> Session:
    """A run on one host, with the validated hyperparameters; a `True` is written `true`."""
    own = job(Path(), hyperparameters)
    values = declaration.validate_hyperparameters(own.hyperparameters)
    return Session(own, values, Lines(algorithm, "algo-1"), Group(), declaration)


def by_pipe(declaration: Declaration, records: bytes, times: int, **hyperparameters: object) -> bytes:
    """The model file of a whole job in Pipe mode, whose channel `train` gives the recordIO-protobuf `records` so many times."""
    with tempfile.TemporaryDirectory() as directory:
        own = job(Path(directory), hyperparameters)
        pipe = own.channel_path("train").with_name("train_0")
        pipe.parent.mkdir(parents=True)
        os.mkfifo(pipe)
        channel = {"ContentType": "application/x-recordio-protobuf", "TrainingInputMode": "Pipe"}
        channels = declaration.validate_channels({"train": channel})
        writer = multiprocessing.get_context("fork").Process(target=_write, args=(pipe, records, times))
        writer.start()
        module, _, function = declaration.train.partition(":")
        values = declaration.validate_hyperparameters(own.hyperparameters)
        getattr(import_module(module), function)(replace(own, channels=channels), values)
        writer.join()
        return (own.model_directory / artefact.NAME).read_bytes()


def _write(pipe: Path, records: bytes, times: int) -> None:
    with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as stream:
        for _ in range(times):
            view = memoryview(records)
            while view:
                view = view[stream.write(view[: 1 << 20]) :]


def job(root: Path, hyperparameters: dict[str, object]) -> Job:
    """One host's, below `root`."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in hyperparameters.items()
    }
    return Job(root, "bench", texts, {}, "algo-1", ("algo-1",), None)
