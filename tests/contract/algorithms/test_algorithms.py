"""Algorithms of the account: by boto3, and by SDK v2's AlgorithmEstimator."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:algorithm/"
TRAINING = {
    "TrainingImage": SHELL_IMAGE,
    "SupportedTrainingInstanceTypes": ["ml.m5.large"],
    "TrainingChannels": [{"Name": "train", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}],
}


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_its_life(server: RunningServer) -> None:
    sagemaker, name = server.boto("sagemaker"), f"algorithm-{uuid.uuid4().hex[:8]}"
    made = sagemaker.create_algorithm(
        AlgorithmName=name,
        AlgorithmDescription="ours",
        TrainingSpecification=TRAINING,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert made["AlgorithmArn"] == ARN + name
    for named in (name, ARN + name):
        described = sagemaker.describe_algorithm(AlgorithmName=named)
        assert (described["AlgorithmName"], described["AlgorithmStatus"]) == (name, "Completed")
    assert described["TrainingSpecification"] == TRAINING
    assert described["AlgorithmStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    (listed,) = sagemaker.list_algorithms(NameContains=name)["AlgorithmSummaryList"]
    assert (listed["AlgorithmArn"], listed["AlgorithmDescription"]) == (ARN + name, "ours")
    assert sagemaker.list_tags(ResourceArn=ARN + name)["Tags"] == [{"Key": "a", "Value": "b"}]
    again = fault(sagemaker.create_algorithm, AlgorithmName=name, TrainingSpecification=TRAINING)
    assert again == ("ValidationException", f"Algorithm already exists: {ARN}{name}")
    sagemaker.delete_algorithm(AlgorithmName=name)
    gone = ("ValidationException", f"Algorithm {ARN}{name} does not exist.")
    assert fault(sagemaker.describe_algorithm, AlgorithmName=name) == gone
    assert fault(sagemaker.delete_algorithm, AlgorithmName=name) == gone


def test_what_names_one_that_is_not_there(server: RunningServer) -> None:
    sagemaker = server.boto("sagemaker")
    other = "arn:aws:sagemaker:us-east-1:123456789012:algorithm/market"
    specification = {"AlgorithmName": other, "TrainingInputMode": "File"}
    code, said = fault(
        sagemaker.create_training_job, TrainingJobName="by-none", AlgorithmSpecification=specification, RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": "s3://outputs/x"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )  # fmt: skip
    assert (code, said) == ("ValidationException", f"Algorithm {other} does not exist.")
    source = {"SourceAlgorithms": [{"AlgorithmName": "none"}]}
    code, said = fault(sagemaker.create_model_package, ModelPackageName="of-none", SourceAlgorithmSpecification=source)
    assert (code, said) == ("ValidationException", f"Algorithm {ARN}none does not exist.")
    code, said = fault(
        sagemaker.create_algorithm, AlgorithmName="market", TrainingSpecification=TRAINING, CertifyForMarketplace=True
    )
    assert (code, "CertifyForMarketplace" in said) == ("ValidationException", True)


def test_sdk_v2_trains_deploys_and_tunes_one(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(Path(__file__).parents[1] / "programs" / "algorithm_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    for line in (
        "specification: True False",
        "metrics: ['train:rmse']",
        "attached: True",
        "answer: True",
        "tuned: Completed",
    ):
        assert f"{line}\n" in done.stdout, done.stdout


def test_names_of_properties_are_suggested(server: RunningServer) -> None:
    """Resources, and the limits of their record."""
    sagemaker, name = server.boto("sagemaker"), f"suggested-{uuid.uuid4().hex[:8]}"
    sagemaker.create_experiment(ExperimentName=name, Tags=[{"Key": f"team{name}", "Value": "a"}])

    def suggested(hint: str) -> list[str]:
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        found = sagemaker.get_search_suggestions(Resource="Experiment", SuggestionQuery=query)
        return [one["PropertyName"] for one in found["PropertyNameSuggestions"]]

    assert suggested("Experiment")[:2] == ["ExperimentArn", "ExperimentName"]
    assert suggested(f"Tags.team{name}") == [f"Tags.team{name}"]
    assert suggested("none%") == []
    assert "CreationTime" in [
        one["PropertyName"]
        for one in sagemaker.get_search_suggestions(Resource="TrainingJob")["PropertyNameSuggestions"]
    ]
    assert fault(sagemaker.get_search_suggestions, Resource="Image")[0] == "ValidationException"
