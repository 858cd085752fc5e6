"""Responses to browsers' S3 requests from another origin, by the rules of the bucket."""

from __future__ import annotations

from typing import Any

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.services.aws.s3.buckets.cors import Crossing
from sagewright.wire.s3.routes import S3Router

NOT_ALLOWED = (
    "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)
"""AWS's wording, verbatim."""


class CrossOrigin:
    """Answers preflights, and returns the headers that let a page read a response."""

    def __init__(self, objects: BucketStore, router: S3Router) -> None:
        self._objects, self._router = objects, router

    def preflight(self, request: HttpRequest) -> HttpResponse:
        """Raises AccessForbidden, BadRequest; MethodNotAllowed if the request names no bucket."""
        bucket, key, _ = self._router.address(request)
        if bucket is None:
            raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
        if not origin:
            raise AwsError("BadRequest", "Insufficient information. Origin request header needed.", 400)
        requested = request.headers.get("access-control-request-headers", "")
        headers = tuple(name.strip() for name in requested.split(",") if name.strip())
        try:
            rules = self._rules(bucket)
        except AwsError:
            raise _forbidden("Bucket not found", "OPTIONS", "BUCKET") from None
        if rules is None:
            raise _forbidden("CORS is not enabled for this bucket.", method or "OPTIONS", "BUCKET")
        if not method:
            message = "Insufficient information. Access-Control-Request-Method request header needed."
            raise AwsError("BadRequest", message, 400)
        described = Crossing(origin, method, headers).answer(rules)
        if described is None:
            raise _forbidden(NOT_ALLOWED, method, "OBJECT" if key else "BUCKET")
        return HttpResponse(200, described)

    def headers(self, request: HttpRequest, bucket: str | None) -> list[tuple[str, str]]:
        """Returns the headers to add to a response; none without an Origin, a bucket or a rule."""
        origin = request.headers.get("origin")
        if origin is None or bucket is None:
            return []
        try:
            rules = self._rules(bucket)
        except AwsError:
            return []
        return Crossing(origin, request.method).answer(rules or []) or []

    def _rules(self, bucket: str) -> list[dict[str, Any]] | None:
        document = self._objects.buckets.get(bucket).configuration.get("cors")
        return document["CORSRules"] if document else None


def _forbidden(reason: str, method: str, kind: str) -> AwsError:
    return AwsError("AccessForbidden", f"CORSResponse: {reason}", 403, {"Method": method, "ResourceType": kind})
