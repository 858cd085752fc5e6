"""Users, groups and keys, by boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.teams import ACCOUNT, Team, allow, deny, document, refusal

if TYPE_CHECKING:
    from conftest import RunningServer


def test_a_user_is_created_described_and_deleted(team: Team) -> None:
    iam = team.iam
    made = iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "group", "Value": "research"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/ann"
    assert made["UserId"].startswith("AIDA")
    assert iam.get_user(UserName="ann")["User"]["Tags"] == [{"Key": "group", "Value": "research"}]
    assert refusal(iam.create_user, UserName="ANN")[0] == "EntityAlreadyExists"
    assert refusal(iam.create_user, UserName="admin")[0] == "EntityAlreadyExists"
    listed = [one["UserName"] for one in iam.list_users()["Users"]]
    assert all(one["CreateDate"].year > 2020 for one in iam.list_users()["Users"])
    assert {"admin", "ann"} <= set(listed)
    assert [one["UserName"] for one in iam.list_users(PathPrefix="/team/")["Users"]] == ["ann"]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(allow("s3:*")))
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="ann")
    for step in (
        lambda: iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"]),
        lambda: iam.delete_user_policy(UserName="ann", PolicyName="p"),
        lambda: iam.remove_user_from_group(GroupName="readers", UserName="ann"),
    ):
        assert refusal(iam.delete_user, UserName="ann")[0] == "DeleteConflict"
        step()
    iam.delete_user(UserName="ann")
    assert refusal(iam.get_user, UserName="ann")[0] == "NoSuchEntity"
    iam.delete_group(GroupName="readers")


def test_keys_are_made_turned_off_and_deleted(team: Team) -> None:
    person = team.person(allow("iam:*"))
    who = person.boto("sts")
    assert who.get_caller_identity()["Arn"] == person.arn
    own = person.boto("iam")
    second = own.create_access_key()["AccessKey"]
    assert second["UserName"] == person.name
    assert refusal(own.create_access_key)[0] == "LimitExceeded"
    assert [one["Status"] for one in own.list_access_keys()["AccessKeyMetadata"]] == ["Active", "Active"]
    team.iam.update_access_key(UserName=person.name, AccessKeyId=person.key[0], Status="Inactive")
    assert refusal(who.get_caller_identity)[0] == "InvalidClientTokenId"
    team.iam.update_access_key(UserName=person.name, AccessKeyId=person.key[0], Status="Active")
    who.get_caller_identity()
    team.iam.delete_access_key(UserName=person.name, AccessKeyId=person.key[0])
    assert refusal(who.get_caller_identity)[0] == "InvalidClientTokenId"
    assert [one["AccessKeyId"] for one in team.iam.list_access_keys(UserName=person.name)["AccessKeyMetadata"]] == [
        second["AccessKeyId"]
    ]


def test_a_users_sessions_end_with_it(team: Team) -> None:
    person = team.person()
    session = person.boto("sts").get_session_token()["Credentials"]
    inner = team.server.boto(
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert inner.get_caller_identity()["Arn"] == person.arn
    team.iam.delete_access_key(UserName=person.name, AccessKeyId=person.key[0])
    team.iam.delete_user(UserName=person.name)
    assert refusal(inner.get_caller_identity)[0] == "InvalidClientTokenId"


def test_policies_come_from_the_user_its_groups_and_what_is_attached(team: Team) -> None:
    iam, person = team.iam, team.person()
    sagemaker = person.boto("sagemaker")
    assert refusal(sagemaker.list_training_jobs)[0] == "AccessDeniedException"
    policy = iam.create_policy(PolicyName="listing", PolicyDocument=document(allow("sagemaker:List*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=person.name, PolicyArn=policy)
    sagemaker.list_training_jobs()
    entities = iam.list_entities_for_policy(PolicyArn=policy)
    assert [one["UserName"] for one in entities["PolicyUsers"]] == [person.name]
    assert refusal(iam.delete_policy, PolicyArn=policy)[0] == "DeleteConflict"
    iam.detach_user_policy(UserName=person.name, PolicyArn=policy)
    assert refusal(sagemaker.list_training_jobs)[0] == "AccessDeniedException"
    iam.create_group(GroupName="data")
    iam.put_group_policy(GroupName="data", PolicyName="p", PolicyDocument=document(allow("sagemaker:*")))
    iam.add_user_to_group(GroupName="data", UserName=person.name)
    sagemaker.list_training_jobs()
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=person.name)["Groups"]] == ["data"]
    assert [one["UserName"] for one in iam.get_group(GroupName="data")["Users"]] == [person.name]
    assert iam.get_group_policy(GroupName="data", PolicyName="p")["PolicyDocument"]["Statement"][0]["Effect"] == "Allow"
    person.may(deny("sagemaker:List*"), name="no")
    code, message = refusal(sagemaker.list_training_jobs)
    assert (code, "explicit deny" in message) == ("AccessDeniedException", True)
    assert "statement" not in message.lower()
    assert iam.list_user_policies(UserName=person.name)["PolicyNames"] == ["no"]


def test_a_boundary_limits_what_policies_grant(team: Team) -> None:
    iam, person = team.iam, team.person(allow("sagemaker:*"), allow("s3:*"))
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    person.boto("sagemaker").list_models()
    iam.put_user_permissions_boundary(UserName=person.name, PermissionsBoundary=limit)
    code, message = refusal(person.boto("sagemaker").list_models)
    assert (code, "permissions boundary" in message) == ("AccessDeniedException", True)
    person.boto("s3").list_buckets()
    iam.delete_user_permissions_boundary(UserName=person.name)
    person.boto("sagemaker").list_models()


def test_the_first_user_makes_policies_count(server_with: Callable[..., RunningServer]) -> None:
    team = Team(server_with())
    role = f"arn:aws:iam::{ACCOUNT}:role/nobody-made-it"
    sts = team.server.boto("sts")
    held = sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    keys = {
        "aws_access_key_id": held["AccessKeyId"],
        "aws_secret_access_key": held["SecretAccessKey"],
        "aws_session_token": held["SessionToken"],
    }
    team.server.boto("sagemaker", **keys).list_models()
    person = team.person()
    assert refusal(person.boto("sagemaker").list_models)[0] == "AccessDeniedException"
    assert refusal(team.server.boto("sagemaker", **keys).list_models)[0] == "AccessDeniedException"
    assert refusal(sts.assume_role, RoleArn=role, RoleSessionName="one")[0] == "AccessDenied"
    team.server.boto("sagemaker").list_models()
    team.iam.delete_access_key(UserName=person.name, AccessKeyId=person.key[0])
    team.iam.delete_user(UserName=person.name)
    team.server.boto("sagemaker", **keys).list_models()


def test_open_servers_ask_no_policies(server_with: Callable[..., RunningServer]) -> None:
    person = Team(server_with(SAGEWRIGHT_ACCESS="open")).person()
    assert person.boto("sagemaker").list_models()["Models"] == []


def test_nobody_else_gets_the_owners_name(team: Team) -> None:
    person = team.person(allow("*"))
    trusted = document({"Effect": "Allow", "Principal": {"AWS": person.arn}, "Action": "sts:AssumeRole"})
    team.iam.update_assume_role_policy(RoleName="SageMakerExecutionRole", PolicyDocument=trusted)
    sts = person.boto("sts")
    role = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
    with pytest.raises(ClientError, match="owner"):
        sts.assume_role(RoleArn=role, RoleSessionName="admin")
    assert sts.assume_role(RoleArn=role, RoleSessionName="other")["AssumedRoleUser"]["Arn"].endswith("/other")
