"""Layers by ECR's operations. `docker push` does not use them; it uses `server.images`."""

from __future__ import annotations

import io
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects.layers import NoSuchUpload, OutOfOrder, WrongDigest
from sagewright.services.aws.ecr.manifests import layer_store
from sagewright.services.aws.ecr.repositories import names, require_repository
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.objects import ecr

PART_BYTES = 20 * 1024 * 1024


@operation("ecr", "BatchCheckLayerAvailability")
def batch_check_layer_availability(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_repository(context, request)
    layers: list[dict[str, Any]] = []
    failures = []
    for digest in request["layerDigests"]:
        try:
            size = layer_store(context.settings).size(digest)
        except WrongDigest:
            failure = {"failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest"}
            failures.append({"layerDigest": digest, **failure})
            continue
        there = {"layerAvailability": "AVAILABLE", "layerSize": size} if size is not None else {}
        layers.append({"layerDigest": digest, "layerAvailability": "UNAVAILABLE", **there})
    return {"layers": layers, "failures": failures}


@operation("ecr", "InitiateLayerUpload")
def initiate_layer_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_repository(context, request)
    return {"uploadId": layer_store(context.settings).begin(), "partSize": PART_BYTES}


@operation("ecr", "UploadLayerPart")
def upload_layer_part(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository, upload = require_repository(context, request), request["uploadId"]
    part, start = request["layerPartBlob"], request["partFirstByte"]
    if request["partLastByte"] - start + 1 != len(part):
        message = f"The part has {len(part)} bytes, but {start}-{request['partLastByte']} were said."
        raise AwsError("InvalidLayerPartException", message)
    try:
        size = layer_store(context.settings).append(upload, io.BytesIO(part), start)
    except NoSuchUpload:
        raise _no_upload(upload) from None
    except OutOfOrder as error:
        message = f"Layer part with first byte {start} received, but the next byte is {error.size}."
        raise AwsError("InvalidLayerPartException", message) from None
    return {**names(context, repository.name), "uploadId": upload, "lastByteReceived": size - 1}


@operation("ecr", "CompleteLayerUpload")
def complete_layer_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository, upload, digest = require_repository(context, request), request["uploadId"], request["layerDigests"][0]
    layers = layer_store(context.settings)
    try:
        if layers.received(upload) == 0:
            raise AwsError("EmptyUploadException", f"The upload '{upload}' has no parts.")
        if digest in ecr.needed_layers(context.store, repository.name):
            layers.cancel(upload)
            raise AwsError("LayerAlreadyExistsException", f"The layer with digest '{digest}' already exists.")
        layers.finish(upload, digest)
    except NoSuchUpload:
        raise _no_upload(upload) from None
    except WrongDigest as error:
        message = f"Layer digest '{digest}' does not match the layer, which is '{error}'."
        raise AwsError("InvalidLayerException", message) from None
    except OutOfOrder:
        raise AwsError("InvalidLayerException", f"A part of the upload '{upload}' is still being received.") from None
    return {**names(context, repository.name), "uploadId": upload, "layerDigest": digest}


def _no_upload(upload: str) -> AwsError:
    return AwsError("UploadNotFoundException", f"The upload with id '{upload}' does not exist.")


@operation("ecr", "GetDownloadUrlForLayer")
def get_download_url_for_layer(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a URL of the registry itself: unlike ECR's, it requires the authorization token."""
    repository, digest = require_repository(context, request), request["layerDigest"]
    try:
        size = layer_store(context.settings).size(digest)
    except WrongDigest:
        size = None
    if size is None:
        message = f"The layer with digest '{digest}' does not exist in the repository with name '{repository.name}'"
        raise AwsError("LayersNotFoundException", message)
    return {"downloadUrl": f"{context.base_url}/v2/{repository.name}/blobs/{digest}", "layerDigest": digest}
