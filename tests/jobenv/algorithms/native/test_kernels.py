"""The kernels compiled before a job are all that the job would compile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table

PROTOBUF = "application/x-recordio-protobuf"
COLUMNS, ROWS = 60, 4000


def numbers(whole: bool = False) -> bytes:
    random = np.random.default_rng(3)
    rows = random.poisson(2, (ROWS, COLUMNS)) if whole else random.normal(size=(ROWS, COLUMNS))
    return protobuf.dump(Table(rows.astype(np.float32), (rows[:, 0] > 1).astype(np.float32)))


def sentences() -> bytes:
    words = np.random.default_rng(4).integers(20, size=(200, 12))
    return "\n".join(" ".join(f"w{word}" for word in line) for line in words).encode()


def labelled() -> bytes:
    return b"\n".join(f"__label__{number % 3} ".encode() + line for number, line in enumerate(sentences().split(b"\n")))


WIDTH = {"feature_dim": str(COLUMNS)}
VECTORS = {"min_count": "1", "epochs": "1", "vector_dim": "5"}
CASES: dict[str, tuple[str, list[str], dict[str, str], str, Callable[[], bytes]]] = {
    "forest": ("randomcutforest", [], {**WIDTH, "num_trees": "50"}, PROTOBUF, numbers),
    "machines": (
        "factorization-machines",
        [],
        {**WIDTH, "num_factors": "2", "predictor_type": "regressor", "epochs": "5"},
        PROTOBUF,
        numbers,
    ),
    "topics": (
        "lda",
        [],
        {**WIDTH, "num_topics": "2", "mini_batch_size": "100", "_sweeps": "5"},
        PROTOBUF,
        lambda: numbers(whole=True),
    ),
    **{
        mode: ("blazingtext:1", [f"mode={mode}"], {"mode": mode, **VECTORS}, "text/plain", sentences)
        for mode in ("cbow", "skipgram", "batch_skipgram")
    },
    "subwords": (
        "blazingtext:1",
        ["mode=skipgram"],
        {"mode": "skipgram", "subwords": "true", **VECTORS},
        "text/plain",
        sentences,
    ),
    **{
        solver: (
            "blazingtext:1",
            ["mode=supervised"],
            {"mode": "supervised", "min_count": "1", "_solver": solver},
            "text/plain",
            labelled,
        )
        for solver in ("convex", "sgd")
    },
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("case", CASES)
def test_a_job_compiles_nothing_that_was_not_rehearsed(job: Any, tmp_path: Path, case: str) -> None:
    repository, words, hyperparameters, content_type, content = CASES[case]
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def kept() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in Path(place["NUMBA_CACHE_DIR"]).rglob("*.*")}

    said = _said(job.start(repository, ["kernels", *words], **place))
    before = kept()
    assert before, said
    channels = ["train", "test"] if repository == "randomcutforest" else ["train"]
    job.configure(hyperparameters, dict.fromkeys(channels, content_type))
    for name in channels:
        job.put(name, "part", content())
    said = _said(job.start(repository, **place))
    assert kept() == before, said


def test_without_a_place_nothing_is_kept(job: Any, tmp_path: Path) -> None:
    process = job.start("lda", ["kernels"], HOME=str(tmp_path), NUMBA_CACHE_DIR="")
    _said(process)
    assert not list(tmp_path.rglob("*.nbc"))


def _said(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    return said
