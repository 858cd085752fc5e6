"""What browsers are told of S3 requests to another origin than their page's, by the rules of the bucket."""

from __future__ import annotations

from typing import Any

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.services.s3.cors import Crossing
from sagewright.wire.s3_routes import S3Router


class CrossOrigin:
    """Answers preflights, and gives the headers that let a page read an answer."""

    def __init__(self, objects: BucketStore, router: S3Router) -> None:
        self._objects, self._router = objects, router

    def preflight(self, request: HttpRequest) -> HttpResponse:
        """Raises AccessForbidden, BadRequest, NoSuchBucket; MethodNotAllowed where no bucket is asked."""
        bucket = self._router.address(request)[0]
        if bucket is None:
            raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        origin, method = request.headers.get("origin"), request.headers.get("access-control-request-method")
        if not origin or not method:
            missing = "Access-Control-Request-Method" if origin else "Origin"
            raise AwsError("BadRequest", f"Insufficient information. {missing} request header needed.", 400)
        asked = request.headers.get("access-control-request-headers", "")
        headers = tuple(name.strip() for name in asked.split(",") if name.strip())
        rules = self._rules(bucket)
        if rules is None:
            raise AwsError("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", 403)
        told = Crossing(origin, method, headers).answer(rules)
        if told is None:
            message = f"CORSResponse: No rule of the bucket allows {method} from {origin} with these headers."
            raise AwsError("AccessForbidden", message, 403)
        return HttpResponse(200, told)

    def headers(self, request: HttpRequest, bucket: str | None) -> list[tuple[str, str]]:
        """The headers to add to an answer; none without an Origin, a bucket or a rule."""
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
