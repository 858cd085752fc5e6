"""DeepAR: whole trainings on series whose truth is known, what their logs say, resumed ones, several hosts, and requests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seriesofrows import HORIZON, LINES, NAME, VALUES, configured, lines, metric, record, seasonal

from sagewright.algorithms.deepar.declaration import DECLARATION
from sagewright.algorithms.deepar.model import PARAMS, SYMBOL, Model
from sagewright.algorithms.deepar.serving import VARIABLE, serve
from sagewright.algorithms.errors import UserError
from sagewright.serving.messages import Request


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A job that ended well, with its log."""
    from conftest import JobDirectory

    job = configured(JobDirectory(tmp_path_factory.mktemp("deepar") / "ml"), seasonal(60, 84), test=True)
    process = job.start(NAME, OMP_NUM_THREADS="1")
    job.output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, job.output
    return job


def test_the_season_is_learnt(trained: Any) -> None:
    """Noise of 2 % of the values: the season's last values, with their own noise, would have at least 1.4 times that."""
    error = metric(trained.output, "test:mean_wQuantileLoss")
    assert len(error) == 1
    assert error[0] < 0.022
    truth = seasonal(60, 84)
    naive = np.sqrt(np.mean((truth[:, -HORIZON:] - truth[:, -2 * HORIZON : -HORIZON]) ** 2))
    assert metric(trained.output, "test:RMSE")[0] < naive


def test_the_log_has_the_lines_that_clients_read(trained: Any) -> None:
    said = trained.output
    assert "[cardinality=auto] `cat`" in said
    assert "[num_dynamic_feat=auto] `dynamic_feat`" in said
    assert "Small number of time series. Doing 6 passes over dataset with prob 0.8888888888888888 per epoch." in said
    assert "random_seed is None" in said
    assert re.search(r"Epoch\[0\] Batch\[0\] avg_epoch_loss=\S+", said)
    assert re.search(r"Epoch\[0\] Batch \[5\]\tSpeed: \S+ samples/sec\tloss=\S+", said)
    assert re.search(r"processed a total of 3\d\d examples", said)
    assert '"Algorithm": "AWS/DeepAR"' in said
    for name in (
        "RMSE",
        "mean_absolute_QuantileLoss",
        "mean_wQuantileLoss",
        "wQuantileLoss[0.1]",
        "wQuantileLoss[0.9]",
    ):
        assert re.search(rf"#test_score \(algo-1, {re.escape(name)}\): [0-9.e+-]+", said), name
    for each in DECLARATION.metrics:
        assert metric(said, each.name), each.name
    losses = metric(said, "train:loss")
    assert len(losses) == 12
    assert metric(said, "train:final_loss") == [min(losses)]
    assert 2 < min(losses) < 4  # of values around 100, told in their own units


def test_quantiles_hold_what_they_say(trained: Any) -> None:
    truth = seasonal(60, 84)
    asked = {"instances": [record(row[:-HORIZON]) for row in truth], "configuration": {"quantiles": ["0.1", "0.9"]}}
    answer = json.loads(serve(trained.model).invoke(json.dumps(asked).encode(), "application/json", "").body)
    low, high = (np.array([each["quantiles"][level] for each in answer["predictions"]]) for level in ("0.1", "0.9"))
    inside = np.mean((truth[:, -HORIZON:] >= low) & (truth[:, -HORIZON:] <= high))
    assert 0.65 < inside < 0.95


def test_another_seed_and_early_stopping(job: Any, run: Any) -> None:
    rows = seasonal(20, 40)
    given = {"early_stopping_patience": "1", "epochs": "50", "learning_rate": "0.1", "_seed": "3"}
    assert run(configured(job, rows, **given), NAME) == 0, job.output
    losses = metric(job.output, "train:loss")
    assert len(losses) < 50
    assert losses[-1] > min(losses)
    assert metric(job.output, "train:final_loss") == [min(losses)]
    assert "random_seed is 3" in job.output


COUNTS = np.random.default_rng(0).poisson(np.tile([1, 5, 9, 2, 0.2, 4, 3], 6), (12, 42)).astype(float)


@pytest.mark.parametrize(
    ("likelihood", "rows", "holds"),
    [
        ("gaussian", seasonal(12, 42) - 100, lambda found: found.min() < 0),
        ("student-t", seasonal(12, 42), lambda found: found.min() >= 0),
        ("negative-binomial", COUNTS, lambda found: (found == np.round(found)).all() and found.min() >= 0),
        ("beta", np.clip(seasonal(12, 42) / 400, 0, 1), lambda found: found.min() >= 0 and found.max() <= 1),
        ("deterministic-L1", seasonal(12, 42), lambda found: (found == found[:, :1]).all()),
    ],
    ids=["gaussian", "student-t", "negative-binomial", "beta", "deterministic-L1"],
)
def test_every_likelihood(job: Any, run: Any, likelihood: str, rows: np.ndarray, holds: Callable[[Any], bool]) -> None:
    assert run(configured(job, rows, test=True, likelihood=likelihood, epochs="6"), NAME) == 0, job.output
    losses = metric(job.output, "train:loss")
    assert losses[-1] < losses[0]
    asked = {
        "instances": [record(row) for row in rows],
        "configuration": {"output_types": ["samples"], "num_samples": 9},
    }
    answer = json.loads(serve(job.model).invoke(json.dumps(asked).encode(), "application/json", "").body)
    found = np.array([each["samples"] for each in answer["predictions"]])
    assert found.shape == (12, 9, HORIZON)
    assert np.isfinite(found).all()
    assert holds(found), found


@pytest.mark.parametrize(
    ("likelihood", "wrong"), [("beta", 1.5), ("negative-binomial", -1.0)], ids=["beta", "negative-binomial"]
)
def test_values_that_a_likelihood_does_not_allow(job: Any, run: Any, likelihood: str, wrong: float) -> None:
    rows = np.full((12, 42), 0.5)
    rows[3, 5] = wrong
    assert run(configured(job, rows, likelihood=likelihood), NAME) == 2
    assert f"{likelihood} is for" in job.failure
    assert f"time series 4 of channel train has {wrong:g}" in job.failure


def test_missing_values_short_series_and_none_at_all(job: Any, run: Any) -> None:
    rows = seasonal(20, 42)
    rows[np.random.default_rng(0).random(rows.shape) < 0.3] = np.nan
    records = [record(row) for row in rows]
    for one in records:
        one["target"] = ["NaN" if np.isnan(value) else value for value in one["target"]]
    records[0]["target"] = [None] * 42
    records[1]["target"] = records[1]["target"][:3]
    job.configure(VALUES, {"train": LINES})
    job.put("train", "train.json", lines(records))
    assert run(job, NAME) == 0, job.output
    assert "2 time series are shorter than prediction_length or empty" in job.output
    nothing = {"start": "2024-03-01", "target": []}
    asked = {"instances": [records[0], records[1], records[2], nothing]}
    answer = json.loads(serve(job.model).invoke(json.dumps(asked).encode(), "application/json", "").body)
    means = np.array([each["mean"] for each in answer["predictions"]])
    assert means.shape == (4, HORIZON)
    assert (means > 0).all()
    assert (means < 1000).all()


def with_fields(rows: np.ndarray, beyond: int = 0) -> list[dict[str, Any]]:
    """Records whose category says which of two seasons they have, and with a dynamic feature that is added to the target."""
    random = np.random.default_rng(5)
    found = []
    for number, row in enumerate(rows):
        feature = (random.random(len(row) + beyond) < 0.15).astype(float)
        values = row * (1 + feature[: len(row)])
        found.append(record(values, cat=[number % 2], dynamic_feat=[feature.tolist()]))
    return found


def test_dynamic_features_are_used(job: Any, run: Any) -> None:
    """The feature that doubles the values on some days is known for the days to forecast."""
    rows = seasonal(60, 63)
    job.configure({**VALUES, "epochs": "25"}, {"train": LINES})
    job.put("train", "train.json", lines(with_fields(rows)))
    assert run(job, NAME) == 0, job.output
    assert "inferred from the data: [2]" in job.output
    asked = with_fields(rows, HORIZON)
    flags = [[0.0] * HORIZON, [1.0] * HORIZON]
    means = []
    for flag in flags:
        for one in asked:
            one["dynamic_feat"][0][-HORIZON:] = flag
        answer = serve(job.model).invoke(json.dumps({"instances": asked}).encode(), "application/json", "")
        means.append(np.mean([each["mean"] for each in json.loads(answer.body)["predictions"]]))
    assert 1.5 < means[1] / means[0] < 2.5


def test_a_known_future_feature_decides(job: Any, run: Any) -> None:
    """The target is 10 and 30 times a feature, with noise of 1: what a line says need not be learnt by cells."""
    random = np.random.default_rng(6)
    feature = random.random((40, 90 + HORIZON))
    truth = 10 + 30 * feature + random.normal(size=feature.shape)
    known = [record(row[:90], dynamic_feat=[own[:90].tolist()]) for row, own in zip(truth, feature, strict=True)]
    job.configure({**VALUES, "epochs": "30"}, {"train": LINES})
    job.put("train", "train.json", lines(known))
    assert run(job, NAME) == 0, job.output
    asked = [{**each, "dynamic_feat": [own.tolist()]} for each, own in zip(known, feature, strict=True)]
    answer = serve(job.model).invoke(json.dumps({"instances": asked}).encode(), "application/json", "")
    means = np.array([each["mean"] for each in json.loads(answer.body)["predictions"]])
    assert np.abs(means - truth[:, 90:]).mean() < 1.6  # of a perfect one .8, without the feature 7.5


def test_a_new_series_begins_at_the_level_of_its_categories(job: Any, run: Any) -> None:
    random = np.random.default_rng(7)
    known = []
    for number in range(40):
        cat = [number % 4, number % 2]
        known.append(record(10 * (cat[0] + 1) + random.normal(size=60), cat=cat))
    job.configure({**VALUES, "epochs": "5"}, {"train": LINES})
    job.put("train", "train.json", lines(known))
    assert run(job, NAME) == 0, job.output
    asked = [record(np.zeros(0), cat=[number, number % 2]) for number in range(4)]
    answer = serve(job.model).invoke(json.dumps({"instances": asked}).encode(), "application/json", "")
    means = [np.mean(each["mean"]) for each in json.loads(answer.body)["predictions"]]
    assert means == pytest.approx([10, 20, 30, 40], abs=2)


@pytest.mark.parametrize(
    ("change", "given", "text"),
    [
        ({"cat": [2]}, {"cardinality": "[2]"}, "its cat has 2 at place 0, where the cardinality is 2"),
        ({"cat": [0, 1]}, {"cardinality": "[2]"}, "its cat has 2 categories, and 1 are expected"),
        ({"cat": [-1]}, {}, "categories are whole numbers from 0"),
        ({"cat": [0.5]}, {}, "its cat has 0.5"),
        ({"dynamic_feat": [[1.0]]}, {}, "its dynamic_feat has lists of 1 values, and the target has 42"),
        ({"dynamic_feat": []}, {}, "its dynamic_feat has 0 lists, and 1 are expected"),
        ({"dynamic_feat": [[1.0] * 42]}, {"num_dynamic_feat": "2"}, "its dynamic_feat has 1 lists, and 2 are expected"),
        ({"dynamic_feat": [[None] * 42]}, {}, "its dynamic_feat 0 has a missing value at place 0"),
        ({"dynamic_feat": [[1.0] * 42, [1.0]]}, {}, "lists of different lengths: 42, 1"),
        ({"target": "12"}, {}, "its target is not a list of numbers: '12'"),
        ({"target": [True] * 42}, {}, "its target has True, which is not a number"),
        ({"target": ["1.5"] * 42}, {}, "its target has '1.5', which is not a number"),
        ({"target": [float("inf")] * 42}, {}, "its target has a number beyond 1e+30"),
        ({"target": [10**400] * 42}, {}, "its target has a number beyond 1e+30"),
        ({"target": None}, {}, "it lacks the field 'target'"),
        ({"start": None}, {}, "it lacks the field 'start'"),
        ({"start": "yesterday"}, {}, "its start 'yesterday' is not a time of the form YYYY-MM-DD HH:MM:SS"),
        ({"start": "2024-01-01T00:00:00Z"}, {}, "has a time zone, which is not supported"),
        ({"start": 5}, {}, "its start 5 is not a time"),
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_can_not_be_used_is_named(
    job: Any, run: Any, change: dict[str, Any], given: dict[str, str], text: str
) -> None:
    records = with_fields(seasonal(12, 42))
    records[4].update(change)
    job.configure({**VALUES, **given}, {"train": LINES})
    job.put("train", "train.json", lines(records))
    assert run(job, NAME) == 2, job.output
    assert text in job.failure
    assert re.search(r"(line|time series) [15] can't be used", job.failure)


def test_ignored_fields_may_be_anything(job: Any, run: Any) -> None:
    records = with_fields(seasonal(12, 42))
    records[4]["cat"], records[5]["dynamic_feat"] = [1, 2, 3], [[1.0]]
    job.configure({**VALUES, "epochs": "1", "cardinality": "ignore", "num_dynamic_feat": "ignore"}, {"train": LINES})
    job.put("train", "train.json", lines(records))
    assert run(job, NAME) == 0, job.output
    answer = serve(job.model).invoke(json.dumps({"instances": records}).encode(), "application/json", "")
    assert answer.status == 200
    assert len(json.loads(answer.body)["predictions"]) == 12


def test_too_few_observations(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(9, 33)), NAME) == 2
    assert "297 observations in all time series; at least 300 are needed" in job.failure


def test_series_that_are_all_too_short(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(99, 5)), NAME) == 2
    assert "all 99 are shorter than prediction_length, which is 7" in job.failure


def test_a_network_that_has_no_room(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(12, 42), num_cells="2000000"), NAME) == 2
    assert "The network takes" in job.failure


@pytest.mark.sampled(1, of="a deep training that was killed")
def test_a_training_that_was_killed_goes_on_to_the_same_end(make_job: Callable[[str], Any], run: Any) -> None:
    rows = seasonal(30, 60)
    given = {"epochs": "6", "num_cells": "60", "mini_batch_size": "64"}
    whole, broken = (configured(make_job(name), rows, checkpoints=True, **given) for name in ("whole", "broken"))
    assert run(whole, NAME) == 0, whole.output
    process = broken.start(NAME, OMP_NUM_THREADS="1")
    second = broken.root / "checkpoints" / "checkpoint-0002.safetensors"
    deadline = time.monotonic() + 60
    while not second.exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not (broken.model / PARAMS).exists()
    assert run(broken, NAME) == 0, broken.output
    assert "Training continues from checkpoint" in broken.output
    for name in (PARAMS, SYMBOL):
        assert (broken.model / name).read_bytes() == (whole.model / name).read_bytes()


@pytest.mark.sampled(1, of="hosts of a deep training")
def test_two_hosts_learn_together(make_job: Callable[[str], Any], together: Any) -> None:
    """Each has half of the series; the first writes the model."""
    hosts, rows = ("127.0.0.61", "127.0.0.62"), seasonal(40, 49)
    jobs = []
    for number, host in enumerate(hosts):
        job = make_job(host)
        given = {**VALUES, "epochs": "3", "_experts": "theta"}
        job.configure(given, {"train": LINES, "test": LINES}, hosts=hosts, current=host)
        own = rows[number::2]
        job.put("train", "train.json", lines([record(row[:-HORIZON], cat=[number]) for row in own]))
        job.put("test", "test.json", lines([record(row, cat=[number]) for row in own]))
        jobs.append(job)
    together(jobs, NAME)
    assert [sorted(path.name for path in job.model.iterdir()) for job in jobs] == [[PARAMS, SYMBOL], []]
    assert Model.read(jobs[0].model).fields.cardinality == (2,)
    scores = [metric(job.output, "test:RMSE") for job in jobs]
    assert scores[0] == scores[1]
    assert metric(jobs[0].output, "train:loss") == metric(jobs[1].output, "train:loss")
    weights = [re.findall(r"Weights: network \S+, theta \S+", job.output) for job in jobs]
    assert len(weights[0]) == 1
    assert weights[0] == weights[1]


def ask(model: Path, document: Any, content_type: str = "application/json") -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return serve(model).invoke(body, content_type, "")


ONE = record(seasonal(1, 42)[0])


def test_the_default_answer(trained: Any) -> None:
    answer = ask(trained.model, {"instances": [ONE, ONE]})
    assert answer.content_type == "application/json"
    (first, second) = json.loads(answer.body)["predictions"]
    assert list(first) == ["mean", "quantiles"]
    assert list(first["quantiles"]) == [f"0.{tenth}" for tenth in range(1, 10)]
    assert len(first["mean"]) == HORIZON
    assert {len(each) for each in first["quantiles"].values()} == {HORIZON}
    assert np.all(np.diff(list(first["quantiles"].values()), axis=0) >= 0)
    assert first.keys() == second.keys()
    assert ask(trained.model, {"instances": [ONE, ONE]}).body == answer.body


def test_what_is_asked_for_alone(trained: Any) -> None:
    wanted = {"num_samples": 3, "output_types": ["mean"], "quantiles": ["0.5"]}
    assert list(
        json.loads(ask(trained.model, {"instances": [ONE], "configuration": wanted}).body)["predictions"][0]
    ) == ["mean"]
    wanted = {"num_samples": 3, "output_types": ["samples", "quantiles"], "quantiles": ["0.25", 0.75]}
    (said,) = json.loads(ask(trained.model, {"instances": [ONE], "configuration": wanted}).body)["predictions"]
    assert list(said["quantiles"]) == ["0.25", "0.75"]
    assert np.shape(said["samples"]) == (3, HORIZON)


def test_lines_are_answered_with_lines(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"num_samples": 5, "output_types": ["quantiles"], "quantiles": ["0.5"]}')
    for body, media in ((lines([ONE, ONE]), LINES), (lines([ONE]), "application/json")):
        answer = ask(trained.model, body, media)
        assert answer.content_type == LINES
        said = [json.loads(line) for line in answer.body.splitlines()]
        assert len(said) == body.count(b"\n")
        assert all(list(each) == ["quantiles"] and list(each["quantiles"]) == ["0.5"] for each in said)


@pytest.mark.parametrize("text", ["{", "5", '{"num_samples": 0}', '{"samples": 5}'])
def test_a_configuration_of_transforms_that_can_not_be_used(
    trained: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=VARIABLE):
        serve(trained.model)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"{", "the request is not JSON"),
        (b"[" * 100_000, "the request is not JSON"),
        ([], 'the request must be {"instances"'),
        ({"instances": []}, "contains no instance"),
        ({"instances": [5]}, "instance 0 can't be used: it is not a JSON object"),
        ({"instances": [ONE, {"start": "2024-01-01"}]}, "instance 1 can't be used: it lacks the field 'target'"),
        ({"instances": [{**ONE, "cat": [1]}]}, "its cat has 1 categories, and 0 are expected"),
        ({"instances": [{**ONE, "dynamic_feat": [[1.0] * 49]}]}, "its dynamic_feat has 1 lists, and 0 are expected"),
        ({"instances": [ONE], "configuration": 5}, "configuration must be an object"),
        (
            {"instances": [ONE], "configuration": {"num_samples": 0}},
            "num_samples must be a whole number from 1 to 10000",
        ),
        ({"instances": [ONE], "configuration": {"num_samples": "9"}}, "num_samples"),
        ({"instances": [ONE], "configuration": {"output_types": ["median"]}}, "output_types must be a list of some of"),
        (
            {"instances": [ONE], "configuration": {"quantiles": ["1.5"]}},
            "quantiles must be a list of numbers between 0 and 1",
        ),
        ({"instances": [ONE], "configuration": {"quantiles": ["nan"]}}, "quantiles must be"),
        ({"instances": [ONE], "configuration": {"quantile": []}}, "configuration has quantile"),
        ({"instances": [ONE] * 1000, "configuration": {"num_samples": 10000}}, "are more than 50000000 numbers"),
        (
            {"instances": [ONE] * 100, "configuration": {"num_samples": 10000, "output_types": ["samples"]}},
            "100 instances x 10000 samples x 7 steps are more than 5000000 numbers",
        ),
    ],
    ids=lambda given: str(given)[:60],
)
def test_bad_requests_are_answered_with_what_is_wrong(trained: Any, document: Any, text: str) -> None:
    answer = ask(trained.model, document)
    assert answer.status == 400
    assert text in answer.body.decode()


def test_other_media_are_refused(trained: Any) -> None:
    assert ask(trained.model, {"instances": [ONE]}, "text/csv").status == 415


def test_features_of_a_request_reach_beyond_its_target(job: Any, run: Any) -> None:
    rows = seasonal(12, 42)
    job.configure({**VALUES, "epochs": "1"}, {"train": LINES})
    job.put("train", "train.json", lines(with_fields(rows)))
    assert run(job, NAME) == 0, job.output
    answer = ask(job.model, {"instances": with_fields(rows)})
    assert answer.status == 400
    assert b"lists of 42 values, and the target has 49, 42 and 7 that are to be forecast" in answer.body
    without = [{key: value for key, value in each.items() if key != "cat"} for each in with_fields(rows, HORIZON)]
    assert b"its cat has 0 categories, and 1 are expected" in ask(job.model, {"instances": without}).body


def test_requests_that_come_together(trained: Any) -> None:
    """Each gets its own series' forecast, and a bad one its own fault."""
    asked = [seasonal(1, 42, seed)[0] * (seed + 1) ** 2 for seed in range(3)]
    bodies = [json.dumps({"instances": [record(row)]}).encode() for row in asked]
    requests = [Request(bodies[0], "application/json"), Request(b"{", "application/json"), Request(bodies[1]),
                Request(lines([record(asked[2])]), LINES)]  # fmt: skip
    answers = serve(trained.model).invoke_all(requests)
    assert [each.status for each in answers] == [200, 400, 200, 200]
    means = [np.mean(json.loads(answers[place].body)["predictions"][0]["mean"]) for place in (0, 2)]
    means.append(np.mean(json.loads(answers[3].body)["mean"]))
    assert np.allclose(means, [row[-HORIZON:].mean() for row in asked], rtol=0.1)


def test_models_of_mxnet_are_refused(tmp_path: Path) -> None:
    (tmp_path / PARAMS).write_bytes((0x112).to_bytes(8, "little") + bytes(100))
    (tmp_path / SYMBOL).write_text("{}")
    with pytest.raises(UserError, match="MXNet file: a model that was trained by the algorithm on AWS"):
        serve(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"lags": [0]}, {"lags": "x"}, {"context_length": -1}, {"prediction_length": 1.5}, {"reach": "x"},
        {"cardinality": [10**12]}, {"time_freq": "fortnight"}, {"network": {}}, {"normal": {"mean": [], "deviation": []}},
        {"scaling": {"kind": "other", "season": 7, "usual": [0, 1], "floor": 0}}, {"ignored": ["all"]}, {"num_dynamic_feat": 3},
        {"experts": {"names": ["theta"], "errors": [], "weights": [1]}},
        {"experts": {"names": ["oracle"], "errors": [], "weights": []}},
        {"network": {"kind": "other", "dropout": 0, "embedding": 1}}, {"calibration": {"past": 2}},
        {"calibration": {"smoothing": 2}}, {"calibration": {"ces": 0.6, "damped": 0.6}},
    ],
    ids=str,
)  # fmt: skip
def test_descriptions_that_describe_no_model(trained: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / PARAMS).write_bytes((trained.model / PARAMS).read_bytes())
    document = json.loads((trained.model / SYMBOL).read_text())
    (tmp_path / SYMBOL).write_text(json.dumps({**document, **change}))
    with pytest.raises(UserError, match=re.escape(SYMBOL)):
        serve(tmp_path)


def test_weights_of_another_network(trained: Any, tmp_path: Path) -> None:
    (tmp_path / PARAMS).write_bytes((trained.model / PARAMS).read_bytes())
    document = json.loads((trained.model / SYMBOL).read_text())
    document["network"]["cells"] = 41
    (tmp_path / SYMBOL).write_text(json.dumps(document))
    with pytest.raises(UserError, match="belongs to another network"):
        serve(tmp_path)
