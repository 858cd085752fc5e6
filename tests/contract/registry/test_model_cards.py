"""Model cards driven by boto3: versions, statuses, and what is refused."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
ADMIN = "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/admin"


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_model_cards(server: RunningServer) -> None:
    sagemaker = server.boto("sagemaker")
    name = f"card-{uuid.uuid4().hex[:8]}"
    request = {"ModelCardName": name, "Content": '{"v": 1}', "ModelCardStatus": "Draft"}
    arn = sagemaker.create_model_card(**request)["ModelCardArn"]
    assert arn == f"{ARN}:model-card/{name}"
    assert fault(sagemaker.create_model_card, **request)[0] == "ConflictException"
    sagemaker.update_model_card(ModelCardName=arn, Content='{"v": 2}')
    sagemaker.update_model_card(ModelCardName=name, ModelCardStatus="Approved")
    described = sagemaker.describe_model_card(ModelCardName=name)
    assert (described["ModelCardVersion"], described["Content"], described["ModelCardStatus"]) == (
        2,
        '{"v": 2}',
        "Approved",
    )
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"] == ADMIN
    old = sagemaker.describe_model_card(ModelCardName=name, ModelCardVersion=1)
    assert (old["ModelCardVersion"], old["Content"], old["ModelCardStatus"]) == (1, '{"v": 1}', "Draft")
    versions = sagemaker.list_model_card_versions(ModelCardName=name)["ModelCardVersionSummaryList"]
    assert [(one["ModelCardVersion"], one["ModelCardStatus"]) for one in versions] == [(2, "Approved"), (1, "Draft")]
    pages = sagemaker.get_paginator("list_model_card_versions").paginate(
        ModelCardName=name, MaxResults=1, SortOrder="Ascending"
    )
    assert [one["ModelCardVersion"] for page in pages for one in page["ModelCardVersionSummaryList"]] == [1, 2]
    (listed,) = sagemaker.list_model_cards(NameContains=name, ModelCardStatus="Approved")["ModelCardSummaries"]
    assert listed["ModelCardArn"] == arn
    assert sagemaker.describe_model_card(ModelCardName=name, IncludedData="MetadataOnly")["Content"] == ""
    assert (
        fault(sagemaker.update_model_card, ModelCardName=name, Content="{}", ModelCardStatus="Draft")[0]
        == "ValidationException"
    )
    assert fault(sagemaker.update_model_card, ModelCardName=name, Content="nothing")[0] == "ValidationException"
    output = {"S3OutputPath": "s3://registry/cards"}
    code, message = fault(
        sagemaker.create_model_card_export_job, ModelCardName=name, ModelCardExportJobName="e", OutputConfig=output
    )
    assert (code, "CreateModelCardExportJob" in message) == ("UnknownOperationException", True)
    sagemaker.delete_model_card(ModelCardName=name)
    for call in (sagemaker.describe_model_card, sagemaker.delete_model_card, sagemaker.list_model_card_versions):
        assert fault(call, ModelCardName=name) == ("ResourceNotFound", "Requested resource not found.")


def test_cards_are_found_by_model_group_and_risk(server: RunningServer) -> None:
    """As SDK v2 looks for the latest card of a group, to carry its words over."""
    sagemaker = server.boto("sagemaker")
    group = f"group-{uuid.uuid4().hex[:8]}"
    package = f"{ARN}:model-package/{group}/1"
    contents = {
        "package": {"model_package_details": {"model_package_arn": package, "model_package_group_name": group}},
        "model": {"model_overview": {"model_id": f"{ARN}:model/{group}"}, "intended_uses": {"risk_rating": "High"}},
        "neither": {"model_overview": [], "intended_uses": {"risk_rating": 3}},
    }
    for kind, content in contents.items():
        sagemaker.create_model_card(
            ModelCardName=f"{group}-{kind}", Content=json.dumps(content), ModelCardStatus="Draft"
        )
    for name, value, wanted in (
        ("ModelPackageGroupName", group, "package"),
        ("ModelId", package, "package"),
        ("ModelId", f"{ARN}:model/{group}", "model"),
    ):
        filters = [{"Name": name, "Operator": "Equals", "Value": value}]
        (found,) = sagemaker.search(Resource="ModelCard", SearchExpression={"Filters": filters})["Results"]
        assert found["ModelCard"]["ModelCardName"] == f"{group}-{wanted}"
        assert found["ModelCard"][name] == value
    filters = [
        {"Name": "RiskRating", "Operator": "Equals", "Value": "High"},
        {"Name": "ModelCardName", "Operator": "Contains", "Value": group},
    ]
    (found,) = sagemaker.search(Resource="ModelCard", SearchExpression={"Filters": filters})["Results"]
    assert found["ModelCard"]["RiskRating"] == "High"
