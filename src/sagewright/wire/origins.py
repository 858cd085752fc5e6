"""The origin of a request, and the request that another S3 would see: the inputs of an access decision."""

from __future__ import annotations

from typing import Any

from sagewright.http.messages import HttpRequest
from sagewright.services.access.modes import is_secure
from sagewright.services.context import RequestOrigin
from sagewright.wire.s3.routes import S3Route
from sagewright.wire.signatures.authentication import COPY_SOURCE


def origin_of(request: HttpRequest, *, form: bool) -> RequestOrigin:
    """`form`: the request is an upload by a form."""
    headers = request.headers
    return RequestOrigin(request.address, headers.get("referer"), form, headers.get("user-agent"), is_secure(request))


def asked_elsewhere(request: HttpRequest, route: S3Route) -> dict[str, Any]:
    """Returns the members of a request to another S3, except those of its body, which is not read."""
    query = dict(request.query_pairs())
    members = {"Prefix": "prefix", "Delimiter": "delimiter", "VersionId": "versionId"}
    found = {member: query[name] for member, name in members.items() if query.get(name)}
    if source := request.headers.get(COPY_SOURCE):
        found["CopySource"] = source
    return route.parameters() | found
