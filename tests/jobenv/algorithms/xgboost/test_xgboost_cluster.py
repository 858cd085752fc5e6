"""Several hosts, as processes under several names of this machine, make one model."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from sagewright.algorithms.xgboost.library import xgb

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")  # names that resolve everywhere, sorted as ranks
VALUES = {
    "num_round": "10",
    "objective": "binary:logistic",
    "max_depth": "3",
    "tree_method": "hist",
    "eval_metric": "logloss,accuracy,f1",
    "early_stopping_rounds": "5",
}


def cancer() -> np.ndarray:
    data = datasets.load_breast_cancer()
    rows = np.column_stack([data.target, data.data]).astype(np.float32)
    return rows[np.random.default_rng(0).permutation(len(rows))]


def csv(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%.9g")
    return stream.getvalue()


def start(
    make_job: Callable[[str], Any], hosts: tuple[str, ...], train: list[np.ndarray], validation: list[np.ndarray]
) -> list[tuple[Any, subprocess.Popen[str]]]:
    started = []
    for number, host in enumerate(hosts):
        job = make_job(f"host-{number}")
        job.configure(VALUES, {"train": "csv", "validation": "csv"}, hosts=hosts, current=host, checkpoints=True)
        for channel, parts in (("train", train), ("validation", validation)):
            if len(parts[number]):
                job.put(channel, "x.csv", csv(parts[number]))
        started.append((job, job.start(OMP_NUM_THREADS="1")))
    return started


def finish(started: list[tuple[Any, subprocess.Popen[str]]]) -> list[Any]:
    try:
        for job, process in started:
            job.output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, job.output
    finally:
        for _, process in started:
            process.kill()
            process.communicate()
    return [job for job, _ in started]


def artifact(job: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return xgb.Booster(model_file=str(job.model / "xgboost-model"))


def predictions(job: Any, rows: np.ndarray) -> np.ndarray:
    return artifact(job).predict(xgb.DMatrix(rows[:, 1:]))


def test_two_hosts_make_the_model_of_one(make_job: Any, run: Any) -> None:
    rows = cancer()
    train, validation = rows[:400], rows[400:]
    alone = make_job("alone").configure(VALUES, {"train": "csv", "validation": "csv"})
    alone.put("train", "x.csv", csv(train))
    alone.put("validation", "x.csv", csv(validation))
    assert run(alone) == 0
    first, second = finish(start(make_job, HOSTS[:2], [train[::2], train[1::2]], [validation[::2], validation[1::2]]))
    assert list(second.model.iterdir()) == []
    assert not second.metric("logloss")
    assert "Distributed node training with 2 hosts" in first.output
    assert np.abs(predictions(first, validation) - predictions(alone, validation)).mean() < 0.02
    assert np.allclose(first.metric("logloss"), alone.metric("logloss"), atol=0.02)
    labels = validation[:, 0]
    accuracy = ((predictions(first, validation) > 0.5) == labels).mean()
    best = artifact(first).num_boosted_rounds() - 1
    assert first.metric("accuracy")[best] == pytest.approx(accuracy, abs=1e-4)  # over both hosts, no mean of means
    assert len(list((first.root / "checkpoints").iterdir())) == 5
    assert not (second.root / "checkpoints").exists()


@pytest.mark.parametrize("empty", [0, 1])
def test_hosts_without_data_are_left_out(make_job: Any, empty: int) -> None:
    rows = cancer()
    train: list[np.ndarray] = [rows[:200], rows[200:400]]
    validation: list[np.ndarray] = [rows[400:500], rows[500:]]
    train.insert(empty, rows[:0])
    validation.insert(empty, rows[500:])
    jobs = finish(start(make_job, HOSTS, train, validation))
    warning = f"Host {HOSTS[empty]} does not have data in channel train and will not be used in distributed training."
    assert warning in jobs[empty].output
    saved = [number for number, job in enumerate(jobs) if list(job.model.iterdir())]
    assert saved == [1 if empty == 0 else 0]


def test_one_host_with_data_trains_alone(make_job: Any) -> None:
    rows = cancer()
    first, second = finish(start(make_job, HOSTS[:2], [rows[:0], rows[:400]], [rows[400:], rows[400:]]))
    assert list(first.model.iterdir()) == []
    assert [path.name for path in second.model.iterdir()] == ["xgboost-model"]


def test_no_host_with_data_is_the_users_fault(make_job: Any) -> None:
    rows = cancer()
    for job, process in start(make_job, HOSTS[:2], [rows[:0], rows[:0]], [rows[:9], rows[:9]]):
        process.communicate(timeout=60)
        assert process.returncode == 2
        assert (job.failure or "").startswith("No data in training channel path")


def test_hosts_resume_together_from_the_first_ones_checkpoint(make_job: Any) -> None:
    rows = cancer()
    parts = ([rows[:200], rows[200:400]], [rows[400:500], rows[500:]])
    once = finish(start(make_job, HOSTS[:2], *parts))[0]
    history = once.metric("logloss")
    for path in sorted((once.root / "checkpoints").iterdir())[1:]:
        path.unlink()
    kept = next((once.root / "checkpoints").iterdir()).suffix
    again = finish(start(make_job, HOSTS[:2], *parts))[0]
    done = int(kept[1:]) + 1
    assert f"Resuming from iteration {done}" in again.output
    resumed = again.metric("logloss")
    common = min(len(resumed), len(history) - done)  # early stopping counts afresh
    assert common > 0
    assert np.allclose(resumed[:common], history[done : done + common], atol=1e-4)
