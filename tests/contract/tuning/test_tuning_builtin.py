"""A tuner over every built-in algorithm that has something to tune, over all of the ranges that AWS recommends for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.pictures import boxed, masked, pictures
from tests.tuning import BUCKET, Tuners

from sagewright.algorithms.formats import protobuf, record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.schema import catalogue

if TYPE_CHECKING:
    from conftest import RunningServer

ROWS = 400
PROTOBUF = "application/x-recordio-protobuf"


def random() -> Any:
    return np.random.default_rng(0)


def rows() -> bytes:
    """Two features, of which the first says the label."""
    features = random().normal(size=(ROWS, 2)).astype(np.float32)
    return protobuf.dump(Table(features, (features[:, 0] > 0).astype(np.float32)))


def words() -> bytes:
    """Documents of 20 words."""
    indices = np.sort(random().integers(0, 50, (ROWS, 20)), axis=1)
    counts = np.ones(ROWS * 20, np.float32)
    return protobuf.dump(
        Table(Sparse(np.arange(0, ROWS * 20 + 1, 20), indices.ravel(), counts, 50), np.zeros(ROWS, np.float32))
    )


def pairs() -> bytes:
    """Users and items of 20 each, one-hot; what a user thinks of all items."""
    draw = random()
    indices = np.column_stack([draw.integers(0, 20, ROWS), 20 + draw.integers(0, 20, ROWS)])
    labels = (indices[:, 0] % 5).astype(np.float32)
    return protobuf.dump(
        Table(Sparse(np.arange(0, ROWS * 2 + 1, 2), indices.ravel(), np.ones(ROWS * 2, np.float32), 40), labels)
    )


def visits() -> bytes:
    users = random().integers(0, 10, ROWS)
    return "".join(f"u{user},10.{user}.0.{n % 200}\n" for n, user in enumerate(users)).encode()


def table() -> bytes:
    features = random().normal(size=(ROWS, 3))
    return "".join(f"{int(row[0] > 0)},{row[0]:.4f},{row[1]:.4f},{row[2]:.4f}\n" for row in features).encode()


PAIRS = (
    "tiger cat", "book paper", "computer keyboard", "plane car", "train car", "bread butter", "cucumber potato", "doctor nurse",
    "professor doctor", "student professor", "king queen", "king cabbage", "bishop rabbi",
)  # fmt: skip
"""Some of those that WS-353 compares."""


def sentences() -> bytes:
    """Pairs of words that often follow each other."""
    draw = random().integers(0, len(PAIRS), (5 * ROWS, 4))
    return "".join(" ".join(PAIRS[one] for one in line) + "\n" for line in draw).encode()


def likings() -> bytes:
    """People and things by numbers: whether the one likes the other."""
    drawn = random().integers(0, 20, (ROWS, 2)).tolist()
    lines = [{"label": int(one % 3 == other % 3), "in0": [one], "in1": [other]} for one, other in drawn]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def seasons() -> bytes:
    """Months of a season, at levels that differ."""
    level, noise = random().uniform(10, 90, (12, 1)), random().normal(size=(12, 60))
    rows = level * (1 + 0.3 * np.sin(2 * np.pi * np.arange(60) / 12)) + noise
    return "".join(json.dumps({"start": "2020-01-01", "target": row}) + "\n" for row in rows.tolist()).encode()


VOCABULARY = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, **{f"w{number}": number for number in range(4, 20)}}


def turned() -> bytes:
    """Words, and the same ones backwards."""
    sentences = random().integers(4, 20, (ROWS, 4)).astype("<i4")
    return recordio.write_frames(
        record.encode({"source": Tensor(each), "target": Tensor(each[::-1])}, {}) for each in sentences
    )


@dataclass(frozen=True)
class Case:
    """Needs of an algorithm besides its ranges; `narrowed` replaces ranges whose ends take minutes on any data, and lists
    of values; `second`: a channel besides train, "" for none; `files`: one more channel of these.
    """

    objective: str
    image: str
    static: dict[str, str]
    data: Callable[[], bytes]
    content: str = PROTOBUF
    second: str = "test"
    narrowed: dict[str, tuple[str, str]] = field(default_factory=dict)
    files: tuple[str, dict[str, bytes]] = ("", {})


AMAZON = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
CASES = {
    "kmeans": Case("test:msd", f"{AMAZON}/kmeans:1", {"k": "3", "feature_dim": "2"}, rows),
    "linear-learner": Case(
        "validation:objective_loss", f"{AMAZON}/linear-learner:1",
        {"predictor_type": "binary_classifier", "feature_dim": "2", "epochs": "3"}, rows, second="validation",
    ),
    "xgboost": Case(
        "validation:auc", XGBOOST, {"objective": "binary:logistic", "eval_metric": "auc"}, table, "text/csv", "validation",
        {"num_round": ("1", "60")},
    ),
    "knn": Case(
        "test:accuracy", f"{AMAZON}/knn:1", {"predictor_type": "classifier", "feature_dim": "2"}, rows,
        narrowed={"k": ("1", "200")},
    ),
    "lda": Case("test:pwll", f"{AMAZON}/lda:1", {"feature_dim": "50", "mini_batch_size": str(ROWS)}, words),
    "ntm": Case(
        "validation:total_loss", f"{AMAZON}/ntm:1", {"feature_dim": "50", "num_topics": "3", "epochs": "3"}, words,
        second="validation",
    ),
    "factorization-machines": Case(
        "test:rmse", f"{AMAZON}/factorization-machines:1",
        {"feature_dim": "40", "num_factors": "4", "predictor_type": "regressor"}, pairs, narrowed={"epochs": ("1", "50")},
    ),
    "ipinsights": Case(
        "validation:discriminator_auc", f"{AMAZON}/ipinsights:1", {}, visits, "text/csv", "validation",
        {"num_entity_vectors": ("10000", "20000"), "epochs": ("1", "10"), "vector_dim": ("8", "32")},
    ),
    "blazingtext": Case(
        "train:mean_rho", "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1", {}, sentences, "text/plain", "",
        {"vector_dim": ("8", "32"), "buckets": ("1000000", "1000100")},
    ),
    "forecasting-deepar": Case(
        "test:mean_wQuantileLoss", "522234722520.dkr.ecr.us-east-1.amazonaws.com/forecasting-deepar:1",
        {"prediction_length": "6", "time_freq": "M"}, seasons, "application/jsonlines", "test",
        {"epochs": ("1", "3"), "context_length": ("6", "24"), "num_cells": ("30", "60"), "num_layers": ("1", "3"),
         "mini_batch_size": ("32", "64")},
    ),
    "object2vec": Case(
        "validation:cross_entropy", f"{AMAZON}/object2vec:1",
        {"enc0_max_seq_len": "1", "enc0_vocab_size": "20", "enc0_network": "hcnn"}, likings, "application/jsonlines", "validation",
        {"enc_dim": ("4", "64"), "epochs": ("4", "6"), "mlp_dim": ("16", "64")},
    ),
    "image-classification": Case(
        "validation:accuracy", "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
        {
            "num_classes": "2", "num_training_samples": "40", "image_shape": "1,8,8", "num_layers": "20", "epochs": "2",
        },
        pictures, "application/x-recordio", "validation", {"mini_batch_size": ("4", "20")},
    ),
    "seq2seq": Case(
        "validation:perplexity", "811284229777.dkr.ecr.us-east-1.amazonaws.com/seq2seq:1", {"max_num_epochs": "1"}, turned,
        second="validation",
        narrowed={
            "rnn_num_hidden": ("16", "32"), "cnn_num_hidden": ("16", "32"), "num_embed_source": ("8", "16"),
            "num_embed_target": ("8", "16"), "num_layers_encoder": ("1", "2"), "num_layers_decoder": ("1", "2"),
            "weight_init_scale": ("0.1", "3"), "learning_rate": ("0.00005", "0.01"),
        },
        files=("vocab", {f"vocab.{side}.json": json.dumps(VOCABULARY).encode() for side in ("src", "trg")}),
    ),
    "object-detection": Case(
        "validation:mAP", "811284229777.dkr.ecr.us-east-1.amazonaws.com/object-detection:1",
        {"num_classes": "2", "num_training_samples": "8", "base_network": "resnet-50", "epochs": "1", "_width": "1"},
        boxed, "application/x-recordio", "validation", {"mini_batch_size": ("8", "16")},
    ),
    "semantic-segmentation": Case(
        "validation:mIOU", "811284229777.dkr.ecr.us-east-1.amazonaws.com/semantic-segmentation:1",
        {"num_classes": "2", "num_training_samples": "20", "base_size": "24", "crop_size": "24", "epochs": "2", "_width": "2"},
        masked, "application/x-recordio", "validation", {"mini_batch_size": ("4", "20")},
    ),
    "randomcutforest": Case("test:f1", f"{AMAZON}/randomcutforest:1", {"feature_dim": "2"}, rows),
}  # fmt: skip
QUICK = ("kmeans", "linear-learner")


def test_every_algorithm_with_something_to_tune_is_here() -> None:
    tunable = {
        name for name, one in catalogue.declarations().items() if any(each.recommended for each in one.hyperparameters)
    }
    assert tunable == set(CASES)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.soak) for name in CASES]
)
def test_a_tuner_over_all_that_is_tunable(server: RunningServer, name: str) -> None:
    tuners, case = Tuners(server), CASES[name]
    s3 = server.boto("s3")
    channels = ["train", case.second] if case.second else ["train"]
    for channel in channels:
        s3.put_object(Bucket=BUCKET, Key=f"{name}/{channel}/data", Body=case.data())
    if case.files[0]:
        channels.append(case.files[0])
    for file, content in case.files[1].items():
        s3.put_object(Bucket=BUCKET, Key=f"{name}/{case.files[0]}/{file}", Body=content)
    declared = catalogue.declarations()[name]
    ranges = declared.recommended_ranges()
    for one in (*ranges["IntegerParameterRanges"], *ranges["ContinuousParameterRanges"]):
        one["MinValue"], one["MaxValue"] = case.narrowed.get(one["Name"], (one["MinValue"], one["MaxValue"]))
    for one in ranges["CategoricalParameterRanges"]:
        one["Values"] = list(case.narrowed.get(one["Name"], one["Values"]))
    spread = dict.fromkeys(channels, "FullyReplicated")
    spread["train"] = "ShardedByS3Key"  # random cut forest takes nothing else
    direction = next(metric.direction for metric in declared.metrics if metric.name == case.objective)
    described = tuners.run(
        f"built-in-{name}"[:32],
        strategy="Bayesian",
        jobs=5,
        parallel=2,
        configured={
            "ParameterRanges": ranges,
            "HyperParameterTuningJobObjective": {"Type": direction, "MetricName": case.objective},
        },
        defined={
            "StaticHyperParameters": case.static,
            "AlgorithmSpecification": {"TrainingImage": case.image, "TrainingInputMode": "File"},
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "ContentType": case.content,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3DataDistributionType": spread[channel],
                            "S3Uri": f"s3://{BUCKET}/{name}/{channel}/",
                        }
                    },
                }
                for channel in channels
            ],
        },
    )
    children = tuners.children(described["HyperParameterTuningJobName"])
    reasons = [one.get("FailureReason") for one in children]
    assert described["HyperParameterTuningJobStatus"] == "Completed", reasons
    assert described["ObjectiveStatusCounters"]["Succeeded"] == 5, reasons
    assert all(np.isfinite(one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]) for one in children)
    # The objectives may be equal: easy data is learnt wholly by each job, and with bad values each ends with the constant.
    tuned = [one["TunedHyperParameters"] for one in children]
    names = {one["Name"] for kind in ranges.values() for one in kind}
    assert all(set(one) == names for one in tuned)
    assert len({json.dumps(one, sort_keys=True) for one in tuned}) == len(tuned)
