"""Shared by tests of endpoints: models whose code is a few lines, endpoints of them, and waiting for a status."""

from __future__ import annotations

import io
import tarfile
import textwrap
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "hosting"
ECHO = """
    def model_fn(directory):
        return "WORD"
    def input_fn(body, content_type):
        return body.decode() if isinstance(body, bytes) else body
    def predict_fn(data, model):
        return f"{model} {data}"
    def output_fn(prediction, accept):
        return prediction, "text/plain"
"""


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            data = textwrap.dedent(text).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Hosting:
    """Endpoints of one server, by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.sagemaker, self.s3 = server.boto("sagemaker"), server.boto("s3")
        self.runtime = server.boto("sagemaker-runtime")
        self._before = self._models()
        if BUCKET not in {one["Name"] for one in self.s3.list_buckets()["Buckets"]}:
            self.s3.create_bucket(Bucket=BUCKET)

    def __enter__(self) -> Hosting:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to tests that share the server."""
        self.delete_all()
        for name in self._models() - self._before:
            self.sagemaker.delete_model(ModelName=name)
        for page in self.sagemaker.get_paginator("list_endpoint_configs").paginate():
            for one in page["EndpointConfigs"]:
                self.sagemaker.delete_endpoint_config(EndpointConfigName=one["EndpointConfigName"])

    def delete_all(self, timeout_s: float = 90) -> None:
        until = time.monotonic() + timeout_s
        while names := [one["EndpointName"] for one in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]:
            assert time.monotonic() < until, names
            for name in names:
                with suppress(ClientError):  # in Creating or Updating it has to wait
                    self.sagemaker.delete_endpoint(EndpointName=name)
            time.sleep(0.1)

    def _models(self) -> set[str]:
        pages = self.sagemaker.get_paginator("list_models").paginate()
        return {one["ModelName"] for page in pages for one in page["Models"]}

    def create_model(self, name: str, **request: Any) -> None:
        """A model in place of the one of its name that another test has left."""
        if name in self._before:
            self.sagemaker.delete_model(ModelName=name)
            self._before.discard(name)
        self.sagemaker.create_model(ModelName=name, **request)

    def model(self, name: str, code: str = ECHO, word: str = "", **changes: Any) -> str:
        """A model whose script is `code`; WORD in it stands for `word`, or the model's name."""
        script = textwrap.dedent(code).replace("WORD", word or name)
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive({"code/inference.py": script}))
        container = {
            "Image": SHELL_IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            },
        }
        container["Environment"] |= changes.pop("environment", {})
        self.create_model(name, ExecutionRoleArn=ROLE, PrimaryContainer=container | changes)
        return name

    def variant(self, name: str, model: str, weight: float = 1.0, **changes: Any) -> dict[str, Any]:
        variant = {
            "VariantName": name,
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }
        return variant | changes

    def config(self, name: str, *variants: dict[str, Any], **changes: Any) -> str:
        request = {"EndpointConfigName": name, "ProductionVariants": list(variants)}
        self.sagemaker.create_endpoint_config(**(request | changes))
        return name

    def endpoint(self, name: str, *variants: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A new endpoint that is in service."""
        self.config(f"{name}-config", *variants, **changes)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
        return self.settled(name)

    def settled(self, name: str, status: str = "InService", timeout_s: float = 120) -> dict[str, Any]:
        """The endpoint once nothing is under way; it has that status then."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
            if described["EndpointStatus"] not in {"Creating", "Updating", "RollingBack"}:
                assert described["EndpointStatus"] == status, (described, self.lines(name))
                return described
            time.sleep(0.05)
        raise AssertionError((self.sagemaker.describe_endpoint(EndpointName=name), self.lines(name)))

    def lines(self, name: str) -> list[str]:
        """Log lines of its model servers."""
        try:
            found = self.server.boto("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")
        except Exception as error:  # the reason of a failure is told with it, not in its place
            return [repr(error)]
        return [event["message"] for event in found["events"]]

    def says(self, name: str, line: str, timeout_s: float = 20) -> bool:
        """Whether its model servers say it: lines come to the log a little after what they report."""
        deadline = time.monotonic() + timeout_s
        while line not in self.lines(name):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def streams(self, group: str, count: int = 1, timeout_s: float = 20) -> list[str]:
        """The streams of a group of SageMaker's logs, once there are `count`: lines come a little after what they report."""
        logs, deadline = self.server.boto("logs"), time.monotonic() + timeout_s
        while True:
            found: list[Any] = []
            with suppress(logs.exceptions.ResourceNotFoundException):
                found = logs.describe_log_streams(logGroupName=f"/aws/sagemaker/{group}")["logStreams"]
            if len(found) >= count or time.monotonic() > deadline:
                return [one["logStreamName"] for one in found]
            time.sleep(0.2)

    def all_answered(self, name: str, word: str, times: int = 20, timeout_s: float = 30) -> None:
        """Return once so many requests on end are answered with `word`: the front learns of a change after its status says so."""
        until = time.monotonic() + timeout_s
        while (found := {self._word(name) for _ in range(times)}) != {word}:
            assert time.monotonic() < until, found

    def _word(self, name: str) -> str:
        """The answer, or what is said in its place."""
        try:
            return self.ask(name)
        except ClientError as error:
            return str(error)

    def ask(self, name: str, body: str = "x", **changes: Any) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/plain", **changes)
        text: str = answer["Body"].read().decode()
        return text


def kept(hosting: Hosting, uri: str, timeout_s: float = 40) -> str:
    """The text of an object, once there is one."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    until = time.monotonic() + timeout_s
    while True:
        try:
            return str(hosting.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        except ClientError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
