"""Headers of requests."""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.toolkit.serving.content import accepted


def retrieve_content_type_header(request_property: Mapping[str, str]) -> str | None:
    return next((value for name, value in request_property.items() if name.lower() == "content-type"), None)


def parse_accept(accept: str) -> list[str]:
    return accepted(accept)
