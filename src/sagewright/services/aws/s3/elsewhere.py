"""Permissions for another S3 through this server: its own policies don't know this server's users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.services.access import authorizer
from sagewright.services.aws.s3 import access
from sagewright.services.context import Context


def authorize_elsewhere(context: Context, operation: str, request: Mapping[str, Any]) -> None:
    """Raises AccessDenied for an access that the caller's own policies do not allow."""
    if authorizer.is_decided(context):
        for act in access.acts_elsewhere(operation, request):
            access.require_own(context, act, request)
