"""The model registry driven by boto3, SDK v2, SDK v3 and the CLI: groups, packages, approval, models of packages."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
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
ARN = "arn:aws:sagemaker:us-east-1:000000000000"
ADMIN = "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/admin"
DATA = "s3://registry/m/model.tar.gz"


@pytest.fixture(scope="module")
def sagemaker(server: RunningServer) -> Any:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="registry")
    s3.put_object(Bucket="registry", Key="m/model.tar.gz", Body=b"x")
    return server.boto("sagemaker")


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = f"g-{uuid.uuid4().hex[:10]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="churn")
    return name


def specification(**changes: Any) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": DATA, "Environment": {"A": "package", "B": "package"}} | changes
    return {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    }


def register(sagemaker: Any, group: str, **changes: Any) -> str:
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification()} | changes
    arn: str = sagemaker.create_model_package(**request)["ModelPackageArn"]
    return arn


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_groups_life(sagemaker: Any) -> None:
    made = sagemaker.create_model_package_group(
        ModelPackageGroupName="life", ModelPackageGroupDescription="d", Tags=[{"Key": "team", "Value": "ml"}]
    )
    arn = f"{ARN}:model-package-group/life"
    assert made["ModelPackageGroupArn"] == arn
    for name in ("life", arn):
        described = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
        assert (described["ModelPackageGroupName"], described["ModelPackageGroupArn"]) == ("life", arn)
        assert (described["ModelPackageGroupStatus"], described["ModelPackageGroupDescription"]) == ("Completed", "d")
        assert described["CreatedBy"]["IamIdentity"]["Arn"] == ADMIN
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    code, message = fault(sagemaker.create_model_package_group, ModelPackageGroupName="life")
    assert (code, "Model Package Group already exists" in message) == ("ValidationException", True)
    package = register(sagemaker, "life")
    assert fault(sagemaker.delete_model_package_group, ModelPackageGroupName="life")[0] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=package)
    sagemaker.delete_model_package_group(ModelPackageGroupName="life")
    missing = ("ValidationException", f"ModelPackageGroup {arn} does not exist.")
    assert fault(sagemaker.describe_model_package_group, ModelPackageGroupName="life") == missing
    assert fault(sagemaker.delete_model_package_group, ModelPackageGroupName="life") == missing
    assert (
        fault(sagemaker.create_model_package, ModelPackageGroupName="life", InferenceSpecification=specification())
        == missing
    )
    assert sagemaker.list_model_packages(ModelPackageGroupName="life")["ModelPackageSummaryList"] == []


def test_a_groups_policy(sagemaker: Any, group: str) -> None:
    named = {"ModelPackageGroupName": group}
    code, message = fault(sagemaker.get_model_package_group_policy, **named)
    assert (code, message.startswith("Cannot find resource policy")) == ("ValidationException", True)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    answer = sagemaker.put_model_package_group_policy(**named, ResourcePolicy=policy)
    assert answer["ModelPackageGroupArn"] == f"{ARN}:model-package-group/{group}"
    assert sagemaker.get_model_package_group_policy(**named)["ResourcePolicy"] == policy
    assert "ResourcePolicy" not in sagemaker.describe_model_package_group(**named)
    sagemaker.delete_model_package_group_policy(**named)
    assert fault(sagemaker.delete_model_package_group_policy, **named)[0] == "ValidationException"
    assert fault(sagemaker.put_model_package_group_policy, **named, ResourcePolicy="{")[0] == "ValidationException"
    code, message = fault(sagemaker.get_model_package_group_policy, ModelPackageGroupName="nobodys")
    assert (code, message.startswith("Cannot find Model Package Group")) == ("ValidationException", True)


def test_versions_count_up_and_none_comes_again(sagemaker: Any, group: str) -> None:
    arns = [register(sagemaker, group) for _ in range(3)]
    assert arns == [f"{ARN}:model-package/{group}/{number}" for number in (1, 2, 3)]
    sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert register(sagemaker, group) == f"{ARN}:model-package/{group}/4"
    assert fault(sagemaker.describe_model_package, ModelPackageName=arns[2]) == (
        "ValidationException",
        f"ModelPackage {arns[2]} does not exist.",
    )


def test_all_that_a_version_is_told_of(sagemaker: Any, group: str) -> None:
    source = {"ContentType": "application/json", "S3Uri": "s3://registry/stats.json"}
    given = {
        "ModelPackageDescription": "first",
        "ModelMetrics": {"ModelQuality": {"Statistics": source}, "Bias": {}, "Explainability": {}},
        "DriftCheckBaselines": {"ModelQuality": {"Constraints": source}},
        "CustomerMetadataProperties": {"owner": "ml"},
        "MetadataProperties": {"CommitId": "abc", "GeneratedBy": f"{ARN}:pipeline/p/execution/e"},
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SkipModelValidation": "None",
        "ModelLifeCycle": {"Stage": "Development", "StageStatus": "Registered"},
        "ModelCard": {"ModelCardContent": '{"a": 1}'},
    }
    arn = register(sagemaker, group, **given)
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (described["ModelPackageGroupName"], described["ModelPackageVersion"], described["ModelPackageArn"]) == (
        group,
        1,
        arn,
    )
    assert (described["ModelPackageStatus"], described["ModelApprovalStatus"]) == ("Completed", "PendingManualApproval")
    assert described["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert described["InferenceSpecification"] == specification()
    assert described["CreatedBy"]["IamIdentity"]["Arn"] == ADMIN
    assert "ModelPackageName" not in described
    assert {name: described[name] for name in given if name != "ModelCard"} == {
        n: v for n, v in given.items() if n != "ModelCard"
    }
    assert described["ModelCard"] == {"ModelCardContent": '{"a": 1}', "ModelCardStatus": "Draft"}
    brief = sagemaker.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")
    assert brief["ModelCard"] == {"ModelCardStatus": "Draft"}


def test_approval_is_told_with_who_gave_it(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    assert "LastModifiedTime" not in sagemaker.describe_model_package(ModelPackageName=arn)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good enough"
    )
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "good enough")
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"] == ADMIN
    assert described["LastModifiedTime"] >= described["CreationTime"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Rejected"
    assert "ApprovalDescription" not in described
    code, message = fault(sagemaker.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="approved")
    assert (code, "modelApprovalStatus" in message) == ("ValidationException", True)


def test_updates(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={"a": "1", "b": "2"})

    def update(**request: Any) -> dict[str, Any]:
        sagemaker.update_model_package(ModelPackageArn=arn, **request)
        described: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
        return described

    described = update(CustomerMetadataProperties={"b": "3", "c": "4"}, CustomerMetadataPropertiesToRemove=["a"])
    assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert "CustomerMetadataProperties" not in update(CustomerMetadataPropertiesToRemove=["b", "c", "none"])
    more = {"Name": "gpu", "Containers": [{"Image": IMAGE, "ModelDataUrl": DATA}]}
    assert update(AdditionalInferenceSpecificationsToAdd=[more])["AdditionalInferenceSpecifications"] == [more]
    assert (
        fault(sagemaker.update_model_package, ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[more])[0]
        == "ValidationException"
    )
    stage = {"Stage": "Production", "StageStatus": "Approved", "StageDescription": "now"}
    assert update(ModelLifeCycle=stage)["ModelLifeCycle"] == stage
    assert update(SourceUri="s3://elsewhere/run")["SourceUri"] == "s3://elsewhere/run"
    assert (
        update(ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Approved"})["ModelCard"]["ModelCardStatus"]
        == "Approved"
    )
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    many = {str(number): "x" for number in range(50)}
    update(CustomerMetadataProperties=many)
    assert (
        fault(sagemaker.update_model_package, ModelPackageArn=arn, CustomerMetadataProperties={"one more": "x"})[0]
        == "ResourceLimitExceeded"
    )


def test_a_request_that_is_sent_again_is_done_once(sagemaker: Any, group: str) -> None:
    token = uuid.uuid4().hex
    first = register(sagemaker, group, ClientToken=token)
    assert register(sagemaker, group, ClientToken=token) == first
    assert register(sagemaker, group) == f"{ARN}:model-package/{group}/2"
    changed = {"ModelPackageGroupName": group, "InferenceSpecification": specification(), "Domain": "other"}
    assert fault(sagemaker.create_model_package, ClientToken=token, **changed)[0] == "ConflictException"
    again = {"ModelPackageArn": first, "ModelApprovalStatus": "Approved", "ClientToken": uuid.uuid4().hex}
    sagemaker.update_model_package(**again)
    sagemaker.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Rejected")
    sagemaker.update_model_package(**again)  # a retry that comes late approves nothing
    assert sagemaker.describe_model_package(ModelPackageName=first)["ModelApprovalStatus"] == "Rejected"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"ModelPackageGroupName": None}, "Missing ARN"),
    "both names": ({"ModelPackageName": "x"}, "ModelPackageName and ModelPackageGroupName"),
    "nothing to run": ({"InferenceSpecification": None}, "InferenceSpecification"),
    "no image": ({"InferenceSpecification": {"Containers": [{"ModelDataUrl": DATA}]}}, "Image"),
    "no data": ({"InferenceSpecification": specification(ModelDataUrl="s3://registry/none")}, "Could not find model data"),
    "no bucket": ({"InferenceSpecification": specification(ModelDataUrl="s3://nobodys/x")}, "Could not find model data"),
    "tags on a version": ({"Tags": [{"Key": "a", "Value": "b"}]}, "tags of its group"),
    "a bad enum": ({"ModelApprovalStatus": "Yes"}, "modelApprovalStatus"),
    "a bad property": ({"CustomerMetadataProperties": {"a": "{}"}}, "customerMetadataProperties"),
    "a card that is not JSON": ({"ModelCard": {"ModelCardContent": "x"}}, "JSON"),
    "a source that is not there": (
        {"SourceUri": f"{ARN}:model-package/none/1", "InferenceSpecification": None}, "does not exist",
    ),
    "a source and what it fills": ({"SourceUri": f"{ARN}:model/none"}, "Could not find model"),
    "an algorithm": (
        {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "mine"}]}, "InferenceSpecification": None},
        "mine",
    ),
    "an algorithm and a specification": (
        {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "mine"}]}}, "exclude each other",
    ),
    "two specifications of a name": (
        {"AdditionalInferenceSpecifications": [{"Name": "a", "Containers": [{"Image": IMAGE}]}] * 2}, "different names",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_no_version_can_be_made_of(sagemaker: Any, group: str, what: str) -> None:
    changes, text = BAD[what]
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification()} | changes
    code, message = fault(sagemaker.create_model_package, **{k: v for k, v in request.items() if v is not None})
    assert (code, text in message) == ("ValidationException", True), message
    assert sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"] == []
    assert register(sagemaker, group).endswith("/1")


def test_unversioned_packages(sagemaker: Any, group: str) -> None:
    name = f"u-{uuid.uuid4().hex[:8]}"
    request = {"ModelPackageName": name, "InferenceSpecification": specification()}
    arn = sagemaker.create_model_package(**request, Tags=[{"Key": "a", "Value": "b"}])["ModelPackageArn"]
    assert arn == f"{ARN}:model-package/{name}"
    for given in (name, arn):
        described = sagemaker.describe_model_package(ModelPackageName=given)
        assert (
            described["ModelPackageName"],
            "ModelApprovalStatus" in described,
            "ModelPackageVersion" in described,
        ) == (
            name,
            False,
            False,
        )
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert "already exists" in fault(sagemaker.create_model_package, **request)[1]
    for call, given in (
        (sagemaker.create_model_package, request | {"ModelPackageName": "other", "ModelApprovalStatus": "Approved"}),
        (sagemaker.update_model_package, {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}),
    ):
        assert fault(call, **given)[0] == "ValidationException"
    register(sagemaker, group)

    def listed(**asked: Any) -> set[str]:
        pages = sagemaker.get_paginator("list_model_packages").paginate(**asked)
        return {one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]}

    version = f"{ARN}:model-package/{group}/1"
    assert (arn in listed(), version in listed()) == (True, False)
    assert (arn in listed(ModelPackageType="Versioned"), version in listed(ModelPackageType="Versioned")) == (
        False,
        True,
    )
    assert {arn, version} <= listed(ModelPackageType="Both")
    sagemaker.create_model(ModelName=name, PrimaryContainer={"ModelPackageName": name}, ExecutionRoleArn=ROLE)
    sagemaker.delete_model_package(ModelPackageName=name)
    assert fault(sagemaker.describe_model_package, ModelPackageName=name)[0] == "ValidationException"


@pytest.mark.parametrize("sort_by", ["Name", "CreationTime"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_lists_tell_every_version_once(sagemaker: Any, group: str, sort_by: str, order: str) -> None:
    for number in range(5):
        register(sagemaker, group, ModelApprovalStatus="Approved" if number % 2 else "Rejected")

    def listed(**asked: Any) -> list[int]:
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, MaxResults=2, SortBy=sort_by, SortOrder=order, **asked
        )
        found = [one["ModelPackageVersion"] for page in pages for one in page["ModelPackageSummaryList"]]
        return found if order == "Ascending" else found[::-1]

    assert listed() == [1, 2, 3, 4, 5]
    assert listed(ModelApprovalStatus="Approved") == [2, 4]
    assert (
        fault(sagemaker.list_model_packages, ModelPackageGroupName=group, NextToken="rubbish")[0]
        == "ValidationException"
    )


def test_lists_of_groups(sagemaker: Any, group: str) -> None:
    pages = sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=group.upper())
    (found,) = [one for page in pages for one in page["ModelPackageGroupSummaryList"]]
    assert (found["ModelPackageGroupName"], found["ModelPackageGroupDescription"]) == (group, "churn")
    assert found["ModelPackageGroupStatus"] == "Completed"


def test_batch_describe(sagemaker: Any, group: str) -> None:
    arn, gone = register(sagemaker, group), f"{ARN}:model-package/{group}/9"
    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, gone])
    assert answer["ModelPackageSummaries"][arn]["InferenceSpecification"] == specification()
    assert answer["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    error = answer["BatchDescribeModelPackageErrorMap"][gone]
    assert (error["ErrorCode"], error["ErrorResponse"]) == (
        "ValidationException",
        f"ModelPackage {gone} does not exist.",
    )


def test_search_and_tags(sagemaker: Any, group: str) -> None:
    arns = [register(sagemaker, group, CustomerMetadataProperties={"run": f"{group}-{n}"}) for n in range(3)]
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    sagemaker.add_tags(ResourceArn=f"{ARN}:model-package-group/{group}", Tags=[{"Key": "team", "Value": group}])
    sagemaker.add_tags(ResourceArn=arns[2], Tags=[{"Key": "stage", "Value": "x"}])

    def found(resource: str, *filters: tuple[str, str, str]) -> list[Any]:
        wanted = [{"Name": name, "Operator": operator, "Value": value} for name, operator, value in filters]
        answer = sagemaker.search(Resource=resource, SearchExpression={"Filters": wanted})
        return [one[resource] for one in answer["Results"]]

    mine = ("ModelPackageGroupName", "Equals", group)
    deadline = time.monotonic() + 10
    while len(found("ModelPackage", ("Tags.stage", "Equals", "x"))) < 1:
        assert time.monotonic() < deadline  # the index follows within a second, on a machine that has time
    assert {one["ModelPackageArn"] for one in found("ModelPackage", mine)} == set(arns)
    (approved,) = found("ModelPackage", mine, ("ModelApprovalStatus", "Equals", "Approved"))
    assert approved["ModelPackageArn"] == arns[1]
    (run,) = found("ModelPackage", ("CustomerMetadataProperties.run", "Equals", f"{group}-0"))
    assert run["ModelPackageArn"] == arns[0]
    assert [one["ModelPackageVersion"] for one in found("ModelPackage", mine, ("Tags.stage", "Equals", "x"))] == [3]
    assert [one["ModelPackageGroupName"] for one in found("ModelPackageGroup", ("Tags.team", "Equals", group))] == [
        group
    ]
    assert len(found("ModelPackage", ("ModelPackageGroupName", "Contains", group.upper()))) == 3


def test_a_model_of_a_version_that_is_approved(sagemaker: Any, group: str) -> None:
    arn, name = register(sagemaker, group), f"m-{group}"
    container = {"ModelPackageName": arn, "Environment": {"B": "model"}}
    request = {"ModelName": name, "Containers": [container], "ExecutionRoleArn": ROLE}
    for status in (None, "Rejected"):
        if status:
            sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
        code, message = fault(sagemaker.create_model, **request)
        assert (code, "must be set to Approved to deploy" in message) == ("ValidationException", True)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(**request)
    (described,) = sagemaker.describe_model(ModelName=name)["Containers"]
    assert (described["ModelPackageName"], described["Environment"]) == (arn, {"B": "model"})
    gone = f"{ARN}:model-package/{group}/7"
    for wrong in ({"ModelPackageName": gone}, {"ModelPackageName": arn, "Image": IMAGE}, {
        "ModelPackageName": arn, "InferenceSpecificationName": "gpu",
    }):  # fmt: skip
        changed = request | {"ModelName": "bad", "Containers": [wrong]}
        assert fault(sagemaker.create_model, **changed)[0] == "ValidationException"


def test_sources_fill_a_version(sagemaker: Any, group: str) -> None:
    first = register(sagemaker, group, CustomerMetadataProperties={"a": "1"}, ModelApprovalStatus="Approved")
    cloned = sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=first)["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=cloned)
    assert (described["InferenceSpecification"], described["CustomerMetadataProperties"]) == (
        specification(),
        {"a": "1"},
    )
    assert (described["ModelApprovalStatus"], described["SourceUri"]) == ("PendingManualApproval", first)
    name = f"s-{group}"
    container = {"Image": IMAGE, "ModelDataUrl": DATA, "Environment": {"X": "y"}}
    model = sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)["ModelArn"]
    registered = sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=model)["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=registered)
    assert described["InferenceSpecification"]["Containers"] == [container]


SDK_V2 = """
import sys
import sagemaker
from sagemaker import ModelPackage
from sagemaker.model import Model
session, group = sagemaker.Session(), sys.argv[1]
role = sagemaker.get_execution_role()
model = Model(image_uri=sys.argv[2], model_data="s3://registry/m/model.tar.gz", role=role, sagemaker_session=session)
package = model.register(content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"], model_package_group_name=group, approval_status="PendingManualApproval",
    customer_metadata_properties={"by": "v2"}, description="by SDK v2")
print("ARN", package.model_package_arn)
package.update_approval_status(approval_status="Approved", approval_description="looks fine")
package.update_customer_metadata({"more": "1"})
package.remove_customer_metadata_properties(["by"])
again = ModelPackage(role=role, model_package_arn=package.model_package_arn, sagemaker_session=session, name="v2-" + group)
again._create_sagemaker_model()
print("MODEL", session.describe_model(again.name)["Containers"][0]["ModelPackageName"])
print("NEWEST", session.get_most_recently_created_approved_model_package(group).model_package_arn)
session.sagemaker_client.get_waiter if False else None
model.register(content_types=["text/csv"], response_types=["text/csv"], model_package_group_name=group,
    source_uri=package.model_package_arn)
"""


def run(server: RunningServer, *command: str, cwd: Path) -> str:
    argv = [str(Path(sys.executable).parent / "sagewright"), "exec", "--data", str(server.data), "--", *command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sdk_v2(server: RunningServer, sagemaker: Any, tmp_path: Path) -> None:
    group, program = f"v2-{uuid.uuid4().hex[:8]}", tmp_path / "program.py"
    program.write_text(SDK_V2.replace("session.sagemaker_client.get_waiter if False else None\n", ""))
    out = run(
        server, str(CLIENTS / "sdk-v2" / "bin" / "python"), "-W", "ignore", "program.py", group, IMAGE, cwd=tmp_path
    )
    arn = f"{ARN}:model-package/{group}/1"
    assert f"ARN {arn}" in out
    assert f"MODEL {arn}" in out
    assert f"NEWEST {arn}" in out
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "looks fine")
    assert described["CustomerMetadataProperties"] == {"more": "1"}
    second = sagemaker.describe_model_package(ModelPackageName=f"{ARN}:model-package/{group}/2")
    assert second["InferenceSpecification"] == described["InferenceSpecification"]


SDK_V3 = """
import sys
from sagemaker.serve import ModelBuilder
builder = ModelBuilder(image_uri=sys.argv[3], s3_model_data_url="s3://registry/m/model.tar.gz", role_arn=sys.argv[4])
made = builder.register(model_package_group_name=sys.argv[1] + "-built", content_types=["text/csv"],
    response_types=["text/csv"], inference_instances=["ml.m5.large"], approval_status="Approved")
print("MADE", made)
from sagemaker.core.resources import ModelPackage, ModelPackageGroup
group = ModelPackageGroup.get(model_package_group_name=sys.argv[1])
print("GROUP", group.model_package_group_status)
package = ModelPackage.get(model_package_name=sys.argv[2])
package.wait_for_status("Completed")
package.update(model_approval_status="Approved", approval_description="v3")
print("STATUS", package.model_approval_status)
print("LISTED", [one.model_package_arn for one in ModelPackage.get_all(model_package_group_name=sys.argv[1])])
"""


def test_sdk_v3(server: RunningServer, sagemaker: Any, group: str, tmp_path: Path) -> None:
    """Its own `ModelPackage.create` reads a member that CreateModelPackage doesn't answer, with AWS too."""
    arn, program = register(sagemaker, group), tmp_path / "program.py"
    program.write_text(SDK_V3)
    out = run(
        server,
        str(CLIENTS / "sdk-v3" / "bin" / "python"),
        "-W",
        "ignore",
        "program.py",
        group,
        arn,
        IMAGE,
        ROLE,
        cwd=tmp_path,
    )
    assert f"MADE {ARN}:model-package/{group}-built/1" in out
    assert "GROUP Completed" in out
    assert "STATUS Approved" in out
    assert arn in out[out.index("LISTED") :]


def test_cli(server: RunningServer, sagemaker: Any, group: str, tmp_path: Path) -> None:
    aws, arn = [str(CLIENTS / "aws-cli" / "bin" / name) for name in ("python", "aws")], register(sagemaker, group)
    run(server, *aws, "sagemaker", "update-model-package", "--model-package-arn", arn,
        "--model-approval-status", "Approved", cwd=tmp_path)  # fmt: skip
    out = run(server, *aws, "sagemaker", "list-model-packages", "--model-package-group-name", group,
              "--model-approval-status", "Approved", "--output", "text", cwd=tmp_path)  # fmt: skip
    assert arn in out
