"""Markers: positions at which the next page of a list begins."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging


def marker_of(request: dict[str, Any]) -> list[Any] | None:
    """Returns the position that a Marker stands for. Raises InvalidMarkerException."""
    wrong = AwsError("InvalidMarkerException", "The marker is not one of this list.")
    position = paging.decode(request.get("Marker"), wrong)
    if position is not None and not (len(position) == 1 and isinstance(position[0], str)):
        raise wrong
    return position


def marked(token: str | None) -> dict[str, Any]:
    return {"Truncated": True, "NextMarker": token} if token else {"Truncated": False}
