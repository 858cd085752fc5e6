"""Model cards driven by boto3: versions, statuses, and what is refused."""

from __future__ import annotations

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
    told = sagemaker.describe_model_card(ModelCardName=name)
    assert (told["ModelCardVersion"], told["Content"], told["ModelCardStatus"]) == (2, '{"v": 2}', "Approved")
    assert told["LastModifiedBy"]["IamIdentity"]["Arn"] == ADMIN
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
