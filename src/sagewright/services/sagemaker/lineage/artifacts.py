"""Artifacts: Create, Describe, Update, Delete, List. Each Source has one artifact; creating it again returns the existing one.

Source: AWS's API reference, CreateArtifact, and its developer guide, "Lineage Tracking Entities".
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.lineage.lineage_entities import EntityType


def _name(context: Context, request: dict[str, Any]) -> str:
    return name_for(context, request["Source"])


def name_for(context: Context, source: dict[str, Any]) -> str:
    """Returns 32 hexadecimal digits: a digest of the artifact's source."""
    types = sorted((one["SourceIdType"], one["Value"]) for one in source.get("SourceTypes") or ())
    whole = orjson.dumps([context.account, context.region, source["SourceUri"], types])
    return hashlib.sha256(whole).hexdigest()[:32]


ARTIFACTS = EntityType("Artifact", _name, {"CreationTime": "created_ms"}).declared()


@operation("sagemaker", "CreateArtifact")
def create_artifact(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, _ = ARTIFACTS.create(context, request)
    return {"ArtifactArn": arn}


@operation("sagemaker", "DescribeArtifact", quick=True)
def describe_artifact(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ARTIFACTS.described(context, ARTIFACTS.require(context, request["ArtifactArn"]))


@operation("sagemaker", "UpdateArtifact")
def update_artifact(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ARTIFACTS.update(context, request["ArtifactArn"], request)


@operation("sagemaker", "DeleteArtifact")
def delete_artifact(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if ("ArtifactArn" in request) == ("Source" in request):
        raise ValidationException("DeleteArtifact takes either an ArtifactArn or a Source.")
    if "ArtifactArn" in request:
        return ARTIFACTS.delete(context, request["ArtifactArn"])
    return ARTIFACTS.delete(context, name_for(context, request["Source"]))


@operation("sagemaker", "ListArtifacts")
def list_artifacts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ARTIFACTS.list(context, request)
