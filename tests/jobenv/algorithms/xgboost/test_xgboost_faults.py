"""XGBoost on data and settings that can't be trained on: each is the user's fault with a text that names it, never a traceback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
CLASSES = (np.arange(60) % 2).astype(float)


def text(rows: np.ndarray) -> bytes:
    return "".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in rows).encode()


def train(job: Any, run: Any, rows: np.ndarray | bytes, media: str = "text/csv", **given: str) -> int:
    content = rows if isinstance(rows, bytes) else text(rows)
    job.configure({"num_round": "2", **given}, {"train": media})
    job.put("train", "part", content)
    code: int = run(job)
    return code


def labelled(labels: Any, x: np.ndarray = X) -> np.ndarray:
    return np.column_stack([np.resize(np.asarray(labels, float), len(x)), x])


def changed(value: float, column: int = 2, row: int = 7) -> np.ndarray:
    rows = labelled(CLASSES)
    rows[row, column] = value
    return rows


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -1e300])
@pytest.mark.parametrize("tree_method", ["hist", "exact", "approx"])
def test_a_feature_that_no_single_precision_number_holds_is_named(
    job: Any, run: Any, value: float, tree_method: str
) -> None:
    assert train(job, run, changed(value), tree_method=tree_method) == 2, job.output
    assert "channel train, row 7" in job.failure
    assert "infinit" in job.failure


def test_an_infinite_feature_of_validation_and_of_sparse_rows_is_named(job: Any, run: Any) -> None:
    assert train(job, run, b"1 0:1 1:2\n0 0:inf 1:1\n" * 5, "text/libsvm") == 2, job.output
    assert "row 1" in job.failure
    job.configure({"num_round": "2"}, {"train": "text/csv", "validation": "text/csv"})
    job.put("train", "part", text(labelled(CLASSES)))
    job.put("validation", "part", text(changed(np.inf)))
    assert run(job) == 2
    assert "channel validation, row 7" in job.failure


LABELS: list[tuple[str, list[float]]] = [
    ("binary:logistic", [0, 2]),
    ("binary:logistic", [0, -1]),
    ("binary:hinge", [0, 5]),
    ("binary:logitraw", [0, 1.5]),
    ("reg:logistic", [0, 2]),
    ("multi:softmax", [0, 3]),
    ("multi:softprob", [0, -1]),
    ("multi:softprob", [0, 0.5]),
    ("multi:softprob", [0, 1e20]),
    ("count:poisson", [1, -1]),
    ("reg:gamma", [1, 0]),
    ("reg:gamma", [1, -1]),
    ("reg:tweedie", [1, -1]),
    ("reg:squaredlogerror", [1, -2]),
    ("rank:ndcg", [0, -1]),
    ("rank:ndcg", [0, 0.5]),
    ("rank:ndcg", [0, 40]),
    ("rank:map", [0, 2]),
    ("rank:pairwise", [0, -3]),
    ("survival:aft", [-1, 1]),
    ("reg:squarederror", [0, np.nan]),
    ("reg:squarederror", [0, np.inf]),
    ("reg:squarederror", [0, 1e39]),
]


@pytest.mark.parametrize(("objective", "labels"), LABELS)
def test_a_label_that_the_objective_has_no_use_for_is_named(
    job: Any, run: Any, objective: str, labels: list[float]
) -> None:
    given = {"num_class": "3"} if objective.startswith("multi") else {}
    assert train(job, run, labelled(labels), objective=objective, **given) == 2, job.output
    assert "label" in job.failure.lower()


WELL: list[tuple[str, np.ndarray, dict[str, str]]] = [
    ("one class, 0", labelled([0]), {"objective": "binary:logistic", "eval_metric": "auc,logloss"}),
    ("one class, 1", labelled([1]), {"objective": "binary:logistic", "eval_metric": "aucpr,f1"}),
    ("one class of many", labelled([2]), {"objective": "multi:softprob", "num_class": "4"}),
    ("one label", labelled([5]), {"eval_metric": "r2,rmse"}),
    ("labels of 0", labelled([0]), {"objective": "count:poisson"}),
    ("large labels", labelled([1e30, -1e30]), {}),
    ("large features", labelled(CLASSES, X * 1e37), {"objective": "binary:logistic"}),
    ("a feature that is always missing", changed(np.nan)[:1], {}),
    ("all missing", labelled(CLASSES, X * np.nan), {"objective": "binary:logistic"}),
    ("constant features", labelled(CLASSES, X * 0), {"objective": "binary:logistic"}),
    ("one row", labelled(CLASSES)[:1], {"objective": "binary:logistic"}),
    ("deep", labelled(CLASSES), {"max_depth": "1000"}),
    ("no limit of depth", labelled(CLASSES), {"max_depth": "0", "grow_policy": "lossguide", "max_leaves": "3"}),
    ("as likely as not", labelled(CLASSES), {"objective": "binary:logistic", "scale_pos_weight": "1e30"}),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("rows", "given"), [each[1:] for each in WELL], ids=[each[0] for each in WELL])
def test_what_is_odd_and_no_fault_trains(job: Any, run: Any, rows: np.ndarray, given: dict[str, str]) -> None:
    assert train(job, run, rows, **given) == 0, job.output


FAULTS: list[dict[str, str]] = [
    {"max_bin": "99999999999"},
    {"max_depth": "99999999999"},
    {"max_leaves": "99999999999"},
    {"num_parallel_tree": "99999999999"},
    {"num_class": "99999999999", "objective": "multi:softprob"},
    {"num_class": "2000000000", "objective": "multi:softprob"},
    {"early_stopping_rounds": "99999999999999999999"},
    {"eta": "inf"},
    {"lambda": "1e400"},
    {"gamma": "inf"},
    {"base_score": "inf"},
    {"base_score": "1", "objective": "binary:logistic"},
    {"base_score": "0", "objective": "count:poisson"},
    {"tree_method": "hist", "monotone_constraints": "(1,0,0,0,0,0)"},
    {"tree_method": "hist", "interaction_constraints": "[[0, 99]]"},
    {"process_type": "update"},
    {"process_type": "update", "updater": "refresh"},
    {"objective": "binary:logistic", "eval_metric": "mlogloss"},
    {"objective": "multi:softprob", "num_class": "2", "eval_metric": "f1_binary,error"},
    {"objective": "survival:aft", "aft_loss_distribution_scale": "0"},
    {"booster": "gblinear", "tree_method": "hist", "updater": "grow_colmaker"},
    {"max_delta_step": "-1"},
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("given", FAULTS, ids=str)
def test_settings_beyond_reason_end_in_a_model_or_a_fault_of_the_user(
    job: Any, run: Any, given: dict[str, str]
) -> None:
    assert train(job, run, labelled(CLASSES), **given) in (0, 2), job.output
    assert "Traceback" not in job.output


@pytest.mark.parametrize(
    "content",
    [b"1 99999999999999:1\n0 0:1\n", b"1 -1:1\n0 0:1\n", b"1 4294967296:1\n0 0:1\n", b"1 0:1e999\n0 0:1\n", b"1:-1 0:1\n0:1 0:2\n",
     b"1:nan 0:1\n0:1 0:2\n", b"1 qid:-1 0:1\n0 qid:99999999999999999999 0:1\n"],
    ids=str,
)  # fmt: skip
def test_libsvm_that_overflows_is_the_users_fault(job: Any, run: Any, content: bytes) -> None:
    assert train(job, run, content, "text/libsvm") == 2, job.output
    assert "Traceback" not in job.output


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
def test_a_weight_that_is_none_is_named(job: Any, run: Any, weight: float) -> None:
    rows = np.insert(labelled(CLASSES), 1, 1.0, axis=1)
    rows[7, 1] = weight
    assert train(job, run, rows, csv_weights="1") == 2, job.output
    assert "weight" in job.failure.lower()
