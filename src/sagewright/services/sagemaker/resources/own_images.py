"""Checks of the images that requests name: the form of the name, and whether a known registry has the image."""

from __future__ import annotations

from sagewright.model.errors import ValidationException
from sagewright.model.jobs.brief import Purpose
from sagewright.runtimes import images, registries
from sagewright.runtimes.images import ImageKind
from sagewright.services.context import Context
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Manifest

_INVALID = {
    Purpose.TRAIN: "Invalid training image. Please provide a valid Amazon Elastic Container Registry path of an image. '{uri}'",
    Purpose.PROCESS: "Invalid image URI {uri}. It",
    Purpose.SERVE: 'ECR image "{uri}" is invalid. It',
}
_FORM = " has not the form [registry/]name[:tag][@digest], with the name in lower case."
_NOT_FOUND = {
    Purpose.TRAIN: "Cannot find the requested image: '{uri}'.",
    Purpose.PROCESS: "Cannot find the requested image: '{uri}'.",
    Purpose.SERVE: "Requested image {uri} not found.",
}
"""Source of the wording: AWS's answers as quoted by users (aws/sagemaker-python-sdk issues 2063, 2605 and 4700,
amazon-sagemaker-examples issue 1476)."""


def check_image(context: Context, uri: str, purpose: Purpose = Purpose.SERVE) -> None:
    """Raises ValidationException, in AWS's words for jobs of that purpose, for an invalid image name, and for an image that is
    missing from both this account's registry and AWS's.

    All other images are left to the container engine, which knows more registries than the server.
    """
    if not images.is_reference(uri):
        raise ValidationException(_INVALID[purpose].format(uri=uri) + _FORM)
    if images.resolve_image(uri).kind is not ImageKind.OWN:
        return
    reason = _missing(context, uri)
    if reason:
        raise ValidationException(f"{_NOT_FOUND[purpose].format(uri=uri)} {reason}")


def _missing(context: Context, uri: str) -> str:
    """Returns the reason why the image is missing, with similar names; "" if it can exist."""
    own = _own(context, uri)
    if own is None:
        if not registries.is_of_aws(uri):
            return ""
        name = images.resolve_image(uri).repository
        account = registries.account_of(uri)
        return f"AWS's registry {account} has no repository '{name}' known to Sagewright.{registries.resembling(uri)}"
    name, reference = own
    if ecr.find(context.store, name) is None:
        missing = f"The repository with name '{name}' does not exist in the registry with id '{context.account}'."
        return missing + registries.resembling(uri)
    if ecr.manifest_of(context.store, name, reference) is None:
        return f"The repository '{name}' has no image '{reference}'."
    return ""


def digest_of(context: Context, uri: str) -> str | None:
    """Returns the digest of an image in this account's registry; None for images of other registries."""
    own = _own(context, uri)
    found: Manifest | None = ecr.manifest_of(context.store, *own) if own else None
    return found.digest if found else None


def pinned(context: Context, uri: str, digest: str | None) -> str:
    """Returns the image by digest, so that moving the tag does not change it, if this account's registry has it; else `uri`."""
    own = _own(context, uri)
    if own is None or digest is None or ecr.manifest_of(context.store, own[0], digest) is None:
        return uri
    return f"{_registry(context)}{own[0]}@{digest}"


def _own(context: Context, uri: str) -> tuple[str, str] | None:
    """Returns repository, and tag or digest, of an image in this account's registry."""
    if not uri.startswith(_registry(context)):
        return None
    name, _, digest = uri.removeprefix(_registry(context)).partition("@")
    name, _, tag = name.partition(":")
    return name, digest or tag or "latest"


def _registry(context: Context) -> str:
    return f"{context.account}.dkr.ecr.{context.region}.amazonaws.com/"
