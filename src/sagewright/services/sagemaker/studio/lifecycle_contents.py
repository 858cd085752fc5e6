"""Contents of life-cycle configurations: scripts in base64."""

from __future__ import annotations

import base64
import binascii

from sagewright.model.errors import ValidationException


def check_script(content: str, member: str) -> None:
    """Raises ValidationException for content that is not base64, or is empty."""
    try:
        script = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValidationException(f"{member} must be encoded in base64.") from None
    if not script.strip():
        raise ValidationException(f"{member} is an empty script.")
