"""How long an invocation's headers may be: as the model says."""

from __future__ import annotations

import pytest

from sagewright.front import headers
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import AwsError
from sagewright.wire.models import operation_model


@pytest.mark.parametrize("operation", ["InvokeEndpoint", "InvokeEndpointWithResponseStream"])
def test_the_table_is_the_models(operation: str) -> None:
    model = operation_model("sagemaker-runtime", operation)
    assert model
    for name, shape in model.input_shape.members.items():
        member = name[:1].lower() + name[1:]
        if shape.serialization.get("location") == "header":
            assert headers.MOST[shape.serialization["name"].lower()] == (member, shape.metadata["max"])
            assert bool(shape.metadata.get("sensitive")) == (member == headers.NOT_SHOWN)
        elif name == "EndpointName":
            assert (member, shape.metadata["max"]) == headers.NAME


def test_what_is_too_long_is_named_and_secrets_are_not_shown() -> None:
    def fault(name: str = "e", **said: str) -> str:
        sent = {key.replace("_", "-"): value for key, value in said.items()}
        with pytest.raises(AwsError) as caught:
            headers.check(name, HttpRequest("POST", "/", "", sent, BytesBody(b"")))
        assert caught.value.code == "ValidationError"
        return caught.value.message

    headers.check("e" * 63, HttpRequest("POST", "/", "", {"accept": "a" * 1024}, BytesBody(b"")))
    assert "Value 'eeee" in fault("e" * 64)
    assert "at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64" in fault(
        x_amzn_sagemaker_inference_id="i" * 65
    )
    assert "Value at 'customAttributes'" in fault(x_amzn_sagemaker_custom_attributes="c" * 1025)
