"""Cross-origin requests: the preflight and the headers that let a browser read the answer."""

from __future__ import annotations

from typing import Any

from s3.check import check
from s3.target import Answer, Target, put, refusal

ORIGIN = "https://app.example.com"


def with_rules(target: Target, *rules: dict[str, Any]) -> str:
    bucket = target.bucket()
    target.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})
    return bucket


def preflight(target: Target, bucket: str, method: str, origin: str = ORIGIN, headers: str = "") -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return target.ask("OPTIONS", f"/{bucket}/k", headers=asked)


RULE = {
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": [ORIGIN],
    "AllowedHeaders": ["content-type", "x-amz-*"],
    "ExposeHeaders": ["ETag", "x-amz-version-id"],
    "MaxAgeSeconds": 5,
}


@check
def cors_rules_are_kept_and_deleted(target: Target) -> None:
    """API PutBucketCors, GetBucketCors, DeleteBucketCors"""
    bucket = with_rules(target, {"ID": "r", **RULE})
    assert target.s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [{"ID": "r", **RULE}]
    target.s3.delete_bucket_cors(Bucket=bucket)
    assert refusal(target.s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)


@check
def a_preflight_that_a_rule_allows_is_answered(target: Target) -> None:
    """API OPTIONS Object"""
    answer = preflight(target, with_rules(target, RULE), "PUT", headers="Content-Type, x-amz-meta-a")
    assert answer.status == 200
    described = {name.removeprefix("access-control-"): value for name, value in answer.headers.items()}
    assert described["allow-origin"] == ORIGIN
    assert {m.strip() for m in described["allow-methods"].split(",")} >= {"PUT"}
    assert {h.strip().lower() for h in described["allow-headers"].split(",")} == {"content-type", "x-amz-meta-a"}
    assert described["max-age"] == "5"
    assert "Origin" in answer.headers["vary"]


@check
def a_preflight_of_another_origin_is_forbidden(target: Target) -> None:
    """API OPTIONS Object: AccessForbidden"""
    answer = preflight(target, with_rules(target, RULE), "PUT", "https://other.example.com")
    assert (answer.status, answer.code) == (403, "AccessForbidden")


@check
def a_preflight_of_another_method_is_forbidden(target: Target) -> None:
    """API OPTIONS Object: AccessForbidden"""
    answer = preflight(target, with_rules(target, RULE), "DELETE")
    assert (answer.status, answer.code) == (403, "AccessForbidden")


@check
def a_preflight_of_another_header_is_forbidden(target: Target) -> None:
    """API OPTIONS Object: AccessForbidden"""
    answer = preflight(target, with_rules(target, RULE), "PUT", headers="x-other")
    assert (answer.status, answer.code) == (403, "AccessForbidden")


@check
def a_preflight_of_a_bucket_without_rules_is_forbidden(target: Target) -> None:
    """Guide: Troubleshooting CORS: CORS is not enabled for this bucket"""
    answer = preflight(target, target.bucket(), "GET")
    assert (answer.status, answer.code) == (403, "AccessForbidden")


@check
def a_preflight_without_an_origin_is_bad(target: Target) -> None:
    """API OPTIONS Object: Origin is required; BadRequest"""
    asked = {"Access-Control-Request-Method": "GET"}
    answer = target.ask("OPTIONS", f"/{with_rules(target, RULE)}/k", headers=asked)
    assert (answer.status, answer.code) == (400, "BadRequest")


@check
def an_origin_may_hold_one_star(target: Target) -> None:
    """Guide: CORS configuration: AllowedOrigins with a wildcard"""
    bucket = with_rules(target, {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"]})
    assert preflight(target, bucket, "GET").headers["access-control-allow-origin"] == ORIGIN
    assert preflight(target, bucket, "GET", "https://example.org").status == 403


@check
def any_origin_is_told_as_a_star(target: Target) -> None:
    """Guide: CORS configuration: AllowedOrigins *"""
    bucket = with_rules(target, {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]})
    assert preflight(target, bucket, "GET").headers["access-control-allow-origin"] == "*"


@check
def an_answer_has_the_headers_of_the_rule(target: Target) -> None:
    """Guide: How S3 evaluates the CORS configuration"""
    bucket = with_rules(target, RULE)
    put(target, bucket, "k")
    answer = target.ask_signed("GET", f"/{bucket}/k", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"etag", "x-amz-version-id"}
    assert "Origin" in answer.headers["vary"]


@check
def an_error_has_the_headers_of_the_rule_too(target: Target) -> None:
    """Guide: How S3 evaluates the CORS configuration"""
    answer = target.ask_signed("GET", f"/{with_rules(target, RULE)}/none", headers={"Origin": ORIGIN})
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (404, ORIGIN)


@check
def an_answer_to_another_origin_has_none_of_them(target: Target) -> None:
    """Guide: How S3 evaluates the CORS configuration"""
    bucket = with_rules(target, RULE)
    put(target, bucket, "k")
    for headers in ({"Origin": "https://other.example.com"}, {}):
        answer = target.ask_signed("GET", f"/{bucket}/k", headers=headers)
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)


@check
def a_rule_with_an_unknown_method_is_refused(target: Target) -> None:
    """API PutBucketCors: GET, PUT, HEAD, POST, DELETE only; InvalidRequest"""
    rules = {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}
    assert refusal(target.s3.put_bucket_cors, Bucket=target.bucket(), CORSConfiguration=rules) == (
        "InvalidRequest",
        400,
    )


@check
def a_rule_with_two_stars_is_refused(target: Target) -> None:
    """API PutBucketCors: at most one wildcard an origin; InvalidRequest"""
    rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.*.com"]}]}
    assert refusal(target.s3.put_bucket_cors, Bucket=target.bucket(), CORSConfiguration=rules) == (
        "InvalidRequest",
        400,
    )
