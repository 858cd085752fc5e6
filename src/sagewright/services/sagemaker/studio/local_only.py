"""The check that a server can run apps: their homes are in its data directory."""

from __future__ import annotations

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context


def check_local(context: Context, things: str) -> None:
    """Raises ValidationException."""
    if context.settings.backend != "local" or not context.store.embedded:
        raise ValidationException(
            f"Sagewright runs {things} only on the machine of a server with the embedded database: their homes are in its data "
            f"directory. The setting backend is {context.settings.backend}."
        )
