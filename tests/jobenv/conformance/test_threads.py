"""Algorithms on one CPU and on two: the same model bit for bit, and no CPU time spent on waiting, even beside a busy core."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table

PROTOBUF = "application/x-recordio-protobuf"
COLUMNS, ROWS = 100, 20_000
JOBS = {
    "kmeans": {"k": "20", "mini_batch_size": "5000"},
    "pca": {"num_components": "5", "mini_batch_size": "500"},
    "knn": {"k": "5", "predictor_type": "classifier", "sample_size": "8000"},
    "randomcutforest": {"num_trees": "50"},
}
WASTE = 1.4
"""CPU time of two threads to one's, at most."""


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A core that has something else to do."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def train(job: Any, repository: str, table: Table, cpus: int) -> tuple[dict[str, bytes], float]:
    """The model's files, and the CPU seconds of the job."""
    job.configure({"feature_dim": str(COLUMNS), **JOBS[repository]}, {"train": PROTOBUF, "test": PROTOBUF})
    records = protobuf.dump(table)
    job.put("train", "x", records)
    job.put("test", "x", records[: len(records) // 4])
    process = job.start(repository, OMP_NUM_THREADS=str(cpus), OPENBLAS_NUM_THREADS="2", GOMP_SPINCOUNT="1000")
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return {path.name: path.read_bytes() for path in sorted(job.model.iterdir())}, usage.ru_utime + usage.ru_stime


@pytest.mark.sampled(1)
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU")
@pytest.mark.parametrize("repository", JOBS)
def test_two_threads_give_the_same_and_waste_nothing(make_job: Callable[[str], Any], repository: str) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, ROWS)
    table = Table(
        (random.normal(size=(ROWS, COLUMNS)) + 3 * labels[:, None]).astype(np.float32), labels.astype(np.float32)
    )
    with busy():
        files, seconds = zip(*(train(make_job(str(cpus)), repository, table, cpus) for cpus in (1, 2)), strict=True)
    assert files[0] == files[1]
    assert seconds[1] < WASTE * seconds[0]
