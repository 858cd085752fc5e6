"""Supervised algorithms of tables and texts tell how they compare with a constant, on data with something to learn and on noise."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table

PROTOBUF = "application/x-recordio-protobuf"
TABLES: dict[str, dict[str, str]] = {
    "linear-learner": {"predictor_type": "regressor"},
    "factorization-machines": {"predictor_type": "regressor", "num_factors": "3", "feature_dim": "6"},
    "knn": {"k": "5", "sample_size": "1000", "predictor_type": "regressor", "feature_dim": "6"},
    "xgboost": {"num_round": "30", "objective": "reg:squarederror"},
}
CLASSES: dict[str, dict[str, str]] = {
    "linear-learner": {"predictor_type": "binary_classifier"},
    "factorization-machines": {"predictor_type": "binary_classifier", "num_factors": "3", "feature_dim": "6"},
    "knn": {"k": "5", "sample_size": "1000", "predictor_type": "classifier", "feature_dim": "6"},
    "xgboost": {"num_round": "30", "objective": "binary:logistic"},
}


def told(output: str) -> float:
    """The one ratio of a log."""
    (found,) = re.findall(r"baseline_ratio(?: <loss>=|: )(\S+)", output)
    return float(found)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_a_model_is_held_against_a_constant(job: Any, run: Any, name: str, classes: bool, noise: bool) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 6)).astype(np.float32)
    y = random.normal(size=1000) if noise else 2 * x[:, 0] + x[:, 1] + 0.3 * random.normal(size=1000)
    labels = (y > 0) if classes else y
    job.configure((CLASSES if classes else TABLES)[name], {"train": PROTOBUF})
    job.put("train", "a", protobuf.dump(Table(x, labels.astype(np.float32))))
    assert run(job, name) == 0, job.output
    ratio = told(job.output)
    assert ratio > 0.85 if noise else ratio < 0.6
    assert ("times that of one that looks at no feature" in job.output) == (ratio > 1.001)


def test_a_classifier_of_texts_is_held_against_the_labels_shares(job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    lines = []
    for label in random.integers(2, size=600):
        lines.append(f"__label__{label} " + " ".join(f"w{2 * word + label}" for word in random.integers(40, size=8)))
    job.configure({"mode": "supervised"}, {"train": "text/plain"})
    job.put("train", "a", "\n".join(lines).encode())
    assert run(job, "blazingtext") == 0, job.output
    assert told(job.output) < 0.3


def test_a_booster_is_compared_at_little_cost(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On noise, where the comparison used to boost all rows again."""
    from sagewright.algorithms.xgboost.library import xgb

    sizes, real = [], xgb.train

    def counted(params: Any, rows: Any, **given: Any) -> Any:
        sizes.append(rows.num_row() ** 0.6 * given["num_boost_round"])
        return real(params, rows, **given)

    random = np.random.default_rng(0)
    rows = Table(random.normal(size=(8000, 3)).astype(np.float32), random.normal(size=8000).astype(np.float32))
    job.configure({"num_round": "200", "objective": "reg:squarederror"}, {"train": PROTOBUF})
    job.put("train", "a", protobuf.dump(rows))
    monkeypatch.setattr(xgb, "train", counted)
    assert run(job, "xgboost") == 0, job.output
    assert told(job.output) > 1
    whole, *others = sizes
    assert 1 <= len(others) <= 2
    assert sum(others) < 0.1 * whole


@pytest.mark.parametrize("count", [4, 200])
def test_a_booster_of_classes_is_compared_only_where_some_can_be_left_out(job: Any, run: Any, count: int) -> None:
    """The numbers of the classes have gaps, which the ratio doesn't count as classes."""
    random = np.random.default_rng(0)
    labels = random.integers(count, size=3000)
    rows = (random.normal(size=(count, 6))[labels] + 0.3 * random.normal(size=(3000, 6))).astype(np.float32)
    given = {"num_round": "5", "objective": "multi:softprob", "num_class": str(2 * count)}
    job.configure(given, {"train": PROTOBUF})
    job.put("train", "a", protobuf.dump(Table(rows, (2 * labels).astype(np.float32))))
    assert run(job, "xgboost") == 0, job.output
    if count == 4:
        assert told(job.output) < 0.5
    else:
        assert "baseline_ratio is not measured" in job.output
        assert "baseline_ratio:" not in job.output


@pytest.mark.parametrize("noise", [False, True])
def test_pairs_are_held_against_their_labels_shares(job: Any, run: Any, noise: bool) -> None:
    random = np.random.default_rng(0)
    lines = []
    for _ in range(400):
        first, second = random.integers(0, 2, 2)
        label = random.integers(0, 2) if noise else int(first == second)
        in0, in1 = ((5 * topic + random.integers(0, 5, 4)).tolist() for topic in (first, second))
        lines.append(json.dumps({"label": int(label), "in0": in0, "in1": in1}))
    given = {"enc0_max_seq_len": "4", "enc0_vocab_size": "10", "enc_dim": "8", "mlp_dim": "8", "epochs": "12"}
    job.configure({**given, "learning_rate": "0.02"}, {"train": "application/jsonlines"})
    job.put("train", "a", "\n".join(lines).encode())
    assert run(job, "object2vec") == 0, job.output
    ratio = told(job.output)
    assert ratio == pytest.approx(1, abs=0.1) if noise else ratio < 0.5


def test_few_rows_are_not_split() -> None:
    random = np.random.default_rng(0)
    assert baseline.split(19, random) is None
    kept, held = baseline.split(20, random) or ([], [])
    assert sorted([*kept, *held]) == list(range(20))
    assert len(held) == 5
    assert baseline.ratio(0.5, 0.0) > 1
    assert baseline.ratio(0.0, 0.0) == 1
    assert baseline.ratio(float("nan"), 1.0) > 1
