"""Clarify jobs by boto3: what a job says about a configuration that can't work, and hostile models."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
BUCKET = "clarify-boto3"
BIAS = {
    "dataset_type": "text/csv",
    "label": "Target",
    "headers": ["Target", "Age"],
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "Age", "value_or_threshold": [40]}],
    "methods": {"pre_training_bias": {"methods": "all"}},
}
ROWS = "".join(f"{int(age > 45)},{age}.5\n" for age in range(20, 70))


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    server.boto("s3").create_bucket(Bucket=BUCKET)
    return server.boto("sagemaker")


def run(server: RunningServer, client: Any, name: str, config: Any, data: str = ROWS) -> dict[str, Any]:
    s3 = server.boto("s3")
    text = config if isinstance(config, str) else json.dumps(config)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/analysis_config.json", Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key=f"{name}/data.csv", Body=data.encode())
    inputs = (("analysis_config", "config", "analysis_config.json"), ("dataset", "data", "data.csv"))
    client.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE},
        ProcessingInputs=[
            {
                "InputName": input_name,
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/{name}/{key}",
                    "LocalPath": f"/opt/ml/processing/input/{folder}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for input_name, folder, key in inputs
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "analysis_result",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/{name}/out",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    return ended(client, name)


def ended(client: Any, name: str) -> dict[str, Any]:
    for _ in range(600):
        found: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        if found["ProcessingJobStatus"] not in {"InProgress", "Stopping"}:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("no-json", "{", "Unable to load analysis configuration as JSON."),
        ("no-schema", {"probability_threshold": "x"}, "Analysis configuration schema validation error."),
        ("no-facet", {"facet": [{"name_or_index": "Gender"}]}, "Unable to locate the facet."),
        (
            "no-header",
            {"headers": ["Target"]},
            "Headers in config do not match with the number of columns in the dataset.",
        ),
        (
            "no-model",
            {"methods": {"shap": {}}, "predictor": {"model_name": "none", "instance_type": "ml.m5.large"}},
            "Unable to create an endpoint for the model 'none'.",
        ),
    ],
)
def test_an_exit_message_says_what_is_wrong(
    server: RunningServer, client: Any, name: str, change: Any, message: str
) -> None:
    found = run(server, client, name, change if isinstance(change, str) else BIAS | change)
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["ExitMessage"].startswith(f"Customer Error: {message}"), found["ExitMessage"]
    assert found["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert not client.list_endpoints(NameContains="sm-clarify")["Endpoints"]


def test_analysis_json_without_a_report(server: RunningServer, client: Any) -> None:
    found = run(server, client, "plain", BIAS)
    assert found["ExitMessage"] == "Completed: SageMaker XAI Analyzer ran successfully", found
    s3 = server.boto("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="plain/out/")["Contents"]]
    assert keys == ["plain/out/analysis.json"]
    analysis = json.loads(s3.get_object(Bucket=BUCKET, Key=keys[0])["Body"].read())
    (group,) = analysis["pre_training_bias_metrics"]["facets"]["Age"]
    assert group["value_or_threshold"] == "(40.0, 69.5]"


def test_a_model_that_cannot_be_served_leaves_nothing(server: RunningServer, client: Any) -> None:
    """Its archive is hostile: members that lead out, and a pickle. tests/clarify/analyzer/test_model.py unpacks such ones."""
    body = io.BytesIO()
    pickled = b"cos\nsystem\n(S'touch /tmp/clarify-was-here'\ntR."
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for member, kind in (
            ("../../escaped", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
            ("xgboost-model", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(member)
            info.type, info.linkname, info.size = kind, "/etc", len(pickled) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(pickled))
    server.boto("s3").put_object(Bucket=BUCKET, Key="hostile/model.tar.gz", Body=body.getvalue())
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/hostile/model.tar.gz"}
    client.create_model(ModelName="hostile", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    predictor = {"model_name": "hostile", "instance_type": "ml.m5.large", "initial_instance_count": 1}
    found = run(server, client, "hostile", BIAS | {"methods": {"shap": {}}, "predictor": predictor})
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["ExitMessage"].startswith("Customer Error: The endpoint for the analysis did not come into service")
    assert not client.list_endpoints(NameContains="sm-clarify")["Endpoints"]
    assert not client.list_endpoint_configs(NameContains="sm-clarify")["EndpointConfigs"]
