"""Invocations by boto3: headers, streams, shadows, captured data, metrics, pipelines of containers, large bodies."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import BUCKET, ECHO, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

HEADERS = """
    def model_fn(directory, context=None):
        return None
    def transform_fn(model, body, content_type, accept, context):
        told = {name.lower(): value for name, value in context.get_all_request_header(0).items()}
        import json
        return json.dumps(told), "application/json"
"""
STREAM = """
    import time
    def model_fn(directory):
        return None
    def input_fn(body, content_type):
        return body
    def predict_fn(data, model):
        def pieces():
            for number in range(5):
                yield f"part{number};".encode()
                time.sleep(0.2)
        return pieces()
    def output_fn(prediction, accept):
        return prediction
"""
SLOW = ECHO.replace("def predict_fn(data, model):", "def predict_fn(data, model):\n        import time; time.sleep(1)")


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def test_a_stream_comes_piece_by_piece(hosting: Hosting) -> None:
    hosting.model("stream", STREAM)
    hosting.endpoint("stream", hosting.variant("v", "stream"))
    begin = time.monotonic()
    answer = hosting.runtime.invoke_endpoint_with_response_stream(EndpointName="stream", Body=b"x")
    times, text = [], b""
    for event in answer["Body"]:
        times.append(time.monotonic() - begin)
        text += event["PayloadPart"]["Bytes"]
    assert text == b"part0;part1;part2;part3;part4;"
    assert answer["InvokedProductionVariant"] == "v"
    assert times[-1] - times[0] > 0.4, "the first part came before the last was made"


def test_what_the_container_is_told_and_tells(hosting: Hosting) -> None:
    hosting.model("headers", HEADERS)
    hosting.endpoint("headers", hosting.variant("v", "headers"))
    answer = hosting.runtime.invoke_endpoint(
        EndpointName="headers", Body=b"{}", ContentType="application/json", Accept="application/json",
        CustomAttributes="trace=7", InferenceId="id-1", SessionId="session-1",
    )  # fmt: skip
    described = json.loads(answer["Body"].read())
    assert described["x-amzn-sagemaker-custom-attributes"] == "trace=7"
    assert described["x-amzn-sagemaker-inference-id"] == "id-1"
    assert described["x-amzn-sagemaker-session-id"] == "session-1"
    assert "authorization" not in described


def captured(hosting: Hosting, prefix: str, least: int) -> list[tuple[str, dict[str, Any]]]:
    until = time.monotonic() + 20
    while True:
        found = []
        for one in hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
            body = hosting.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read().decode()
            found += [(one["Key"], json.loads(line)) for line in body.splitlines()]
        if len(found) >= least or time.monotonic() > until:
            return found
        time.sleep(0.2)


def test_captured_data_and_a_shadow_that_is_slow(hosting: Hosting) -> None:
    hosting.model("prod")
    hosting.model("twin", SLOW)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv", "text/plain"]},
    }
    described = hosting.endpoint(
        "shadowed", hosting.variant("prod", "prod"), DataCaptureConfig=capture,
        ShadowProductionVariants=[hosting.variant("twin", "twin", 0.5)],
    )  # fmt: skip
    assert described["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert [one["VariantName"] for one in described["ShadowProductionVariants"]] == ["twin"]
    begin = time.monotonic()
    assert {hosting.ask("shadowed", InferenceId="abc") for _ in range(10)} == {"prod x"}
    assert time.monotonic() - begin < 5, "nobody waits for the shadow"
    lines = captured(hosting, "captured/shadowed/prod/", 10)
    assert len(lines) == 10
    key, line = lines[0]
    assert key.split("/")[:3] == ["captured", "shadowed", "prod"]
    assert key.endswith(".jsonl")
    assert line["captureData"]["endpointInput"] == {
        "observedContentType": "text/plain", "mode": "INPUT", "data": "x", "encoding": "CSV",
    }  # fmt: skip
    assert line["captureData"]["endpointOutput"]["data"] == "prod x"
    assert line["eventMetadata"]["inferenceId"] == "abc"
    assert line["eventVersion"] == "0"
    copies = captured(hosting, "captured/shadowed/twin/", 5)
    assert len(copies) == 5, "half of the requests were copied"
    assert {line["eventMetadata"]["inferenceId"] for _key, line in copies} == {"abc"}, "by which both can be compared"


def test_metrics_by_variant(hosting: Hosting) -> None:
    """Also of those that are under way when counts are reported, twice a second."""
    slow = "import time; time.sleep(1.2 if 'slow' in data else 0)\n        assert 'bad' not in data\n        return f"
    hosting.model("measured", ECHO.replace("return f", slow))
    hosting.endpoint("measured", hosting.variant("v", "measured"))
    for _ in range(5):
        hosting.ask("measured")
    hosting.ask("measured", "slow")
    for body in ("bad", "slow and bad"):
        with pytest.raises(ClientError):
            hosting.ask("measured", body)
    cloudwatch = hosting.server.boto("cloudwatch")
    dimensions = [{"Name": "EndpointName", "Value": "measured"}, {"Name": "VariantName", "Value": "v"}]

    def sums(name: str, *statistics: str) -> dict[str, float]:
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=name, Dimensions=dimensions, Period=3600,
            StartTime=time.time() - 7200, EndTime=time.time() + 3600, Statistics=list(statistics),
        )["Datapoints"]  # fmt: skip
        return {one: sum(point[one] for point in found) for one in statistics}

    until = time.monotonic() + 15
    while sums("Invocations", "Sum")["Sum"] < 8 and time.monotonic() < until:
        time.sleep(0.2)
    assert sums("Invocations", "Sum", "SampleCount") == {"Sum": 8.0, "SampleCount": 8.0}
    assert sums("Invocation5XXErrors", "Sum") == {"Sum": 2.0}
    assert sums("InvocationModelErrors", "Sum") == {"Sum": 2.0}
    assert sums("Invocation4XXErrors", "Sum") == {"Sum": 0.0}
    latency = sums("ModelLatency", "SampleCount", "Maximum")
    assert latency["SampleCount"] == 6
    assert 1e6 < latency["Maximum"] < 60e6


def test_a_pipeline_of_containers_and_direct_ones(hosting: Hosting) -> None:
    for name in ("first", "second"):
        hosting.model(name)
    containers = [
        hosting.sagemaker.describe_model(ModelName=name)["PrimaryContainer"] | {"ContainerHostname": name}
        for name in ("first", "second")
    ]
    hosting.create_model("chain", Containers=containers)
    hosting.create_model("direct", Containers=containers, InferenceExecutionConfig={"Mode": "Direct"})
    hosting.endpoint("chain", hosting.variant("v", "chain"))
    assert hosting.ask("chain") == "second first x"
    hosting.endpoint("direct", hosting.variant("v", "direct"))
    assert hosting.ask("direct", TargetContainerHostname="first") == "first x"
    assert hosting.ask("direct", TargetContainerHostname="second") == "second x"
    with pytest.raises(ClientError, match="TargetContainerHostname"):
        hosting.ask("direct")


def test_bodies_up_to_the_limit(hosting: Hosting) -> None:
    hosting.model("large", ECHO.replace('return f"{model} {data}"', "return str(len(data))"))
    hosting.endpoint("large", hosting.variant("v", "large"))
    for size in (64 * 1024, 300_000, 6 * 1024 * 1024):
        assert hosting.ask("large", "x" * size) == str(size)
    with pytest.raises(ClientError):
        hosting.ask("large", "x" * (26 * 1024 * 1024))
    assert hosting.ask("large", "xyz") == "3"


def test_strangers_are_refused_before_anything_is_asked(hosting: Hosting) -> None:
    wrong = hosting.server.boto("sagemaker-runtime", aws_secret_access_key="wrong")
    unknown = hosting.server.boto("sagemaker-runtime", aws_access_key_id="AKIAUNKNOWN000000000")
    for client, code in ((wrong, "InvalidSignatureException"), (unknown, "UnrecognizedClientException")):
        with pytest.raises(ClientError) as caught:
            client.invoke_endpoint(EndpointName="large", Body=b"x")
        assert caught.value.response["Error"]["Code"] == code


def test_the_front_answers_at_a_port_of_its_own(hosting: Hosting) -> None:
    hosting.model("port")
    hosting.endpoint("port", hosting.variant("v", "port"))
    program = (
        "import boto3; client = boto3.client('sagemaker-runtime'); print(client.meta.endpoint_url); "
        "print(client.invoke_endpoint(EndpointName='port', Body=b'x', ContentType='text/plain')['Body'].read())"
    )

    done = hosting.server.door(sys.executable, "-c", program)
    url, answer = done.stdout.split("\n")[:2]
    assert url == (hosting.server.data / "runtime-endpoint").read_text().strip()
    assert url != hosting.server.endpoint
    assert answer == "b'port x'"
