"""One suite for every built-in algorithm of the catalogue. A new algorithm adds one `Sample`.

Whatever the input, an algorithm ends in one of two ways: exit code 0 with a model, or exit code 2 with a failure text.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from sagewright.algorithms import catalogue
from sagewright.algorithms.domains import Choice, Either, Flag, Integer, IntegerLists, IntegerTuple, Real, WordList
from sagewright.algorithms.hyperparameters import Hyperparameter


def iris() -> np.ndarray:
    data = datasets.load_iris()
    rows = np.column_stack([data.target == 1, data.data]).astype(np.float32)
    return rows[np.random.default_rng(0).permutation(len(rows))]


@dataclass(frozen=True)
class Sample:
    """A small training that succeeds. `rows` have `labels` label columns first; `seed` is the seed's name.

    `refuses` names the hard cases of `HARD` that must be the user's fault for this algorithm; the others must succeed.
    """

    hyperparameters: dict[str, str]
    rows: Callable[[], np.ndarray] = iris
    content_type: str = "text/csv"
    labels: int = 1
    seed: str = "seed"
    random: dict[str, str] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()


SAMPLES = {
    "xgboost": Sample(
        {"num_round": "4", "objective": "binary:logistic", "max_depth": "3"},
        random={"subsample": "0.5", "colsample_bytree": "0.5"},
        refuses=frozenset({"NaN label"}),
    ),
}

HARD: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "one row": lambda rows, labels: rows[:1],
    "one feature": lambda rows, labels: rows[:, : labels + 1],
    "constant feature": lambda rows, labels: np.column_stack([rows, np.ones(len(rows))]),
    "NaN feature": lambda rows, labels: np.where(np.eye(*rows.shape, k=labels, dtype=bool), np.nan, rows),
    "NaN label": lambda rows, labels: np.where(np.eye(*rows.shape, dtype=bool), np.nan, rows),
    "huge values": lambda rows, labels: np.column_stack([rows[:, :labels], rows[:, labels:] * 1e30]),
}

ALGORITHMS = pytest.mark.parametrize("name", catalogue.declarations())


def csv(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%.9g")
    return stream.getvalue()


def prepare(job: Any, name: str, rows: np.ndarray, **changes: str) -> Any:
    sample = SAMPLES[name]
    job.configure({**sample.hyperparameters, **changes}, {"train": sample.content_type})
    job.put("train", "part-0.csv", csv(rows))
    return job


def repository(name: str) -> str:
    return catalogue.declarations()[name].repositories[0]


def bad_values(each: Hyperparameter) -> list[str]:
    """Texts that are no value of the hyperparameter."""
    domain = each.domain.other if isinstance(each.domain, Either) else each.domain
    if isinstance(domain, (Integer, Real)):
        low, high = domain.interval.low, domain.interval.high
        beyond = [f"{end:.0f}" for end in (low - 1, high + 1) if np.isfinite(end)]
        return ["abc", "", *beyond, *(["1.5"] if isinstance(domain, Integer) else ["nan"])]
    if isinstance(domain, (Choice, Flag, WordList)):
        return ["no such word", ""]
    if isinstance(domain, (IntegerTuple, IntegerLists)):
        return ["abc", "((", "[['a']]"]
    return []


@ALGORITHMS
def test_it_has_a_sample_that_trains(job: Any, run: Any, name: str) -> None:
    assert run(prepare(job, name, SAMPLES[name].rows()), repository(name)) == 0, job.output
    assert list(job.model.iterdir())
    assert job.failure is None


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        (name, each.name, text)
        for name, declaration in catalogue.declarations().items()
        for each in declaration.hyperparameters
        for text in bad_values(each)
    ],
)
def test_a_bad_value_names_the_hyperparameter(job: Any, run: Any, name: str, key: str, text: str) -> None:
    prepare(job, name, SAMPLES[name].rows()[:5], **{key: text})
    assert run(job, repository(name)) == 2
    assert job.failure is not None
    assert key in job.failure
    assert list(job.model.iterdir()) == [] if job.model.exists() else True


@ALGORITHMS
def test_an_unknown_hyperparameter_is_named(job: Any, run: Any, name: str) -> None:
    assert run(prepare(job, name, SAMPLES[name].rows()[:5], no_such_key="1"), repository(name)) == 2
    assert "no_such_key" in job.failure


@ALGORITHMS
def test_each_required_hyperparameter_is_missed(job: Any, run: Any, name: str) -> None:
    for each in catalogue.declarations()[name].hyperparameters:
        if each.required:
            prepare(job, name, SAMPLES[name].rows()[:5])
            left = {key: text for key, text in SAMPLES[name].hyperparameters.items() if key != each.name}
            job.write("hyperparameters", left)
            assert run(job, repository(name)) == 2
            assert each.name in job.failure


@ALGORITHMS
def test_no_data_is_the_users_fault(job: Any, run: Any, name: str) -> None:
    job.configure(SAMPLES[name].hyperparameters, {"train": SAMPLES[name].content_type})
    assert run(job, repository(name)) == 2
    assert "train" in job.failure
    job.put("train", "empty.csv", b"")
    assert run(job, repository(name)) == 2
    job.put("train", "blank.csv", b"\n\n")
    assert run(job, repository(name)) == 2


@ALGORITHMS
@pytest.mark.parametrize("content", [b"\0\1\2\3" * 50, b"a,b,c\n1,2,3\n", b"1,2,3\n1,2\n", b"1,2,\xff\n"])
def test_data_in_another_format_is_the_users_fault(job: Any, run: Any, name: str, content: bytes) -> None:
    prepare(job, name, SAMPLES[name].rows()[:0])
    job.put("train", "part-0.csv", content)
    assert run(job, repository(name)) == 2, job.output
    assert job.failure


@ALGORITHMS
def test_rows_of_another_width_are_the_users_fault(job: Any, run: Any, name: str) -> None:
    rows = SAMPLES[name].rows()
    prepare(job, name, rows)
    job.put("train", "part-1.csv", csv(rows[:, :-1]))
    assert run(job, repository(name)) == 2
    assert job.failure


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in catalogue.declarations() for case in HARD])
def test_hard_data_ends_well_or_says_why(job: Any, run: Any, name: str, case: str) -> None:
    sample = SAMPLES[name]
    prepare(job, name, HARD[case](sample.rows(), sample.labels))
    expected = 2 if case in sample.refuses else 0
    assert run(job, repository(name)) == expected, job.output
    assert bool(job.failure) == bool(expected)


@ALGORITHMS
def test_the_seed_decides(make_job: Any, run: Any, name: str) -> None:
    sample = SAMPLES[name]
    models = []
    for number, seed in enumerate(("1", "1", "2")):
        job = prepare(make_job(str(number)), name, sample.rows(), **sample.random, **{sample.seed: seed})
        assert run(job, repository(name)) == 0
        models.append({path.name: path.read_bytes() for path in job.model.iterdir()})
    assert models[0] == models[1]
    assert models[0] != models[2]
