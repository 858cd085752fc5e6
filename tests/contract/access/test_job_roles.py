"""A job has what its role's policies give, and nothing more."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.teams import ACCOUNT, DEFAULT_ROLE, Team, allow, deny

PROGRAM = (Path(__file__).parents[1] / "programs" / "job_attempts.py").read_text()
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
JOB: dict[str, Any] = {"TrainingJobName": "others-job"}
ATTEMPTS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "get_object", {"Bucket": "others", "Key": "secret"}),
    ("s3", "head_object", {"Bucket": "others", "Key": "secret"}),
    ("s3", "put_object", {"Bucket": "others", "Key": "x", "Body": "x"}),
    ("s3", "delete_object", {"Bucket": "others", "Key": "secret"}),
    ("s3", "list_objects_v2", {"Bucket": "others"}),
    ("s3", "list_buckets", {}),
    ("s3", "create_bucket", {"Bucket": "made-by-job"}),
    ("s3", "get_bucket_policy", {"Bucket": "others"}),
    ("s3", "put_object", {"Bucket": "narrow", "Key": "in/a.csv", "Body": "x"}),
    ("s3", "get_object", {"Bucket": "narrow", "Key": "private/a.csv"}),
    ("s3", "list_objects_v2", {"Bucket": "narrow", "Prefix": "private/"}),
    ("s3", "delete_bucket", {"Bucket": "narrow"}),
    ("sagemaker", "list_training_jobs", {}),
    ("sagemaker", "describe_training_job", JOB),
    ("sagemaker", "stop_training_job", JOB),
    ("sagemaker", "list_models", {}),
    ("sagemaker", "create_model", {"ModelName": "m", "ExecutionRoleArn": DEFAULT_ROLE}),
    ("sagemaker", "delete_endpoint", {"EndpointName": "others"}),
    ("sagemaker", "list_pipelines", {}),
    ("sagemaker", "search", {"Resource": "TrainingJob"}),
    ("sagemaker", "create_presigned_domain_url", {"DomainId": "d-000000000000", "UserProfileName": "default"}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "others", "Body": "1"}),
    ("logs", "describe_log_groups", {}),
    ("logs", "get_log_events", {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "others-job/algo-1"}),
    ("logs", "create_log_group", {"logGroupName": "made-by-job"}),
    ("sqs", "create_queue", {"QueueName": "made-by-job"}),
    ("sns", "list_topics", {}),
    ("lambda", "list_functions", {}),
    ("ecr", "get_authorization_token", {}),
    ("kms", "create_key", {}),
    ("events", "list_rules", {}),
    ("cloudwatch", "list_metrics", {}),
    ("iam", "list_users", {}),
    ("iam", "create_access_key", {"UserName": "admin"}),
    ("iam", "attach_role_policy", {"RoleName": "narrow", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("sts", "assume_role", {"RoleArn": DEFAULT_ROLE, "RoleSessionName": "other"}),
]
LOSING = """import boto3, time
s3 = boto3.client("s3")
s3.list_buckets()
print("first", flush=True)
while True:
    try:
        s3.list_buckets()
    except Exception as error:
        print("then", type(error).__name__, flush=True)
        break
    time.sleep(0.1)
"""
OWN = [
    allow("s3:GetObject", "arn:aws:s3:::narrow/in/*"),
    allow("s3:ListBucket", "arn:aws:s3:::narrow", Condition={"StringLike": {"s3:prefix": "in/*"}}),
    allow("s3:PutObject", "arn:aws:s3:::narrow/out/*"),
]


def request(name: str, role: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://narrow/in/"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "/opt/ml/input/data/train/attempts.py"],
        },
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "Environment": {"BUCKET": "narrow"},
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": "s3://narrow/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
    }


@pytest.fixture(scope="module")
def buckets(team: Team) -> None:
    s3 = team.server.boto("s3")
    for bucket, keys in (("others", ["secret"]), ("narrow", ["in/a.csv", "private/a.csv"])):
        s3.create_bucket(Bucket=bucket)
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"1,2")
    s3.put_object(Bucket="narrow", Key="in/attempts.py", Body=PROGRAM.encode())
    s3.put_object(Bucket="narrow", Key="in/attempts.json", Body=json.dumps(ATTEMPTS).encode())
    s3.put_object(Bucket="narrow", Key="in/losing.py", Body=LOSING.encode())


def test_a_narrow_role_is_all_that_a_job_has(team: Team, buckets: None) -> None:
    role = team.role(*OWN, name="narrow")
    team.server.boto("sagemaker").create_training_job(**request("narrow-job", role))
    assert team.server.wait("narrow-job")["TrainingJobStatus"] == "Completed", team.server.lines("narrow-job")
    lines = team.server.lines("narrow-job")
    assert f"attempts: {len(ATTEMPTS)} not refused: []" in lines
    assert "read: 1,2" in lines
    assert f"who: arn:aws:sts::{ACCOUNT}:assumed-role/narrow/SageMaker" in lines
    s3 = team.server.boto("s3")
    assert s3.get_object(Bucket="narrow", Key="out/own.txt")["Body"].read() == b"own"
    assert s3.get_object(Bucket="others", Key="secret")["Body"].read() == b"1,2"


def test_a_role_without_the_data_fails_the_job_and_says_so(team: Team, buckets: None) -> None:
    role = team.role(*OWN, deny("s3:GetObject", "arn:aws:s3:::narrow/in/a.csv"))
    team.server.boto("sagemaker").create_training_job(**request("blind-job", role))
    ended = team.server.wait("blind-job")
    assert ended["TrainingJobStatus"] == "Failed"
    assert "s3:GetObject" in ended["FailureReason"]
    assert "explicit deny" in ended["FailureReason"]


def script(text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def script_job(name: str, role: str) -> dict[str, Any]:
    changed = request(name, role)
    del changed["AlgorithmSpecification"]["ContainerEntrypoint"], changed["InputDataConfig"]
    code = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://narrow/in/code.tar.gz"}
    return {**changed, "HyperParameters": code}


def test_the_code_of_a_job_is_read_with_the_rights_of_its_role_at_its_launch(team: Team, buckets: None) -> None:
    s3, sagemaker = team.server.boto("s3"), team.server.boto("sagemaker")
    role = team.role(*OWN, name="reads-code")
    for turn in ("former", "latter"):  # each launch finds the object as it is then
        s3.put_object(Bucket="narrow", Key="in/code.tar.gz", Body=script(f"print('the {turn} code')"))
        sagemaker.create_training_job(**script_job(f"{turn}-code", role))
        assert team.server.wait(f"{turn}-code")["TrainingJobStatus"] == "Completed"
        assert f"the {turn} code" in team.server.lines(f"{turn}-code")
    taken = {"Version": "2012-10-17", "Statement": [*OWN, deny("s3:GetObject", "arn:aws:s3:::narrow/in/code.tar.gz")]}
    team.iam.put_role_policy(RoleName="reads-code", PolicyName="own", PolicyDocument=json.dumps(taken))
    sagemaker.create_training_job(**script_job("no-code", role))
    ended = team.server.wait("no-code")
    assert ended["TrainingJobStatus"] == "Failed"
    assert "Cannot get the code of the job from s3://narrow/in/code.tar.gz" in ended["FailureReason"]
    assert "s3:GetObject" in ended["FailureReason"]


def test_a_right_that_is_taken_ends_at_once(team: Team, buckets: None) -> None:
    name = "losing"
    role = team.role(allow("s3:*"), name=name)
    changed = request("losing-job", role)
    changed["AlgorithmSpecification"]["ContainerEntrypoint"] = ["python", "/opt/ml/input/data/train/losing.py"]
    team.server.boto("sagemaker").create_training_job(**changed)
    team.server.when_logged("losing-job", "first")
    team.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": OWN}))  # fmt: skip
    team.server.when_logged("losing-job", "then ")
    assert team.server.wait("losing-job")["TrainingJobStatus"] == "Completed"
