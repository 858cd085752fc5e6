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


def a_role(target: Target, **said: Any) -> str:
    name = fresh()
    target.boto("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **said)
    return name


@check
def a_role_tells_whom_it_trusts(target: Target) -> None:
    """API GetRole: AssumeRolePolicyDocument, URL-encoded"""
    told = target.boto("iam").get_role(RoleName=a_role(target, Description="d"))["Role"]
    assert (told["AssumeRolePolicyDocument"], told["Description"]) == (TRUST, "d")
    assert told["Arn"] == f"arn:aws:iam::{target.account}:role/{told['RoleName']}"
    assert told["RoleId"].startswith("AROA")


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
    (told,) = target.boto("iam").simulate_principal_policy(**wanted)["EvaluationResults"]
    assert (told["EvalActionName"], told["EvalDecision"]) == ("s3:PutObject", "allowed")
