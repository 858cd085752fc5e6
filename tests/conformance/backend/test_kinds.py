"""Processing, transform and pipelines by boto3 on every backend: their hosts run where those of training jobs do."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import archive
from tests.pipelines import BUCKET, Pipelines, get, job, step

if TYPE_CHECKING:
    from conftest import RunningServer

LIMIT_S = 240
SCRIPT = """
import os
def model_fn(directory):
    return open(os.path.join(directory, "word")).read()
def input_fn(body, content_type):
    return body.decode() if isinstance(body, bytes) else body
def predict_fn(text, word):
    return "".join(f"{word} {line}\\n" for line in text.splitlines())
def output_fn(answer, accept):
    return answer, accept
"""


def ended(describe: Any, status: str, **named: str) -> dict[str, Any]:
    until = time.monotonic() + LIMIT_S
    while (found := describe(**named))[status] in {"InProgress", "Stopping"}:
        assert time.monotonic() < until, found
        time.sleep(0.2)
    return dict(found)


def text_of(server: RunningServer, bucket: str, key: str) -> str:
    return str(server.boto("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def test_a_processing_job_of_two_hosts(server_at: RunningServer, job_name: str) -> None:
    sagemaker, s3, bucket = server_at.boto("sagemaker"), server_at.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    for number in range(4):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.txt", Body=f"{number}\n".encode())
    shell = (
        "cd /opt/ml/processing; cat in/*.txt > out/$(python3 -c "
        '\'import json; print(json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"])\')'
    )
    source = {"S3Uri": f"s3://{bucket}/in/", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix",
              "S3InputMode": "File", "S3DataDistributionType": "ShardedByS3Key"}  # fmt: skip
    target = {"S3Uri": f"s3://{bucket}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    sagemaker.create_processing_job(
        ProcessingJobName=job_name, RoleArn=ROLE,
        AppSpecification={"ImageUri": SHELL_IMAGE, "ContainerEntrypoint": ["bash", "-c", shell]},
        ProcessingInputs=[{"InputName": "in", "S3Input": source}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": target}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
    )  # fmt: skip
    found = ended(sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=job_name)
    assert found["ProcessingJobStatus"] == "Completed", found.get("FailureReason")
    parts = [text_of(server_at, bucket, f"out/algo-{number}").split() for number in (1, 2)]
    assert sorted(parts[0] + parts[1]) == ["0", "1", "2", "3"]
    assert all(parts)


def test_a_transform_job(server_at: RunningServer, job_name: str) -> None:
    sagemaker, s3, bucket = server_at.boto("sagemaker"), server_at.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive({"word": "seen", "code/inference.py": SCRIPT}))
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body=b"one\ntwo\n")
    container = {"Image": SHELL_IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz",
                 "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}  # fmt: skip
    sagemaker.create_model(ModelName=job_name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/"}}}
    sagemaker.create_transform_job(
        TransformJobName=job_name, ModelName=job_name, TransformInput=source | {"ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{bucket}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )  # fmt: skip
    found = ended(sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName=job_name)
    assert found["TransformJobStatus"] == "Completed", found.get("FailureReason")
    assert text_of(server_at, bucket, "out/a.csv.out").split() == ["seen", "one", "seen", "two"]


def test_a_pipeline(server_at: RunningServer, job_name: str) -> None:
    """A processing step, a training step on its output, and a condition on the processing step's property file."""
    pipelines = Pipelines(server_at)
    made = job("made", "echo 7 > /opt/ml/processing/out/data; echo '{\"rows\": 7}' > /opt/ml/processing/out/facts.json")
    made["PropertyFiles"] = [{"PropertyFileName": "facts", "OutputName": "out", "FilePath": "facts.json"}]
    uri = get("Steps.made.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}}
    trained = step("trained", "Training", {
        "AlgorithmSpecification": {
            "TrainingImage": SHELL_IMAGE, "TrainingInputMode": "File",
            "ContainerEntrypoint": ["bash", "-c", "cp /opt/ml/input/data/train/data /opt/ml/model/"],
        },
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{job_name}"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600}, "RoleArn": ROLE,
    })  # fmt: skip
    enough = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": {"Std:JsonGet": {"PropertyFile": get("Steps.made.PropertyFiles.facts"), "Path": "rows"}},
        "RightValue": 5,
    }
    decided = step("decided", "Condition", {"Conditions": [enough], "IfSteps": [trained], "ElseSteps": []})
    arn = pipelines.start(pipelines.create(job_name, made, decided))
    assert pipelines.wait(arn, LIMIT_S)["PipelineExecutionStatus"] == "Succeeded", json.dumps(
        pipelines.steps(arn), default=str
    )
    assert pipelines.steps(arn)["trained"]["StepStatus"] == "Succeeded"
