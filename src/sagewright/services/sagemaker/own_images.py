"""Images of the server's own registry, of which it is known at once whether they are there."""

from __future__ import annotations

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.store import ecr
from sagewright.store.ecr import Manifest


def check_image(context: Context, uri: str) -> None:
    """Raises ValidationException for a tag or digest that a repository of this account's registry doesn't have.

    A repository that isn't there is no fault yet: the engine beside the job may have an image of that very name.
    """
    own = _own(context, uri)
    if own is None:
        return
    name, reference = own
    if ecr.find(context.store, name) is not None and ecr.manifest_of(context.store, name, reference) is None:
        raise ValidationException(
            f"Cannot find the requested image: '{uri}'. The repository '{name}' has no image '{reference}'."
        )


def digest_of(context: Context, uri: str) -> str | None:
    """The digest of an image in this account's registry; None for an image of anywhere else."""
    own = _own(context, uri)
    found: Manifest | None = ecr.manifest_of(context.store, *own) if own else None
    return found.digest if found else None


def pinned(context: Context, uri: str, digest: str | None) -> str:
    """The image with that digest, which a moved tag leaves as it was, where this account's registry has it; else `uri`."""
    own = _own(context, uri)
    if own is None or digest is None or ecr.manifest_of(context.store, own[0], digest) is None:
        return uri
    return f"{_registry(context)}{own[0]}@{digest}"


def _own(context: Context, uri: str) -> tuple[str, str] | None:
    """Repository, and tag or digest, of an image in this account's registry."""
    if not uri.startswith(_registry(context)):
        return None
    name, _, digest = uri.removeprefix(_registry(context)).partition("@")
    name, _, tag = name.partition(":")
    return name, digest or tag or "latest"


def _registry(context: Context) -> str:
    return f"{context.account}.dkr.ecr.{context.region}.amazonaws.com/"
