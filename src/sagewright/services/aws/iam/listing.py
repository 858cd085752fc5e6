"""Pages of IAM's lists."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging


def page_of(request: dict[str, Any], described: list[Any], key: str) -> tuple[list[Any], dict[str, Any]]:
    """Returns a page of descriptions, ordered by their member `key`, and the members that lead to the next page."""
    after = paging.decode(request.get("Marker"), AwsError("ValidationError", "Invalid Marker."))
    page, marker = paging.page_of(described, lambda one: [one[key]], after, request.get("MaxItems", 100))
    return page, {"IsTruncated": bool(marker), **({"Marker": marker} if marker else {})}


def names_page(request: dict[str, Any], names: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Returns a page of names, and the members that lead to the next page."""
    page, rest = page_of(request, [{"Name": name} for name in names], "Name")
    return [one["Name"] for one in page], rest


def tags_page(request: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    page, rest = page_of(request, [{"Key": key, "Value": value} for key, value in found.items()], "Key")
    return {"Tags": page, **rest}
