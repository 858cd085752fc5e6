"""IAM: the roles that jobs run as."""

from __future__ import annotations

import json
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

GONE = ("NoSuchEntity", 404)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

ALLOWED = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


def a_role(target: Target, **said: Any) -> str:
    name = fresh()
    target.boto("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **said)
    return name


@check
def a_role_tells_whom_it_trusts(target: Target) -> None:
    """API GetRole: AssumeRolePolicyDocument, URL-encoded"""
    described = target.boto("iam").get_role(RoleName=a_role(target, Description="d"))["Role"]
    assert (described["AssumeRolePolicyDocument"], described["Description"]) == (TRUST, "d")
    assert described["Arn"] == f"arn:aws:iam::{target.account}:role/{described['RoleName']}"
    assert described["RoleId"].startswith("AROA")


@check
def what_is_no_arn_of_a_policy_is_not_attached(target: Target) -> None:
    """Recorded on AWS: localstack test_iam::TestIAMIntegrations::test_role_attach_policy"""
    attach, role = target.boto("iam").attach_role_policy, a_role(target)
    found = refusal(attach, RoleName=role, PolicyArn="longpolicynamebutnoarn")
    assert (found.code, found.message) == ("ValidationError", "Invalid ARN:  Could not be parsed!")
    gone = f"arn:aws:iam::{target.account}:policy/{fresh()}"
    found = refusal(attach, RoleName=role, PolicyArn=gone)
    assert (found.code, found.status) == GONE
    assert found.message == f"Policy {gone} does not exist or is not attachable."


@check
def a_role_twice_already_exists(target: Target) -> None:
    """API CreateRole: EntityAlreadyExists"""
    wanted = {"RoleName": a_role(target), "AssumeRolePolicyDocument": json.dumps(TRUST)}
    assert refused(target.boto("iam").create_role, **wanted) == ("EntityAlreadyExists", 409)


@check
def a_role_that_is_not_there_is_no_entity(target: Target) -> None:
    """API DeleteRole: NoSuchEntity"""
    name = fresh()
    found = refusal(target.boto("iam").delete_role, RoleName=name)
    assert (found.code, found.status) == GONE
    assert found.message == f"The role with name {name} cannot be found."


@check
def a_document_that_is_none_is_malformed(target: Target) -> None:
    """API CreateRole: MalformedPolicyDocument"""
    found = refused(target.boto("iam").create_role, RoleName=fresh(), AssumeRolePolicyDocument="{")
    assert found == ("MalformedPolicyDocument", 400)


@check
def policies_are_attached_and_taken_off(target: Target) -> None:
    """API AttachRolePolicy, API ListAttachedRolePolicies, API DetachRolePolicy"""
    iam, role = target.boto("iam"), a_role(target)
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]] == [arn]
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


@check
def inline_policies_are_kept(target: Target) -> None:
    """API PutRolePolicy, API GetRolePolicy: PolicyDocument"""
    iam, role = target.boto("iam"), a_role(target)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(document))
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName=role, PolicyName="p")["PolicyDocument"] == document
    assert refused(iam.get_role_policy, RoleName=role, PolicyName="q") == GONE


@check
def a_role_with_policies_is_not_deleted(target: Target) -> None:
    """API DeleteRole: DeleteConflict"""
    iam, role = target.boto("iam"), a_role(target)
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    assert refused(iam.delete_role, RoleName=role) == ("DeleteConflict", 409)


@check
def rights_are_simulated(target: Target) -> None:
    """SDK v3: asks before it trains; API SimulatePrincipalPolicy: EvaluationResults"""
    wanted = {"PolicySourceArn": target.role, "ActionNames": ["s3:PutObject"], "ResourceArns": ["arn:aws:s3:::b/k"]}
    (described,) = target.boto("iam").simulate_principal_policy(**wanted)["EvaluationResults"]
    assert (described["EvalActionName"], described["EvalDecision"]) == ("s3:PutObject", "allowed")


@check
def a_policy_tells_less_where_it_is_made(target: Target) -> None:
    """moto test_policy_resource_returns_subset_of_available_attributes, verified against AWS"""
    iam, path = target.boto("iam"), f"/{fresh()}/"
    asked = {"Path": path, "PolicyName": fresh(), "PolicyDocument": ALLOWED, "Description": "d"}
    made = iam.create_policy(**asked)["Policy"]
    assert not {"Description", "Tags"} & made.keys()
    found = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert (found["Description"], found["Tags"]) == ("d", [])
    (listed,) = iam.list_policies(PathPrefix=path)["Policies"]
    assert not {"Description", "Tags"} & listed.keys()


@check
def a_policy_has_versions(target: Target) -> None:
    """API CreatePolicyVersion, API GetPolicyVersion, API DeletePolicyVersion: DeleteConflict; LimitExceeded beyond five"""
    iam = target.boto("iam")
    arn = iam.create_policy(PolicyName=fresh(), PolicyDocument=ALLOWED)["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOWED)
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=ALLOWED) == ("LimitExceeded", 409)
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v1") == ("DeleteConflict", 409)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"


@check
def a_role_tells_its_boundary(target: Target) -> None:
    """moto test_role_resource_returns_subset_of_available_attributes, verified against AWS"""
    iam, path = target.boto("iam"), f"/{fresh()}/"
    policy = iam.create_policy(PolicyName=fresh(), PolicyDocument=ALLOWED)["Policy"]["Arn"]
    role = {"Path": path, "RoleName": fresh(), "AssumeRolePolicyDocument": json.dumps(TRUST)}
    role["PermissionsBoundary"] = policy
    assert iam.create_role(**role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    (listed,) = iam.list_roles(PathPrefix=path)["Roles"]
    assert "PermissionsBoundary" not in listed
