"""Asynchronous invocations beside containers that answer badly, and when the process that carries them out dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.hosting import BUCKET, Hosting

from sagewright.model import titles

if TYPE_CHECKING:
    from conftest import RunningServer

OUTPUT = {"S3OutputPath": f"s3://{BUCKET}/out/", "S3FailurePath": f"s3://{BUCKET}/failed/"}
RAW = """
    import time
    def model_fn(directory):
        return "m"
    def transform_fn(model, body, content_type, accept):
        how = body.decode() if isinstance(body, bytes) else body
        if how == "slow":
            time.sleep(4)
        return how, "text/plain"
"""
STUCK = """
    import time
    def model_fn(directory):
        return "m"
    def transform_fn(model, body, content_type, accept):
        time.sleep(60)
"""


@pytest.fixture
def hosting(own_server: RunningServer) -> Iterator[Hosting]:
    own_server.start()
    with Hosting(own_server) as made:
        yield made


def endpoint(hosting: Hosting, name: str, code: str = RAW) -> None:
    hosting.model(name, code, environment={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"})
    client = {"MaxConcurrentInvocationsPerInstance": 40}
    hosting.endpoint(
        name, hosting.variant("v", name), AsyncInferenceConfig={"OutputConfig": OUTPUT, "ClientConfig": client}
    )


def invoke(hosting: Hosting, name: str, body: str, **changes: Any) -> dict[str, Any]:
    key = f"in/{name}-{body}"
    hosting.s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode(), ContentType="text/plain")
    described: dict[str, Any] = hosting.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{BUCKET}/{key}", **changes
    )
    return described


def kept(hosting: Hosting, uri: str, timeout_s: float = 40) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    until = time.monotonic() + timeout_s
    while True:
        try:
            return str(hosting.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        except ClientError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_slow_containers_hold_up_nobody_elses_invocations(hosting: Hosting) -> None:
    """33 invocations of one endpoint, which would have had all 32 threads, each answered within its limit by a failure."""
    endpoint(hosting, "stuck", STUCK)
    endpoint(hosting, "quick")
    stuck = [invoke(hosting, "stuck", "x", InvocationTimeoutSeconds=8) for _ in range(33)]
    begin = time.monotonic()
    assert kept(hosting, invoke(hosting, "quick", "at once")["OutputLocation"]) == "at once"
    assert time.monotonic() - begin < 7, "before the other endpoint's time is over"
    for one in stuck:
        assert "timed out" in kept(hosting, one["FailureLocation"])


def test_a_killed_invoker_is_started_again_and_loses_nothing(hosting: Hosting) -> None:
    endpoint(hosting, "kept")
    slow = invoke(hosting, "kept", "slow")
    until = time.monotonic() + 30
    while not (found := [one for one in titles.running(hosting.server.data) if one.kind == titles.INVOKER]):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    psutil.Process(found[0].pid).kill()
    assert kept(hosting, slow["OutputLocation"]) == "slow"
    assert kept(hosting, invoke(hosting, "kept", "next")["OutputLocation"]) == "next"


def test_a_server_that_ends_leaves_no_invoker(hosting: Hosting) -> None:
    endpoint(hosting, "ends")
    assert kept(hosting, invoke(hosting, "ends", "x")["OutputLocation"]) == "x"
    (invoker,) = [one for one in titles.running(hosting.server.data) if one.kind == titles.INVOKER]
    hosting.delete_all()
    hosting.server.end()
    until = time.monotonic() + 20
    while psutil.pid_exists(invoker.pid) and psutil.Process(invoker.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.1)
    hosting.server.start()


def test_large_payloads_go_through_files(hosting: Hosting) -> None:
    endpoint(hosting, "large")
    body = "0123456789" * 2_000_000
    described = invoke(hosting, "large", "small")
    hosting.s3.put_object(Bucket=BUCKET, Key="in/big", Body=body.encode(), ContentType="text/plain")
    big = hosting.runtime.invoke_endpoint_async(EndpointName="large", InputLocation=f"s3://{BUCKET}/in/big")
    assert kept(hosting, described["OutputLocation"]) == "small"
    assert kept(hosting, big["OutputLocation"]) == body
    assert not list((hosting.server.data / "async").iterdir()), "payloads have no names, and go with their process"
