"""Model quality: metrics against scikit-learn's, their spread, constraints and violations."""

import json
import random

import numpy as np
import pytest
from sklearn import metrics as oracle

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.merging import merge
from sagewright.monitor.quality.analysis import analyze

CSV = {"csv": {"header": True}}
MERGED = {"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}


@pytest.fixture
def job_of(tmp_path):
    def make(text, problem, form=CSV, **variables):
        root = tmp_path / f"ml-{len(list(tmp_path.iterdir()))}"
        (root / "in").mkdir(parents=True)
        (root / "in" / "data").write_text(text)
        env = {
            "SAGEWRIGHT_ML_ROOT": str(root), "dataset_source": "/opt/ml/in", "output_path": "/opt/ml/out",
            "dataset_format": json.dumps(form), "problem_type": problem,
        }  # fmt: skip
        return MonitorJob.read(env | variables)

    return make


def report(job, name):
    return json.loads((job.output / f"{name}.json").read_text())


def table(*columns):
    return "truth,prediction,score\n" + "".join(f"{','.join(map(str, row))}\n" for row in zip(*columns, strict=True))


NAMED = {"ground_truth_attribute": "truth", "inference_attribute": "prediction"}


def test_regression(job_of):
    drawn = random.Random(1)
    truth = [drawn.gauss(0, 3) for _ in range(2000)]
    guess = [one + drawn.gauss(0.2, 1) for one in truth]
    job = job_of(table(truth, guess, truth), "Regression", **NAMED)
    analyze(job)
    found = report(job, "statistics")["regression_metrics"]
    expected = {
        "mae": oracle.mean_absolute_error(truth, guess),
        "mse": oracle.mean_squared_error(truth, guess),
        "rmse": oracle.mean_squared_error(truth, guess) ** 0.5,
        "r2": oracle.r2_score(truth, guess),
    }
    assert {name: one["value"] for name, one in found.items()} == pytest.approx(expected)
    errors = np.abs(np.array(truth) - np.array(guess))
    assert found["mae"]["standard_deviation"] == pytest.approx(errors.std() / 2000**0.5, rel=0.4)
    constraints = report(job, "constraints")["regression_constraints"]
    assert constraints["mae"] == {"threshold": found["mae"]["value"], "comparison_operator": "GreaterThanThreshold"}
    assert constraints["r2"]["comparison_operator"] == "LessThanThreshold"


def test_binary_classification(job_of):
    drawn = random.Random(2)
    truth = [int(drawn.random() < 0.3) for _ in range(3000)]
    score = [min(1.0, max(0.0, drawn.gauss(0.35 + 0.3 * one, 0.2))) for one in truth]
    guess = [int(one > 0.5) for one in score]
    job = job_of(table(truth, guess, score), "BinaryClassification", **NAMED, probability_attribute="score")
    analyze(job)
    section = report(job, "statistics")["binary_classification_metrics"]
    expected = {
        "recall": oracle.recall_score(truth, guess),
        "precision": oracle.precision_score(truth, guess),
        "accuracy": oracle.accuracy_score(truth, guess),
        "f1": oracle.f1_score(truth, guess),
        "f0_5": oracle.fbeta_score(truth, guess, beta=0.5),
        "f2": oracle.fbeta_score(truth, guess, beta=2),
        "accuracy_best_constant_classifier": 1 - np.mean(truth),
        "recall_best_constant_classifier": 0.0,
    }
    assert {name: section[name]["value"] for name in expected} == pytest.approx(expected)
    assert section["auc"]["value"] == pytest.approx(oracle.roc_auc_score(truth, score), abs=2e-3)
    ((rejected, false), (missed, hits)) = oracle.confusion_matrix(truth, guess)
    assert section["confusion_matrix"] == {"0": {"0": rejected, "1": false}, "1": {"0": missed, "1": hits}}
    curve = section["receiver_operating_characteristic_curve"]
    area = np.trapezoid(curve["true_positive_rates"], curve["false_positive_rates"])
    assert area == pytest.approx(section["auc"]["value"], abs=0.01)


def test_a_probability_alone_predicts_by_its_threshold(job_of):
    job = job_of(
        table([1, 0], [0, 0], [0.7, 0.6]), "BinaryClassification", ground_truth_attribute="truth",
        probability_attribute="score", probability_threshold_attribute="0.65",
    )  # fmt: skip
    analyze(job)
    assert report(job, "statistics")["binary_classification_metrics"]["accuracy"]["value"] == 1.0


def test_multiclass_classification(job_of):
    drawn = random.Random(3)
    truth = [drawn.choice("aabbc") for _ in range(1500)]
    guess = [one if drawn.random() < 0.8 else drawn.choice("abc") for one in truth]
    job = job_of(table(truth, guess, truth), "MulticlassClassification", **NAMED)
    analyze(job)
    section = report(job, "statistics")["multiclass_classification_metrics"]
    expected = {
        "accuracy": oracle.accuracy_score(truth, guess),
        "weighted_recall": oracle.recall_score(truth, guess, average="weighted"),
        "weighted_precision": oracle.precision_score(truth, guess, average="weighted"),
        "weighted_f1": oracle.f1_score(truth, guess, average="weighted"),
        "weighted_f2": oracle.fbeta_score(truth, guess, beta=2, average="weighted"),
    }
    assert {name: section[name]["value"] for name in expected} == pytest.approx(expected)
    matrix = oracle.confusion_matrix(truth, guess, labels=["a", "b", "c"])
    assert section["confusion_matrix"]["a"]["b"] == matrix[0][1]


def test_a_worse_model_violates_the_constraints(job_of):
    good = job_of(table([1, 0] * 50, [1, 0] * 50, [0.9, 0.1] * 50), "BinaryClassification", **NAMED)
    analyze(good)
    known = {"baseline_constraints": str(good.output / "constraints.json")}
    job = job_of(table([1, 0] * 50, [1, 1] * 50, [0.9, 0.1] * 50), "BinaryClassification", **NAMED, **known)
    assert analyze(job).startswith("CompletedWithViolations")
    violations = {one["metric_name"]: one for one in report(job, "constraint_violations")["violations"]}
    assert {"accuracy", "precision", "false_positive_rate"} <= set(violations)
    assert violations["accuracy"]["constraint_check_type"] == "LessThanThreshold"
    assert violations["accuracy"]["description"].startswith("Metric accuracy with 0.5 +/- 0.0")
    same = job_of(table([1, 0] * 50, [1, 0] * 50, [0.9, 0.1] * 50), "BinaryClassification", **NAMED, **known)
    assert analyze(same).startswith("Completed:")


def captured(event, prediction, **metadata):
    part = {"observedContentType": "text/csv", "encoding": "CSV", "data": prediction}
    return json.dumps({"captureData": {"endpointOutput": part}, "eventMetadata": {"eventId": event, **metadata}})


def truth_of(event, data):
    return json.dumps({"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": event}})


def test_ground_truth_is_joined_by_inference_id_or_event_id(tmp_path, job_of):
    folder = tmp_path / "captured" / "e" / "all" / "2026" / "03" / "10" / "11"
    folder.mkdir(parents=True)
    lines = [captured("1", "5"), captured("2", "6", inferenceId="mine"), captured("3", "7")]
    (folder / "a.jsonl").write_text("\n".join(lines))
    truth = tmp_path / "truth" / "2026" / "03" / "10" / "11"
    truth.mkdir(parents=True)
    (truth / "t.jsonl").write_text(
        "\n".join([truth_of("1", "4"), truth_of("1", "5"), truth_of("mine", "8"), truth_of("9", "0")])
    )
    env = {"dataset_source": str(tmp_path / "captured"), "ground_truth_source": str(tmp_path / "truth"),
           "output_path": str(tmp_path / "out"), "SAGEWRIGHT_ML_ROOT": str(tmp_path / "ml")}  # fmt: skip
    assert merge(MonitorJob.read(env)) == "Completed: 2 records merged"
    merged = (tmp_path / "out" / "e" / "all" / "2026" / "03" / "10" / "11" / "a.jsonl").read_text()
    assert [json.loads(line)["groundTruthData"]["data"] for line in merged.splitlines()] == ["5", "8"]
    job = job_of(merged, "Regression", MERGED, inference_attribute="0")
    analyze(job)
    assert report(job, "statistics")["regression_metrics"]["mae"]["value"] == 1.0
    (truth / "t.jsonl").write_text(truth_of("9", "0"))
    with pytest.raises(MonitorError, match="No captured record has the event id"):
        merge(MonitorJob.read(env))
    (truth / "t.jsonl").write_text('{"eventMetadata": {"eventId": "1"}}')
    with pytest.raises(MonitorError, match=r"line 1 of t\.jsonl is not a ground truth record"):
        merge(MonitorJob.read(env))


@pytest.mark.parametrize(
    ("text", "problem", "variables", "expected"),
    [
        ("truth,prediction\n1,x\n", "Regression", NAMED, "a prediction must be a number, got 'x'"),
        ("truth,prediction\n1,\n", "Regression", NAMED, "has no value of the inference_attribute 'prediction'"),
        ("truth,prediction\n1,2\n", "BinaryClassification", NAMED, "'2' of a binary classification must be 0 or 1"),
        ("truth,prediction\n1,2\n", "Ranking", NAMED, "problem_type must be one of"),
        ("truth,prediction\n1,2\n", "Regression", {"ground_truth_attribute": "truth"}, "One of inference_attribute"),
        (
            "truth,prediction\n1,2\n",
            "Regression",
            {"inference_attribute": "prediction"},
            "ground_truth_attribute must be set",
        ),
        ("truth,prediction\n", "Regression", NAMED, "no data"),
        (
            "truth,prediction\n" + "".join(f"{one},0\n" for one in range(300)),
            "MulticlassClassification",
            NAMED,
            "more than 200",
        ),
    ],
)
def test_what_cannot_be_judged_is_named(job_of, text, problem, variables, expected):
    with pytest.raises(MonitorError, match=expected):
        analyze(job_of(text, problem, **variables))
