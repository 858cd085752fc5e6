"""Amazon's numeric algorithms by the SDK's own classes: the programs of `numeric/`, as a user runs them.

A new algorithm adds a program, which ends with `outcome.tell`, and a `Case`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parent / "numeric"
MODEL = ["model_algo-1"]
Range = tuple[float, float]
PROGRESS: dict[str, Range] = {"train:progress": (100, 100), "train:throughput": (1, 1e9)}


@dataclass(frozen=True)
class Case:
    """Expected result of a program: the final metrics of Describe, each within a range; the archive's files, as patterns;
    and what it found itself.
    """

    metrics: dict[str, Range]
    found: Callable[[dict[str, Any]], bool]
    files: list[str] = field(default_factory=lambda: MODEL)


_BINARY = ("binary_classification_accuracy", "precision", "recall", "roc_auc_score", "binary_f_beta")
_STOPS_EARLY: dict[str, Range] = {"train:progress": (10, 100)}
_DESCENT: dict[str, Range] = {"rmse": (0.25, 0.35), "mse": (0.0625, 0.1225), "absolute_loss": (0.2, 0.28)}
"""About the noise that the program adds: a normal distribution's of deviation 0.3."""

CASES = {
    "blazingtext": Case(
        {"train:accuracy": (0.95, 1), "validation:accuracy": (0.95, 1)},
        lambda found: found["right"] > 95 and found["labels"] == [2] * 100 and found["same"] and found["tuned"] > 0.9,
        files=["model.bin"],
    ),
    "deepar": Case(
        {
            "test:RMSE": (0, 2000),
            "test:mean_wQuantileLoss": (0, 0.05),
            **dict.fromkeys(("train:final_loss", "train:loss", "train:loss:batch"), (3, 9)),
            **PROGRESS,
        },
        lambda found: found["error"] < found["naive"] and found["same"] and found["tuned"] < 0.08,
        files=["model_algo-1-0000.params", "model_algo-1-symbol.json"],
    ),
    "factorization_machines": Case(
        {**{f"{part}:{name}": limits for part in ("train", "test") for name, limits in _DESCENT.items()}, **PROGRESS},
        lambda found: found["shapes"]["arg:w1_weight"] == [50, 1],
    ),
    "image_classification": Case(
        {f"{part}:accuracy{suffix}": (0.8, 1) for part in ("train", "validation") for suffix in ("", ":epoch")},
        lambda found: (
            found["right"] >= 16
            and all(abs(each - 1) < 1e-4 for each in found["sums"])
            and found["apart"] < 1e-4
            and found["tuned"] > 0.85
        ),
        files=["image-classification-*.params", "image-classification-symbol.json", "model-shapes.json"],
    ),
    "ipinsights": Case(
        {
            "validation:discriminator_auc": (0.9, 1),
            "train:binary_classification_accuracy": (0.7, 1),
            "train:binary_classification_accuracy:epoch": (0.7, 1),
            "train:binary_classification_cross_entropy": (0, 0.6),
            "train:binary_classification_cross_entropy:epoch": (0, 0.6),
            **PROGRESS,
        },
        lambda found: found["shape"] == [1000, 16],
    ),
    "lda": Case({"test:pwll": (-3.1, -2.6), **PROGRESS}, lambda found: found["apart"] < 0.05),
    "linear_learner": Case(
        {
            **{f"{part}:{name}": (0.9, 1) for part in ("train", "validation", "test") for name in _BINARY},
            **{f"{part}:objective_loss": (0, 0.5) for part in ("train", "validation", "test")},
            **{f"{part}:objective_loss:final": (0, 0.5) for part in ("train", "validation")},
            **PROGRESS,
            "train:progress": (1, 100),  # it may stop early
        },
        lambda found: found["right"] > 0.9,
    ),
    "randomcutforest": Case(
        {f"test:{name}": (0.8, 1) for name in ("f1", "accuracy", "precision", "recall")},
        lambda found: found["trees"] == 50,
    ),
    "kmeans": Case(
        {"test:msd": (0, 0.6), "test:ssd": (0, 180), **PROGRESS},
        lambda found: found["farthest"] < 0.1,
    ),
    "knn": Case(
        {"test:accuracy": (0.94, 1), **PROGRESS},
        lambda found: found["labels"] == 1400 and found["settings"]["k"] == 3,
        files=["model_algo-1", "model_algo-1.json", "model_algo-1.labels"],
    ),
    "ntm": Case(
        {**{f"{part}:total_loss": (130, 170) for part in ("train", "validation", "test")}, **PROGRESS, **_STOPS_EARLY},
        lambda found: found["apart"] < 0.25,
    ),
    "object2vec": Case(
        {
            **{f"{part}:accuracy": (0.9, 1) for part in ("train", "validation", "test")},
            **{f"{part}:cross_entropy": (0, 0.4) for part in ("train", "validation", "test")},
            **PROGRESS,
            "train:progress": (1, 100),  # it may stop early
        },
        lambda found: found["right"] >= 90 and found["lengths"] == [16, 16] and found["same"] and found["tuned"] > 0.9,
        files=["object2vec.json", "object2vec.safetensors"],
    ),
    "seq2seq": Case(
        {
            "train:perplexity": (1, 1.2),
            "validation:perplexity": (1, 1.2),
            "validation:accuracy": (0.95, 1),
            "validation:bleu": (0.9, 1),
        },
        lambda found: found["right"] >= 36 and found["same"] and found["rows"] and found["tuned"] > 0.9,
        files=["config.json", "params.best", "vocab.src.json", "vocab.trg.json"],
    ),
    "object_detection": Case(
        {"validation:mAP": (0, 1), "train:cross_entropy": (0, 40), "train:smooth_l1": (0, 40), **PROGRESS},
        lambda found: all(found["boxes"]) and found["inside"] and found["annotated"] and found["same"],
        files=["hyperparams.json", "model_algo_1-0000.params", "model_algo_1-symbol.json"],
    ),
    "semantic_segmentation": Case(
        {
            "train:loss": (0, 1),
            "validation:mIOU": (0.5, 1),
            "validation:pixel_accuracy": (0.7, 1),
            "train:throughput": (0.1, 1e9),
            "validation:throughput": (0.1, 1e9),
        },
        lambda found: found["right"] > 0.75 and found["same"],
        files=["hyperparams.json", "model_best.params"],
    ),
    "pca": Case(PROGRESS, lambda found: found["singular"] < 1e-3 and found["direction"] > 0.9999),
}


COMPARED = (
    "blazingtext", "deepar", "factorization_machines", "image_classification", "knn", "lda", "linear_learner", "ntm", "object2vec",
    "object_detection", "semantic_segmentation", "seq2seq",
)  # fmt: skip
"""Those that are compared with a simple rival."""
DEEP = ("deepar", "image_classification", "object2vec", "object_detection", "semantic_segmentation", "seq2seq")


def a_day(name: str) -> pytest.MarkDecorator:
    """One of the deep ones and one of the others."""
    return pytest.mark.sampled(1, of=f"algorithms by the SDK's classes, {'deep' if name in DEEP else 'others'}")


@pytest.mark.parametrize("name", [pytest.param(name, marks=a_day(name)) for name in CASES])
def test_the_sdks_class_trains(server: RunningServer, name: str) -> None:
    case = CASES[name]
    done = server.sdk_v2(PROGRAMS / f"{name}.py")
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    line = next(line for line in done.stdout.splitlines() if line.startswith("OUTCOME "))
    outcome = json.loads(line.removeprefix("OUTCOME "))
    job = server.boto("sagemaker").describe_training_job(TrainingJobName=outcome["job"])
    assert job["TrainingJobStatus"] == "Completed"
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    if name in COMPARED:
        assert 0 <= metrics.pop("train:baseline_ratio") < 1
    assert metrics.keys() == case.metrics.keys()
    beyond = {name: metrics[name] for name, (low, high) in case.metrics.items() if not low <= metrics[name] <= high}
    assert not beyond
    assert len(outcome["files"]) == len(case.files)
    assert all(map(fnmatchcase, outcome["files"], case.files)), outcome["files"]
    assert case.found(outcome), outcome


def test_every_program_is_run() -> None:
    assert {path.stem for path in PROGRAMS.glob("*.py")} - {"outcome"} == set(CASES)
