"""Images of the server's own registry, of which it is known at once whether they are there."""

from __future__ import annotations

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.store import ecr


def check_image(context: Context, uri: str) -> None:
    """Raises ValidationException for a tag or digest that a repository of this account's registry doesn't have.

    A repository that isn't there is no fault yet: the engine beside the job may have an image of that very name.
    """
    registry = f"{context.account}.dkr.ecr.{context.region}.amazonaws.com/"
    if not uri.startswith(registry):
        return
    name, _, digest = uri.removeprefix(registry).partition("@")
    name, _, tag = name.partition(":")
    reference = digest or tag or "latest"
    if ecr.find(context.store, name) is not None and ecr.manifest_of(context.store, name, reference) is None:
        raise ValidationException(
            f"Cannot find the requested image: '{uri}'. The repository '{name}' has no image '{reference}'."
        )
