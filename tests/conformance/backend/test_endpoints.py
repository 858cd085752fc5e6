"""Endpoints by boto3 on every backend: their instances are hosts like others, and the front reaches them wherever they are."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting, archive

from backend.agents import agents_of, until

if TYPE_CHECKING:
    from conftest import RunningServer

LIMIT_S = 240
NAMED = """
    import uuid
    def model_fn(directory):
        return uuid.uuid4().hex
    def input_fn(body, content_type):
        return body.decode() if isinstance(body, bytes) else body
    def predict_fn(data, model):
        return f"{model} {len(data)}"
    def output_fn(prediction, accept):
        return prediction, "text/plain"
"""
"""A model that answers with the name of its process and the length of the request."""


@pytest.fixture
def hosting(server_at: RunningServer) -> Iterator[Hosting]:
    with Hosting(server_at) as made:
        yield made
    until(lambda: agents_of(*server_at.handles()) == [])  # the next test needs the nodes


def process(hosting: Hosting, name: str, body: str = "x") -> str:
    """Returns the name of the process that answers."""
    answer, length = hosting.ask(name, body).split()
    assert int(length) == len(body)
    return answer


def test_two_instances_answer(hosting: Hosting, job_name: str) -> None:
    name = job_name.lower()
    one = hosting.variant("all", hosting.model(name, NAMED))
    hosting.config(name, one)
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    hosting.settled(name, timeout_s=LIMIT_S)
    assert len({process(hosting, name) for _ in range(10)}) == 1
    process(hosting, name, "x" * 3_000_000)
    desired = {"VariantName": "all", "DesiredInstanceCount": 2}
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[desired])
    hosting.settled(name, timeout_s=LIMIT_S)
    found: set[str] = set()
    until(lambda: len(found) == 2 or found.add(process(hosting, name)))


def test_an_instance_whose_agent_is_killed_is_replaced(
    hosting: Hosting, server_at: RunningServer, job_name: str
) -> None:
    name = job_name.lower()
    hosting.config(name, hosting.variant("all", hosting.model(name, NAMED)))
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    hosting.settled(name, timeout_s=LIMIT_S)
    before = process(hosting, name)
    (agent,) = agents_of(*server_at.handles())
    os.kill(agent, signal.SIGKILL)

    def answered_anew() -> bool:
        try:
            return process(hosting, name) != before
        except ClientError:
            return False

    until(answered_anew, LIMIT_S)
    hosting.settled(name, timeout_s=LIMIT_S)


def test_models_of_a_multi_model_container(hosting: Hosting, job_name: str) -> None:
    name = job_name.lower()
    for word in ("red", "blue"):
        script = textwrap.dedent(ECHO).replace("WORD", word)
        hosting.s3.put_object(Bucket=BUCKET, Key=f"{name}/{word}.tar.gz", Body=archive({"code/inference.py": script}))
    container = {
        "Image": SHELL_IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{BUCKET}/{name}/",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }
    hosting.create_model(name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    hosting.config(name, hosting.variant("v", name))
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    hosting.settled(name, timeout_s=LIMIT_S)
    assert hosting.ask(name, TargetModel="red.tar.gz") == "red x"
    assert hosting.ask(name, TargetModel="blue.tar.gz") == "blue x"


def test_an_asynchronous_invocation(hosting: Hosting, job_name: str) -> None:
    name = job_name.lower()
    configured = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}-out"}}
    hosting.config(name, hosting.variant("all", hosting.model(name, ECHO)), AsyncInferenceConfig=configured)
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    hosting.settled(name, timeout_s=LIMIT_S)
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{name}-in/a", Body=b"later", ContentType="text/plain")
    answer = hosting.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"s3://{BUCKET}/{name}-in/a")
    key = answer["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    deadline = time.monotonic() + LIMIT_S
    while not hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"):
        assert time.monotonic() < deadline, hosting.lines(name)
        time.sleep(0.2)
    assert hosting.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == f"{name} later".encode()


def test_copies_of_an_inference_component(hosting: Hosting, job_name: str) -> None:
    name, sagemaker = job_name.lower(), hosting.sagemaker
    variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    hosting.config(name, variant, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.create_inference_component(
        InferenceComponentName=name, EndpointName=name, VariantName="v", RuntimeConfig={"CopyCount": 2},
        Specification={
            "ModelName": hosting.model(name, NAMED),
            "ComputeResourceRequirements": {"NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 512},
        },
    )  # fmt: skip

    def status() -> str:
        return str(sagemaker.describe_inference_component(InferenceComponentName=name)["InferenceComponentStatus"])

    until(lambda: status() == "InService", LIMIT_S)
    found: set[str] = set()
    until(lambda: len(found) == 2 or found.add(hosting.ask(name, InferenceComponentName=name)))
    sagemaker.delete_inference_component(InferenceComponentName=name)
    until(lambda: sagemaker.list_inference_components()["InferenceComponents"] == [], LIMIT_S)
