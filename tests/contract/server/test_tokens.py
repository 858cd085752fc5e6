"""Paging tokens of another list, another caller or nobody's: each service says so with its own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
LISTS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "list_training_jobs": ("sagemaker", {}, "NextToken", "ValidationException"),
    "list_models": ("sagemaker", {}, "NextToken", "ValidationException"),
    "list_processing_jobs": ("sagemaker", {}, "NextToken", "ValidationException"),
    "search": ("sagemaker", {"Resource": "TrainingJob"}, "NextToken", "ValidationException"),
    "list_metrics": ("cloudwatch", {}, "NextToken", "InvalidParameterValue"),
    "describe_log_groups": ("logs", {}, "nextToken", "InvalidParameterException"),
    "describe_log_streams": ("logs", {"logGroupName": "tokens"}, "nextToken", "InvalidParameterException"),
    "get_log_events": (
        "logs",
        {"logGroupName": "tokens", "logStreamName": "s"},
        "nextToken",
        "InvalidParameterException",
    ),
    "filter_log_events": ("logs", {"logGroupName": "tokens"}, "nextToken", "InvalidParameterException"),
    "describe_repositories": ("ecr", {}, "nextToken", "InvalidParameterException"),
    "list_roles": ("iam", {}, "Marker", "ValidationError"),
    "list_buckets": ("s3", {}, "ContinuationToken", "InvalidArgument"),
    "list_objects_v2": ("s3", {"Bucket": "tokens-one"}, "ContinuationToken", "InvalidArgument"),
}


@pytest.fixture(scope="module")
def furnished(server: Any) -> Any:
    s3, logs = server.boto("s3"), server.boto("logs")
    for bucket in ("tokens-one", "tokens-two"):
        s3.create_bucket(Bucket=bucket)
        for key in "abc":
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
    logs.create_log_group(logGroupName="tokens")
    logs.create_log_stream(logGroupName="tokens", logStreamName="s")
    return server


def code(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("name", LISTS)
def test_tokens_that_are_none(furnished: Any, name: str) -> None:
    service, request, member, wanted = LISTS[name]
    call = getattr(furnished.boto(service), name)
    foreign = furnished.boto("s3").list_objects_v2(Bucket="tokens-two", MaxKeys=1)["NextContinuationToken"]
    for token in ("x", "WzFd", "W251bGxd", "f/1", foreign, foreign[:-2]):
        assert code(call, **request, **{member: token}) == wanted


def test_a_token_is_good_for_its_list_and_its_caller(furnished: Any) -> None:
    s3 = furnished.boto("s3")
    first = s3.list_objects_v2(Bucket="tokens-one", MaxKeys=1)
    second = s3.list_objects_v2(Bucket="tokens-one", MaxKeys=1, ContinuationToken=first["NextContinuationToken"])
    assert [page["Contents"][0]["Key"] for page in (first, second)] == ["a", "b"]
    assert second["ContinuationToken"] == first["NextContinuationToken"]
    keys = furnished.boto("sts").assume_role(RoleArn=ROLE, RoleSessionName="another")["Credentials"]
    other = furnished.boto(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    request = {"Bucket": "tokens-one", "ContinuationToken": first["NextContinuationToken"]}
    assert code(other.list_objects_v2, **request) == "InvalidArgument"


def test_what_goes_between_pages_shifts_nothing(furnished: Any) -> None:
    """A page begins behind the last entry of the one before, not after so many."""
    sagemaker, iam, ecr = furnished.boto("sagemaker"), furnished.boto("iam"), furnished.boto("ecr")
    names = [f"shift-{number}" for number in range(5)]
    for name in names:
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "own:latest"})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Statement": []}', Path="/shift/")
        ecr.create_repository(repositoryName=name)
    asked = {"SortBy": "Name", "SortOrder": "Ascending", "NameContains": "shift-", "MaxResults": 2}
    models = sagemaker.list_models(**asked)
    roles = iam.list_roles(PathPrefix="/shift/", MaxItems=2)
    found = sagemaker.search(
        Resource="Model", SortBy="ModelName", SortOrder="Descending", MaxResults=2, SearchExpression=SHIFT
    )
    repositories = ecr.describe_repositories(maxResults=2)
    for name in names[:1]:
        sagemaker.delete_model(ModelName=name)
        iam.delete_role(RoleName=name)
        ecr.delete_repository(repositoryName=name)
    rest = sagemaker.list_models(**(asked | {"NextToken": models["NextToken"]}))
    assert [one["ModelName"] for one in rest["Models"]] == names[2:4]
    rest = iam.list_roles(PathPrefix="/shift/", MaxItems=2, Marker=roles["Marker"])
    assert [one["RoleName"] for one in rest["Roles"]] == names[2:4]
    sagemaker.delete_model(ModelName=names[4])
    rest = sagemaker.search(
        Resource="Model", SortBy="ModelName", SortOrder="Descending", MaxResults=2, SearchExpression=SHIFT,
        NextToken=found["NextToken"],
    )  # fmt: skip
    assert [one["Model"]["Model"]["ModelName"] for one in rest["Results"]] == [names[2], names[1]]
    rest = ecr.describe_repositories(maxResults=1, nextToken=repositories["nextToken"])
    assert rest["repositories"][0]["repositoryName"] == names[2]


SHIFT = {"Filters": [{"Name": "ModelName", "Operator": "Contains", "Value": "shift-"}]}


def test_paginators_go_on_to_the_end(furnished: Any) -> None:
    pages = (
        furnished.boto("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket="tokens-one", PaginationConfig={"PageSize": 1})
    )
    assert [one["Key"] for page in pages for one in page.get("Contents", [])] == ["a", "b", "c"]
    roles = furnished.boto("iam")
    for number in range(3):
        roles.create_role(RoleName=f"tokens-{number}", AssumeRolePolicyDocument='{"Statement": []}')
    found = roles.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
    names = [role["RoleName"] for page in found for role in page["Roles"]]
    assert {f"tokens-{number}" for number in range(3)} <= set(names)
    assert len(names) == len(set(names))
