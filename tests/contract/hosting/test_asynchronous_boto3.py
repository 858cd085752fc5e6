"""Asynchronous invocations by boto3: where results and failures go, and that a kill of the server loses none."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import BUCKET, ECHO, Hosting, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

SLOW = ECHO.replace("def predict_fn(data, model):", "def predict_fn(data, model):\n        import time; time.sleep(2)")
CONFIG = {
    "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/async-out/", "S3FailurePath": f"s3://{BUCKET}/async-failed/"},
    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
}


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def invoke(hosting: Hosting, name: str, body: str, **changes: Any) -> dict[str, Any]:
    hosting.s3.put_object(Bucket=BUCKET, Key=f"async-in/{body}", Body=body.encode())
    request = {"EndpointName": name, "InputLocation": f"s3://{BUCKET}/async-in/{body}", "ContentType": "text/plain"}
    described: dict[str, Any] = hosting.runtime.invoke_endpoint_async(**(request | changes))
    return described


def test_results_and_failures_are_in_s3(hosting: Hosting) -> None:
    hosting.model("later", ECHO.replace("return f", "assert data != 'bad', 'no bad data'\n        return f"))
    hosting.endpoint("later", hosting.variant("v", "later"), AsyncInferenceConfig=CONFIG)
    described = invoke(hosting, "later", "good", InferenceId="id-7")
    assert described["InferenceId"] == "id-7"
    assert described["OutputLocation"].startswith(f"s3://{BUCKET}/async-out/")
    assert described["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert kept(hosting, described["OutputLocation"]) == "later good"
    failed = invoke(hosting, "later", "bad")
    assert "no bad data" in kept(hosting, failed["FailureLocation"])
    missing = hosting.runtime.invoke_endpoint_async(EndpointName="later", InputLocation=f"s3://{BUCKET}/none")
    assert "no such object" in kept(hosting, missing["FailureLocation"])
    with pytest.raises(ClientError, match="asynchronous"):
        hosting.ask("later")


def test_what_cannot_be_asked(hosting: Hosting) -> None:
    hosting.model("now")
    hosting.endpoint("now", hosting.variant("v", "now"))
    for name, said in (("now", "not asynchronous"), ("nowhere", "not found")):
        with pytest.raises(ClientError, match=said) as caught:
            invoke(hosting, name, "x")
        assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_the_fronts_port_takes_them_too(hosting: Hosting) -> None:
    hosting.model("door")
    hosting.endpoint("door", hosting.variant("v", "door"), AsyncInferenceConfig=CONFIG)
    hosting.s3.put_object(Bucket=BUCKET, Key="async-in/door", Body=b"door")
    program = (
        "import boto3; client = boto3.client('sagemaker-runtime'); "
        f"print(client.invoke_endpoint_async(EndpointName='door', InputLocation='s3://{BUCKET}/async-in/door', "
        "ContentType='text/plain')['OutputLocation'])"
    )
    done = hosting.server.door(sys.executable, "-c", program)
    assert kept(hosting, done.stdout.strip()) == "door door"


def test_a_kill_of_the_server_loses_none(own_server: RunningServer) -> None:
    own_server.start()
    hosting = Hosting(own_server)
    hosting.model("slow", SLOW)
    hosting.endpoint("slow", hosting.variant("v", "slow"), AsyncInferenceConfig=CONFIG)
    described = [invoke(hosting, "slow", f"n{number}") for number in range(4)]
    time.sleep(0.5)
    own_server.end(signal.SIGKILL)
    own_server.start()
    again = Hosting(own_server)
    assert [kept(again, one["OutputLocation"], 60) for one in described] == [f"slow n{number}" for number in range(4)]
