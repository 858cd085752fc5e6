"""Requests of the jobs of a monitor: the names, variables and inputs that containers rely on."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.model_monitors.captured_data import DataPart
from sagewright.engine.model_monitors.definitions import read_definition
from sagewright.engine.model_monitors.processing_requests import (
    BaselineFiles,
    ExecutionFacts,
    analysis_request,
    inputs_left,
    merge_request,
    suffix,
)
from sagewright.engine.model_monitors.windows import AnalysisWindow
from sagewright.wire.models import service_model
from sagewright.wire.validation import validate

DUE = 1_773_144_000_000
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"


def definition(type_: str, **app: Any) -> dict[str, Any]:
    truth = {"GroundTruthS3Input": {"S3Uri": "s3://b/truth"}} if type_ in {"ModelQuality", "ModelBias"} else {}
    given = {"EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint", "FeaturesAttribute": "f"}
    target = {"S3Uri": "s3://b/reports/", "LocalPath": "/opt/ml/processing/output"}
    return {
        f"{type_}AppSpecification": {"ImageUri": CLARIFY, **app},
        f"{type_}JobInput": {"EndpointInput": given, **truth},
        f"{type_}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": target}], "KmsKeyId": "key"},
        "JobResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 3}},
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "RoleArn": "arn:aws:iam::000000000000:role/r",
    }


FACTS = ExecutionFacts("s", "us-east-1", DUE, AnalysisWindow(DUE - 3_600_000, DUE), suffix(DUE, "0123456789abcdef" * 4))
DATA = [DataPart("s3://b/c/e/all/2026/03/10/11", "e/all/2026/03/10/11")]
FORMATS = {
    "DataQuality": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
    "ModelQuality": '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}',
    "ModelBias": '{"sagemakerMergeJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
    "ModelExplainability": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
}
NAMES = {
    "DataQuality": "model-monitoring-202603101200-0123456789abcdef01234567",
    "ModelQuality": "model-quality-monitoring-202603101200-0123456789abcdef01234567",
    "ModelBias": "model-bias-monitoring-202603101200-0123456789abcdef01234567",
    "ModelExplainability": "model-explainability-monitoring-202603101200-0123456789abcdef01",
}


def is_valid(request: dict[str, Any]) -> None:
    validate(service_model("sagemaker").operation_model("CreateProcessingJob"), request)


@pytest.mark.parametrize("type_", FORMATS)
def test_an_analysis_has_the_window_and_the_format_of_its_type(type_: str) -> None:
    job = read_definition(type_, definition(type_))
    request = analysis_request(job, FACTS, DATA, BaselineFiles())
    is_valid(request)
    assert (request["ProcessingJobName"], request["Environment"]["dataset_format"]) == (NAMES[type_], FORMATS[type_])
    assert (request["Environment"]["start_time"], request["Environment"]["end_time"]) == (
        "2026-03-10T11:00:00Z",
        "2026-03-10T12:00:00Z",
    )
    longest = 1800 if job.merges else 3600
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": longest}
    assert request["NetworkConfig"] == {"EnableNetworkIsolation": True}
    output = request["ProcessingOutputConfig"]
    assert output["Outputs"][0]["S3Output"]["S3Uri"] == "s3://b/reports/e/s/2026/03/10/12"
    assert output["KmsKeyId"] == "key"


def test_the_files_of_a_definition_are_inputs_and_variables() -> None:
    app = {
        "ConfigUri": "s3://b/config/analysis_config.json",
        "Environment": {"dataset_source": "mine", "publish_cloudwatch_metrics": "Enabled", "own": "x"},
    }
    job = read_definition("ModelBias", definition("ModelBias", **app))
    baseline = BaselineFiles(constraints="s3://b/base/analysis.json")
    request = analysis_request(job, FACTS, DATA, baseline)
    is_valid(request)
    paths = {one["InputName"]: one["S3Input"]["LocalPath"] for one in request["ProcessingInputs"]}
    assert paths == {
        "constraints": "/opt/ml/processing/baseline/constraints",
        "analysis_config": "/opt/ml/processing/input/config",
        "endpoint_input_1": "/opt/ml/processing/input/endpoint/e/all/2026/03/10/11",
    }
    env = request["Environment"]
    assert env["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/analysis.json"
    assert (env["dataset_source"], env["own"]) == ("/opt/ml/processing/input/endpoint", "x")
    assert (env["publish_cloudwatch_metrics"], env["features_attribute"]) == ("Enabled", "f")
    assert inputs_left(job, baseline) == 8


def test_a_merge_takes_the_registry_of_the_analysis() -> None:
    job = read_definition("ModelBias", definition("ModelBias"))
    request = merge_request(job, FACTS, DATA, [DataPart("s3://b/truth/2026/03/10/11", "2026/03/10/11")])
    is_valid(request)
    assert request["ProcessingJobName"] == "groundtruth-merge-202603101200-0123456789abcdef01234567"
    assert request["AppSpecification"] == {
        "ImageUri": "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-groundtruth-merger"
    }
    paths = {one["InputName"]: one["S3Input"]["LocalPath"] for one in request["ProcessingInputs"]}
    assert paths == {
        "groundtruth_input_1": "/opt/ml/processing/groundtruth/2026/03/10/11",
        "endpoint_input_1": "/opt/ml/processing/input_data/e/all/2026/03/10/11",
    }
    assert request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://b/reports/merge"
    own = read_definition("ModelQuality", definition("ModelQuality", ImageUri="mine:latest"))
    assert ".dkr.ecr.us-east-1." in merge_request(own, FACTS, DATA, [])["AppSpecification"]["ImageUri"]
