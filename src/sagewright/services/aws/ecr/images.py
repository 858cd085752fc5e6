"""ListImages, DescribeImages, BatchGetImage, PutImage, BatchDeleteImage."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.ecr.manifests import Pushed, keep_manifest, layer_store, members
from sagewright.services.aws.ecr.repositories import names, require_repository
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Manifest, Repository

_PAGE = 100


def _tags_by_digest(context: Context, repository: Repository) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag, digest in ecr.tags(context.store, repository.name).items():
        found.setdefault(digest, []).append(tag)
    return found


Placed = tuple[list[Any], dict[str, Any]]
"""A list entry, preceded by its sort key: push time, digest, tag."""


def _page(request: dict[str, Any], entries: list[Placed], member: str) -> dict[str, Any]:
    """Returns one page of `entries`. Raises InvalidParameterException for an invalid token."""
    error = AwsError("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint.")
    after = paging.decode(request.get("nextToken"), error)
    page, token = paging.page_of(entries, lambda entry: entry[0], after, request.get("maxResults", _PAGE))
    return {member: [entry for _, entry in page], **({"nextToken": token} if token else {})}


def _scope(manifest: Manifest, tag: str = "") -> list[Any]:
    return [manifest.pushed_ms, manifest.digest, tag]


def _requested(request: dict[str, Any], tagged: bool) -> bool:
    status = (request.get("filter") or {}).get("tagStatus", "ANY")
    return bool(status == "ANY" or (status == "TAGGED") == tagged)


@operation("ecr", "ListImages")
def list_images(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    by_digest = _tags_by_digest(context, repository)
    entries: list[Placed] = []
    for manifest in ecr.manifests(context.store, repository.name):
        own = by_digest.get(manifest.digest, [])
        if _requested(request, bool(own)):
            image = {"imageDigest": manifest.digest}
            entries += [(_scope(manifest, tag), image | {"imageTag": tag}) for tag in own]
            entries += [] if own else [(_scope(manifest), image)]
    return _page(request, entries, "imageIds")


@operation("ecr", "DescribeImages")
def describe_images(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    by_digest = _tags_by_digest(context, repository)
    requested = request.get("imageIds")
    if requested:
        found = {m.digest: m for m in (_require_image(context, repository, image) for image in requested)}
        return {"imageDetails": [_detail(context, m, by_digest.get(m.digest, [])) for m in found.values()]}
    details = [
        (_scope(manifest), _detail(context, manifest, by_digest.get(manifest.digest, [])))
        for manifest in ecr.manifests(context.store, repository.name)
        if _requested(request, manifest.digest in by_digest)
    ]
    return _page(request, details, "imageDetails")


def _require_image(context: Context, repository: Repository, image: dict[str, Any]) -> Manifest:
    found, fault = _find(context, repository, image)
    if found is None:
        shown = f"{{imageDigest:'{image.get('imageDigest', 'null')}', imageTag:'{image.get('imageTag', 'null')}'}}"
        message = (
            f"The image with imageId {shown} does not exist within the repository with name '{repository.name}' in the "
            f"registry with id '{context.account}'"
        )
        code = "ImageNotFoundException" if fault == "ImageNotFound" else "InvalidParameterException"
        raise AwsError(code, message)
    return found


def _find(context: Context, repository: Repository, image: dict[str, Any]) -> tuple[Manifest | None, str]:
    """Returns the image, or None and ECR's failure code."""
    reference = image.get("imageDigest") or image.get("imageTag")
    if not reference:
        return None, "MissingDigestAndTag"
    found = ecr.manifest_of(context.store, repository.name, reference)
    tag = image.get("imageTag")
    if found and image.get("imageDigest") and tag and ecr.tags(context.store, repository.name).get(tag) != found.digest:
        return None, "ImageTagDoesNotMatchDigest"
    return found, "ImageNotFound"


def _detail(context: Context, manifest: Manifest, own_tags: list[str]) -> dict[str, Any]:
    detail = {
        **names(context, manifest.repository),
        "imageDigest": manifest.digest,
        "imageSizeInBytes": manifest.size,
        "imagePushedAt": to_datetime(manifest.pushed_ms),
        "imageManifestMediaType": manifest.media_type,
    }
    if own_tags:
        detail["imageTags"] = own_tags
    if manifest.pulled_ms:
        detail["lastRecordedPullTime"] = to_datetime(manifest.pulled_ms)
    return detail


def _failure(image: dict[str, Any], code: str) -> dict[str, Any]:
    reasons = {
        "ImageNotFound": "Requested image not found",
        "MissingDigestAndTag": "Invalid request parameters: both tag and digest cannot be null",
        "ImageTagDoesNotMatchDigest": "The image tag does not match the image digest",
        "ImageReferencedByManifestList": "Requested image referenced by manifest list",
    }
    return {"imageId": image, "failureCode": code, "failureReason": reasons[code]}


@operation("ecr", "BatchGetImage")
def batch_get_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    images, failures = [], []
    for image in request["imageIds"]:
        found, code = _find(context, repository, image)
        if found is None:
            failures.append(_failure(image, code))
        else:
            images.append(_image(context, found, image.get("imageTag")))
    return {"images": images, "failures": failures}


def _image(context: Context, manifest: Manifest, tag: str | None) -> dict[str, Any]:
    return {
        **names(context, manifest.repository),
        "imageId": {"imageDigest": manifest.digest, **({"imageTag": tag} if tag else {})},
        "imageManifest": manifest.body,
        "imageManifestMediaType": manifest.media_type,
    }


@operation("ecr", "PutImage")
def put_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository, tag = require_repository(context, request), request.get("imageTag")
    body = request["imageManifest"].encode()
    pushed = Pushed(body, request.get("imageManifestMediaType"), tag, request.get("imageDigest"))
    manifest, new = keep_manifest(context.store, layer_store(context.settings), repository, pushed)
    if not new:
        message = (
            f"Image with digest '{manifest.digest}' and tag '{tag}' already exists in the repository with name "
            f"'{repository.name}' in registry with id '{context.account}'"
        )
        raise AwsError("ImageAlreadyExistsException", message)
    return {"image": _image(context, manifest, tag)}


@operation("ecr", "BatchDeleteImage")
def batch_delete_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes a tag, and the image with its last tag; given a digest, removes the image with all of its tags."""
    repository = require_repository(context, request)
    deleted, failures = [], []
    for image in request["imageIds"]:
        found, code = _find(context, repository, image)
        if found is not None and _is_needed(context, repository, found, image):
            found, code = None, "ImageReferencedByManifestList"
        if found is None:
            failures.append(_failure(image, code))
        else:
            deleted += _delete(context, repository, found, image)
    return {"imageIds": deleted, "failures": failures}


def _is_needed(context: Context, repository: Repository, manifest: Manifest, image: dict[str, Any]) -> bool:
    """Returns True if deleting the image by digest would break a manifest list."""
    others = ecr.manifests(context.store, repository.name)
    return "imageDigest" in image and any(manifest.digest in members(other) for other in others)


def _delete(context: Context, repository: Repository, found: Manifest, image: dict[str, Any]) -> list[dict[str, Any]]:
    own = _tags_by_digest(context, repository).get(found.digest, [])
    tag = image.get("imageTag")
    if tag and len(own) > 1:
        ecr.untag(context.store, repository.name, [tag])
        return [{"imageDigest": found.digest, "imageTag": tag}]
    ecr.remove_manifest(context.store, repository.name, found.digest)
    return [{"imageDigest": found.digest, "imageTag": one} for one in own] or [{"imageDigest": found.digest}]
