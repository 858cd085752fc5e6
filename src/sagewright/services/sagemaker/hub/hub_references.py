"""References of private hubs to models of the public hub: Create, Update, Delete.

Source: AWS's API reference, CreateHubContentReference; SDK v2, jumpstart/hub/hub.py.
"""

from __future__ import annotations

import re
from typing import Any

from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hub import contents, public_contents
from sagewright.services.sagemaker.hub.contents import NAME, TYPE, VERSION, ContentName
from sagewright.services.sagemaker.hub.hubs import HUBS, PUBLIC_HUB, require_private
from sagewright.services.sagemaker.hub.public_contents import REFERENCE
from sagewright.services.sagemaker.hub.versions import padded
from sagewright.services.sagemaker.resources.identities import user_context

_ARN = re.compile(rf"arn:[a-z0-9-]+:sagemaker:[a-z0-9-]+:aws:hub-content/{PUBLIC_HUB}/Model/([^/]+)")


@operation("sagemaker", "CreateHubContentReference")
def create_hub_content_reference(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = request["SageMakerPublicHubContentArn"]
    model = _model(arn)
    least = request.get("MinVersion")
    _check_least(model, least)
    content = ContentName(require_private(context, request["HubName"]), REFERENCE, request.get(NAME) or model.id)
    shown = public_contents.summary(context.region, model, here=model.here)
    document = {
        **{name: value for name, value in shown.items() if name in contents.SUMMARY},
        NAME: content.name,
        TYPE: REFERENCE,
        VERSION: model.version,
        "SageMakerPublicHubContentArn": public_contents.content_arn(context.region, model).rpartition("/")[0],
        "ReferenceMinVersion": least,
        "CreatedBy": user_context(context),
    }
    contents.add(context, content, document, {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()})
    return _answer(context, content, model.version)


@operation("sagemaker", "UpdateHubContentReference")
def update_hub_content_reference(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    content = _content(context, request)
    head = contents.find(context, content)
    if head is None:
        raise content.missing()
    version = head.document[VERSION]
    if "MinVersion" in request:
        _check_least(_model(head.document["SageMakerPublicHubContentArn"]), request["MinVersion"])
        members = {"ReferenceMinVersion": request["MinVersion"], "LastModifiedBy": user_context(context)}
        contents.change(context, content, version, members)
    return _answer(context, content, version)


@operation("sagemaker", "DeleteHubContentReference")
def delete_hub_content_reference(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    content = _content(context, request)
    head = contents.find(context, content)
    if head is None:
        raise content.missing()
    contents.remove(context, content, head.document[VERSION])  # a reference has one version
    return {}


def _content(context: Context, request: dict[str, Any]) -> ContentName:
    if request[TYPE] != REFERENCE:
        raise ValidationException(f"HubContentType must be {REFERENCE}, got {request[TYPE]}.")
    return ContentName(require_private(context, request["HubName"]), REFERENCE, request[NAME])


def _model(arn: str) -> CatalogueEntry:
    """Returns the public model of an ARN. Raises ValidationException, ResourceNotFound."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ValidationException(f"SageMakerPublicHubContentArn '{arn}' does not name a model of {PUBLIC_HUB}.")
    return public_contents.require(found[1])


def _check_least(model: CatalogueEntry, least: str | None) -> None:
    """Raises ValidationException for a least version that the model has not reached."""
    if least is not None and padded(least) > padded(model.version):
        raise ValidationException(f"MinVersion {least} is above {model.version}, the latest version of {model.id}.")


def _answer(context: Context, content: ContentName, version: str) -> dict[str, Any]:
    return {"HubArn": HUBS.arn(context, content.hub.name), "HubContentArn": content.arn(version)}
