"""Every algorithm keeps to its job's memory: its peak is below it, and a process that takes more than that and a little fails
(RLIMIT_DATA)."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Sparse, Table

PROTOBUF = "application/x-recordio-protobuf"
SHARE = 320 << 20
UNTOUCHED = 64 << 20
"""RLIMIT_DATA also counts memory that was asked for and never touched, as no control group does: stacks of threads and malloc's
arenas, more of them on a machine with more CPUs. The peak does not."""
SOURCE = Path(__file__).parents[3] / "src"
COLUMNS, ROWS = 250, 4096

PROGRAM = """
import pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_DATA, ({most}, {most}))
from sagewright.algorithms.run import main
try:
    sys.exit(main(["{repository}", "train"]))
finally:
    pathlib.Path({peak!r}).write_bytes(pathlib.Path("/proc/self/status").read_bytes())
"""
"""The peak is that of the program alone: `wait4`'s figure for a child begins with its parent's."""


def limited(job: Any, repository: str, share: int = SHARE) -> tuple[int, int, str]:
    """Exit code, peak of memory in bytes, and log of a training that can't have more than `share` bytes."""
    variables = {
        **os.environ, "PYTHONPATH": str(SOURCE), "SAGEWRIGHT_ML_ROOT": str(job.root), "OMP_NUM_THREADS": "1",
        "SAGEWRIGHT_MEMORY_GB": str(share / (1 << 30)),
    }  # fmt: skip
    seen = job.root / "peak"
    program = PROGRAM.format(most=share + UNTOUCHED, repository=repository, peak=str(seen))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", seen.read_text(), re.MULTILINE)
    return done.returncode, int(kilobytes) << 10, done.stdout


@contextlib.contextmanager
def piped(job: Any, records: bytes, times: int) -> Iterator[None]:
    """A channel train in Pipe mode that gives the records so many times."""
    pipe = job.channel("train_0")
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as stream:
            for _ in range(times):
                view = memoryview(records)
                while view:
                    view = view[stream.write(view[: 1 << 20]) :]

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield
    with contextlib.suppress(OSError):
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # a job that failed early left the writer waiting
    thread.join(10)


def clouds() -> Table:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, ROWS)
    points = random.normal(0, 3, (4, COLUMNS))
    return Table((points[labels] + random.normal(0, 1, (ROWS, COLUMNS))).astype(np.float32), labels.astype(np.float32))


ONE_PASS = {
    "kmeans": {"k": "4"},
    "pca": {"num_components": "3", "mini_batch_size": "500"},
    "knn": {"k": "5", "predictor_type": "classifier", "sample_size": "20000"},
    "randomcutforest": {"num_trees": "50"},
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("repository", ONE_PASS)
def test_ten_times_the_memory_trains_in_one_pass(job: Any, repository: str) -> None:
    rows = clouds()
    records = protobuf.dump(rows)
    job.configure({"feature_dim": str(COLUMNS), **ONE_PASS[repository]}, {"train": PROTOBUF})
    train = {"TrainingInputMode": "Pipe", "ContentType": PROTOBUF, "S3DistributionType": "ShardedByS3Key"}
    job.write("inputdataconfig", {"train": train})
    with piped(job, records, -(-10 * SHARE // len(records))):
        code, peak, said = limited(job, repository)
    assert code == 0, said
    assert peak < SHARE
    assert (job.model / "model_algo-1").is_file()


def words(rows: int, columns: int) -> Table:
    """Documents of 30 words."""
    random = np.random.default_rng(0)
    indices = np.sort(random.integers(0, columns, (rows, 30)), axis=1)
    counts = random.integers(1, 4, rows * 30).astype(np.float32)
    return Table(Sparse(np.arange(0, rows * 30 + 1, 30), indices.ravel(), counts, columns), np.zeros(rows, np.float32))


def write_many(job: Any, table: Table, size: int) -> None:
    """Files of train of `size` bytes together."""
    records = protobuf.dump(table)
    for number in range(-(-size // len(records))):
        job.put("train", f"part-{number}", records)


MANY_PASSES: dict[str, tuple[dict[str, str], Callable[[], Table]]] = {
    "linear-learner": ({"predictor_type": "multiclass_classifier", "num_classes": "4", "epochs": "2"}, clouds),
    "factorization-machines": ({"predictor_type": "regressor", "num_factors": "2", "epochs": "1"}, clouds),
    "ntm": ({"num_topics": "2", "epochs": "2", "encoder_layers": "8"}, lambda: words(5000, 300)),
    "lda": ({"num_topics": "2", "mini_batch_size": "5000", "_sweeps": "5"}, lambda: words(5000, 300)),
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("repository", MANY_PASSES)
def test_more_than_the_memory_trains_in_many_passes(job: Any, repository: str) -> None:
    values, make = MANY_PASSES[repository]
    table = make()
    columns = {"feature_dim": str(table.columns), "_seed": "1"}
    job.configure({**columns, **values}, {"train": PROTOBUF})
    write_many(job, table, 64 << 20)
    code, peak, said = limited(job, repository)
    assert code == 0, said
    assert "does not fit in memory" in said
    assert peak < SHARE
