"""Models driven by boto3, SDK v2 and the CLI: Create, Describe, List, Delete, their tags and Search over them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / ".cache" / "clients"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:model/"


@pytest.fixture(scope="module")
def data(server: RunningServer) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="m/model.tar.gz", Body=b"x")
    return "s3://models/m/model.tar.gz"


def create(server: RunningServer, name: str, data: str, **changes: Any) -> str:
    request = {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": data, "Environment": {"MODE": name}},
    }
    arn: str = server.boto("sagemaker").create_model(**(request | changes))["ModelArn"]
    return arn


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_models_life(server: RunningServer, data: str) -> None:
    sagemaker = server.boto("sagemaker")
    arn = create(server, "life", data, Tags=[{"Key": "team", "Value": "ml"}])
    assert arn == f"{ARN}life"
    described = sagemaker.describe_model(ModelName="life")
    assert described["PrimaryContainer"] == {
        "Image": IMAGE, "Mode": "SingleModel", "ModelDataUrl": data, "Environment": {"MODE": "life"},
    }  # fmt: skip
    assert (described["ModelArn"], described["ExecutionRoleArn"], described["EnableNetworkIsolation"]) == (
        arn,
        ROLE,
        False,
    )
    assert "Tags" not in described
    assert fault(sagemaker.create_model, ModelName="life", PrimaryContainer={"Image": IMAGE}) == (
        "ValidationException",
        f'Cannot create already existing model "{arn}".',
    )
    sagemaker.delete_model(ModelName="life")
    missing = ("ValidationException", f'Could not find model "{arn}".')
    assert fault(sagemaker.describe_model, ModelName="life") == missing
    assert fault(sagemaker.delete_model, ModelName="life") == missing
    assert fault(sagemaker.list_tags, ResourceArn=arn)[0] == "ResourceNotFound"
    create(server, "life", data)
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_several_containers(server: RunningServer, data: str) -> None:
    sagemaker = server.boto("sagemaker")
    containers = [{"Image": IMAGE, "ContainerHostname": "a"}, {"Image": IMAGE, "ContainerHostname": "b"}]
    sagemaker.create_model(ModelName="several", Containers=containers, ExecutionRoleArn=ROLE)
    described = sagemaker.describe_model(ModelName="several")
    assert [one["ContainerHostname"] for one in described["Containers"]] == ["a", "b"]
    assert described["InferenceExecutionConfig"] == {"Mode": "Serial"}
    direct = {"InferenceExecutionConfig": {"Mode": "Direct"}}
    sagemaker.create_model(ModelName="direct", Containers=containers, **direct)
    assert sagemaker.describe_model(ModelName="direct")["InferenceExecutionConfig"] == {"Mode": "Direct"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no container": ({"PrimaryContainer": None}, "PrimaryContainer and Containers"),
    "both": ({"Containers": [{"Image": IMAGE}]}, "PrimaryContainer and Containers"),
    "no image": ({"PrimaryContainer": {}}, "Image"),
    "a package": ({"PrimaryContainer": {"ModelPackageName": "p"}}, "model-package/p does not exist"),
    "no data": ({"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://models/none.tar.gz"}}, "Could not find model data at s3://"),
    "no bucket": ({"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://nobodys/x"}}, "Could not find model data at s3://"),
    "two data": (
        {"PrimaryContainer": {
            "Image": IMAGE, "ModelDataUrl": "s3://models/m/",
            "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://models/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}},
        }},
        "exclude each other",
    ),
    "the same hostname": (
        {"PrimaryContainer": None, "Containers": [{"Image": IMAGE, "ContainerHostname": "a"}] * 2}, "ContainerHostname",
    ),
    "direct without names": (
        {"PrimaryContainer": None, "Containers": [{"Image": IMAGE}] * 2, "InferenceExecutionConfig": {"Mode": "Direct"}},
        "ContainerHostname",
    ),
    "another account": ({"ExecutionRoleArn": "arn:aws:iam::111111111111:role/r"}, "Cross-account"),
    "a bad name": ({"ModelName": "a_b"}, "modelName"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_no_model_can_be_made_of(server: RunningServer, data: str, what: str) -> None:
    changes, text = BAD[what]
    request = {"ModelName": "bad", "PrimaryContainer": {"Image": IMAGE}} | changes
    given = {key: value for key, value in request.items() if value is not None}
    code, message = fault(server.boto("sagemaker").create_model, **given)
    assert code == "ValidationException"
    assert text in message
    assert fault(server.boto("sagemaker").describe_model, ModelName="bad")[0] == "ValidationException"


def test_lists(server: RunningServer, data: str) -> None:
    names = [f"list-{number}" for number in range(5)]
    for name in names:
        create(server, name, data)
    sagemaker = server.boto("sagemaker")

    def listed(**asked: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_models").paginate(NameContains="LIST-", MaxResults=2, **asked)
        return [model["ModelName"] for page in pages for model in page["Models"]]

    assert listed() == names[::-1]
    assert listed(SortBy="Name", SortOrder="Ascending") == names
    created = sagemaker.describe_model(ModelName=names[2])["CreationTime"]
    assert set(listed(CreationTimeAfter=created)) >= set(names[3:])
    assert listed(CreationTimeBefore=created.replace(year=2020)) == []
    assert fault(sagemaker.list_models, NextToken="rubbish")[0] == "ValidationException"


def test_tags_and_search(server: RunningServer, data: str) -> None:
    sagemaker = server.boto("sagemaker")
    arn = create(server, "searched", data)
    create(server, "other", data)
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "prod"}])

    def found(name: str, operator: str, value: str) -> list[dict[str, Any]]:
        filters = [{"Name": name, "Operator": operator, "Value": value}]
        answer = sagemaker.search(Resource="Model", SearchExpression={"Filters": filters}, SortBy="ModelName")
        return [one["Model"]["Model"] for one in answer["Results"]]

    (one,) = found("Tags.stage", "Equals", "prod")
    assert (one["ModelArn"], one["Tags"]) == (arn, [{"Key": "stage", "Value": "prod"}])
    assert [one["ModelName"] for one in found("PrimaryContainer.Environment.MODE", "In", "other,searched")] == [
        "searched",
        "other",
    ]
    assert [one["ModelName"] for one in found("ModelName", "Contains", "EARCH")] == ["searched"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stage"])
    assert found("Tags.stage", "Exists", "x") == []
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    sagemaker.add_tags(ResourceArn=arn, Tags=many)
    assert (
        fault(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "one more", "Value": ""}])[0]
        == "ResourceLimitExceeded"
    )
    assert len(sagemaker.list_tags(ResourceArn=arn, MaxResults=50)["Tags"]) == 50
    assert fault(sagemaker.list_tags, ResourceArn=f"{ARN}nobody")[0] == "ResourceNotFound"
    code, message = fault(sagemaker.list_tags, ResourceArn=arn.replace("model/", "workteam/"))
    assert (code, "'workteam'" in message) == ("ValidationException", True)


SDK = """
import sagemaker
from sagemaker.model import Model
session = sagemaker.Session()
model = Model(image_uri="own:latest", model_data="s3://models/m/model.tar.gz", role=sagemaker.get_execution_role(),
    name="by-sdk", sagemaker_session=session, env={"A": "1"})
model.create(instance_type="ml.m5.large", tags=[{"Key": "from", "Value": "sdk"}])
model.create(instance_type="ml.m5.large")  # an existing model is used again
print("TOLD", session.describe_model("by-sdk")["PrimaryContainer"]["Environment"])
model.delete_model()
try:
    session.describe_model("by-sdk")
except Exception as error:
    print("GONE", error)
"""


def run(server: RunningServer, *command: str, cwd: Path) -> str:
    argv = [str(Path(sys.executable).parent / "sagewright"), "exec", "--data", str(server.data), "--", *command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sdk_v2(server: RunningServer, data: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SDK)
    out = run(server, str(CLIENTS / "sdk-v2" / "bin" / "python"), "-W", "ignore", "program.py", cwd=tmp_path)
    assert "TOLD {'A': '1'}" in out
    assert "Could not find model" in out[out.index("GONE") :]


def test_cli(server: RunningServer, data: str, tmp_path: Path) -> None:
    aws = str(CLIENTS / "aws-cli" / "bin" / "aws")
    container = f"Image=own:latest,ModelDataUrl={data}"
    run(
        server,
        aws,
        "sagemaker",
        "create-model",
        "--model-name",
        "by-cli",
        "--primary-container",
        container,
        cwd=tmp_path,
    )
    out = run(server, aws, "sagemaker", "list-models", "--name-contains", "by-cli", "--output", "text", cwd=tmp_path)
    assert "model/by-cli" in out
    run(server, aws, "sagemaker", "delete-model", "--model-name", "by-cli", cwd=tmp_path)
