"""Managed policies, boundaries and tags of roles, driven by boto3."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
TEXT = json.dumps(POLICY)
SERVICE = {"Service": "sagemaker.amazonaws.com"}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": SERVICE, "Action": "sts:AssumeRole"}],
    }
)


@pytest.fixture(scope="module")
def iam(server: RunningServer) -> Any:
    return server.boto("iam")


@pytest.fixture
def policy(iam: Any) -> str:
    arn: str = iam.create_policy(PolicyName=uuid.uuid4().hex, PolicyDocument=TEXT)["Policy"]["Arn"]
    return arn


@pytest.fixture
def role(iam: Any) -> str:
    name = uuid.uuid4().hex
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


def fault(call: Any, **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_policy_and_its_versions(iam: Any) -> None:
    name, pairs = uuid.uuid4().hex, [{"Key": "k", "Value": "v"}]
    made = iam.create_policy(PolicyName=name, Path="/a/b/", PolicyDocument=TEXT, Description="d", Tags=pairs)["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::000000000000:policy/a/b/{name}"
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["Tags"]) == ("v1", 0, pairs)
    assert made["PolicyId"].startswith("ANPA")
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (found["Description"], found["Tags"]) == ("d", pairs)
    (listed,) = iam.list_policies(PathPrefix="/a/b/", Scope="Local")["Policies"]
    assert not {"Description", "Tags"} & listed.keys()
    assert fault(iam.create_policy, PolicyName=name, PolicyDocument=TEXT) == ("EntityAlreadyExists", 409)
    assert fault(iam.create_policy, PolicyName="x", PolicyDocument="{") == ("MalformedPolicyDocument", 400)

    other = json.dumps({**POLICY, "Id": "two"})
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", True)
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == POLICY
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"]["Id"] == "two"
    assert fault(iam.delete_policy, PolicyArn=arn) == ("DeleteConflict", 409)
    assert fault(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == ("DeleteConflict", 409)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=other)
    assert fault(iam.create_policy_version, PolicyArn=arn, PolicyDocument=other) == ("LimitExceeded", 409)
    versions = [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]]
    assert set(versions) == {"v1", "v3", "v4", "v5", "v6"}
    for version in versions:
        if version != "v1":
            iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    assert fault(iam.get_policy, PolicyArn=arn) == ("NoSuchEntity", 404)


def test_what_a_policy_is_attached_to(iam: Any, policy: str, role: str) -> None:
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    (entity,) = iam.list_entities_for_policy(PolicyArn=policy)["PolicyRoles"]
    assert entity["RoleName"] == role
    assert fault(iam.delete_policy, PolicyArn=policy) == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    iam.delete_policy(PolicyArn=policy)
    assert fault(iam.attach_role_policy, RoleName=role, PolicyArn=policy) == ("NoSuchEntity", 404)
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")


def test_a_boundary(iam: Any, policy: str) -> None:
    name = uuid.uuid4().hex
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=policy)["Role"]
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy}
    assert made["PermissionsBoundary"] == boundary == iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]
    assert iam.get_policy(PolicyArn=policy)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert fault(iam.delete_policy, PolicyArn=policy) == ("DeleteConflict", 409)
    iam.delete_role_permissions_boundary(RoleName=name)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]
    assert fault(iam.delete_role_permissions_boundary, RoleName=name) == ("NoSuchEntity", 404)
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=policy)
    iam.delete_role(RoleName=name)
    iam.delete_policy(PolicyArn=policy)


def test_tags_and_changes_of_a_role(iam: Any, role: str, policy: str) -> None:
    iam.tag_role(RoleName=role, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName=role, TagKeys=["a"])
    assert iam.list_role_tags(RoleName=role)["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.update_role(RoleName=role, Description="d", MaxSessionDuration=7200)
    found = iam.get_role(RoleName=role)["Role"]
    assert (found["Description"], found["MaxSessionDuration"], found["Tags"]) == (
        "d",
        7200,
        [{"Key": "b", "Value": "2"}],
    )
    iam.tag_policy(PolicyArn=policy, Tags=[{"Key": "c", "Value": "3"}])
    assert iam.list_policy_tags(PolicyArn=policy)["Tags"] == [{"Key": "c", "Value": "3"}]
    iam.untag_policy(PolicyArn=policy, TagKeys=["c"])
    assert iam.get_policy(PolicyArn=policy)["Policy"]["Tags"] == []
