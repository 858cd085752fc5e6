"""The runtime of endpoints."""

from __future__ import annotations

from services.check import check
from services.target import Target, fresh, refusal


@check
def an_endpoint_that_is_not_there_is_not_found(target: Target) -> None:
    """API InvokeEndpoint: ValidationError; Issue aws/amazon-sagemaker-examples#293"""
    name = fresh()
    found = refusal(target.boto("sagemaker-runtime").invoke_endpoint, EndpointName=name, Body=b"1")
    assert (found.code, found.status) == ("ValidationError", 400)
    assert found.message == f"Endpoint {name} of account {target.account} not found."


@check
def an_asynchronous_one_neither(target: Target) -> None:
    """API InvokeEndpointAsync: ValidationError"""
    wanted = {"EndpointName": fresh(), "InputLocation": "s3://bucket/key"}
    found = refusal(target.boto("sagemaker-runtime").invoke_endpoint_async, **wanted)
    assert (found.code, found.status) == ("ValidationError", 400)


@check
def headers_are_no_longer_than_the_model_says(target: Target) -> None:
    """API InvokeEndpoint: CustomAttributes, InferenceId, TargetVariant, SessionId: maximum lengths; ValidationError"""
    call = target.boto("sagemaker-runtime").invoke_endpoint
    longer = {"CustomAttributes": 1025, "InferenceId": 65, "TargetVariant": 64, "SessionId": 257, "ContentType": 1025}
    for member, length in longer.items():
        found = refusal(call, EndpointName=fresh(), Body=b"1", **{member: "a" * length})
        assert (found.code, found.status) == ("ValidationError", 400)
        assert f"at '{member[:1].lower()}{member[1:]}' failed to satisfy constraint" in found.message
