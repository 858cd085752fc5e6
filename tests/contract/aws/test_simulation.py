"""SimulatePrincipalPolicy and SimulateCustomPolicy answer by the policies, in AWS's order of evaluation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def decisions(answer: dict[str, Any]) -> list[str]:
    return [one["EvalDecision"] for one in answer["EvaluationResults"]]


def test_a_role_may_do_what_its_policies_grant(server: Any) -> None:
    iam = server.boto("iam")
    role = iam.create_role(RoleName="narrow", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    asked = {
        "PolicySourceArn": role,
        "ActionNames": ["s3:GetObject", "s3:PutObject", "sagemaker:CreateTrainingJob"],
        "ResourceArns": ["arn:aws:s3:::churn/train/a.csv"],
    }
    assert decisions(iam.simulate_principal_policy(**asked)) == ["implicitDeny"] * 3
    iam.put_role_policy(
        RoleName="narrow",
        PolicyName="reads",
        PolicyDocument=document(statement("Allow", "s3:Get*", "arn:aws:s3:::churn/*")),
    )
    assert decisions(iam.simulate_principal_policy(**asked)) == ["allowed", "implicitDeny", "implicitDeny"]
    made = iam.create_policy(PolicyName="no-reading", PolicyDocument=document(statement("Deny", "s3:*")))["Policy"][
        "Arn"
    ]
    iam.attach_role_policy(RoleName="narrow", PolicyArn=made)
    iam.attach_role_policy(RoleName="narrow", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    answer = iam.simulate_principal_policy(**asked)
    assert decisions(answer) == ["explicitDeny", "explicitDeny", "allowed"]
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "no-reading"


def test_a_role_that_nobody_made_may_do_everything(server: Any) -> None:
    answer = server.boto("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole", ActionNames=["s3:PutObject"]
    )
    assert decisions(answer) == ["allowed"]


def test_boundaries_conditions_and_pages_of_a_custom_policy(server: Any) -> None:
    iam = server.boto("iam")
    types = {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": "ml.t3.*"}}
    asked: dict[str, Any] = {
        "PolicyInputList": [document(statement("Allow", "sagemaker:*", Condition=types))],
        "ActionNames": ["sagemaker:CreateTrainingJob"],
        "ContextEntries": [
            {
                "ContextKeyName": "sagemaker:InstanceTypes",
                "ContextKeyValues": ["ml.t3.large"],
                "ContextKeyType": "stringList",
            }
        ],
    }
    assert decisions(iam.simulate_custom_policy(**asked)) == ["allowed"]
    narrow = [document(statement("Allow", "s3:*"))]
    answer = iam.simulate_custom_policy(**asked, PermissionsBoundaryPolicyInputList=narrow)["EvaluationResults"][0]
    assert answer["EvalDecision"] == "implicitDeny"
    assert answer["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    asked["ContextEntries"][0]["ContextKeyValues"] = ["ml.t3.large", "ml.p4d.24xlarge"]
    assert decisions(iam.simulate_custom_policy(**asked)) == ["implicitDeny"]
    many = [f"s3:Get{number}" for number in range(25)]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=narrow, ActionNames=many, PaginationConfig={"PageSize": 10}
    )
    assert [one["EvalActionName"] for page in pages for one in page["EvaluationResults"]] == many


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "invalid Json"),
        (document({"Effect": "Allow", "Action": "s3:*"}), "must contain resources"),
        (document(statement("Allow", "GetObject")), "prefaced by a vendor"),
    ],
)
def test_a_malformed_policy_is_refused_in_awss_words(server: Any, text: str, words: str) -> None:
    iam = server.boto("iam")
    with pytest.raises(ClientError, match=words) as refused:
        iam.create_policy(PolicyName="malformed", PolicyDocument=text)
    assert refused.value.response["Error"]["Code"] == "MalformedPolicyDocument"
    with pytest.raises(ClientError, match="InvalidInput"):
        iam.simulate_custom_policy(PolicyInputList=["{"], ActionNames=["s3:GetObject"])
