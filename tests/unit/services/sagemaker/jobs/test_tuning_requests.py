"""Autotune's use of hints, and a warm start's requirements on its data."""

from __future__ import annotations

from typing import Any

from sagewright.services.sagemaker.jobs.tuning_autotune import autotuned
from sagewright.services.sagemaker.jobs.tuning_warmstart import channels_without_places

KMEANS, OWN = "x/kmeans:1", "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"


def requested(image: str, *hints: tuple[str, str]) -> dict[str, Any]:
    given = {"AutoParameters": [{"Name": name, "ValueHint": value} for name, value in hints]}
    config = {"Strategy": "Bayesian", "ResourceLimits": {"MaxParallelTrainingJobs": 1}, "ParameterRanges": given}
    definition = {"AlgorithmSpecification": {"TrainingImage": image}}
    return autotuned({"Autotune": {}, "HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition})


def test_hints_of_a_built_in_algorithm_that_cannot_be_tuned_stay() -> None:
    described = requested(KMEANS, ("k", "10"), ("epochs", "1"), ("feature_dim", "784"))
    ranges = described["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert [one["Name"] for kind in ranges if kind != "AutoParameters" for one in ranges[kind]] == ["epochs"]
    assert described["TrainingJobDefinition"]["StaticHyperParameters"] == {"k": "10", "feature_dim": "784"}


def test_hints_of_an_image_of_ones_own_are_tuned() -> None:
    ranges = requested(OWN, ("k", "10"))["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert [one["Name"] for one in ranges["IntegerParameterRanges"]] == ["k"]


def test_identical_data_may_lie_elsewhere() -> None:
    def channel(uri: str, kind: str = "ManifestFile") -> list[dict[str, Any]]:
        source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "ShardedByS3Key"}
        return [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]

    assert channels_without_places(channel("s3://b/1/x")) == channels_without_places(channel("s3://b/2/x"))
    assert channels_without_places(channel("s3://b/1/x")) != channels_without_places(channel("s3://b/1/x", "S3Prefix"))
    assert channels_without_places(channel("s3://b/1/x")) != channels_without_places(None)
