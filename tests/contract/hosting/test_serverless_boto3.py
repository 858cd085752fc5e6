"""Serverless variants by boto3: from nothing to an answer, and back to nothing; their concurrency and their memory."""

from __future__ import annotations

import concurrent.futures
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.hosting import ECHO, Hosting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import RunningServer

SLOW = ECHO.replace("def predict_fn(data, model):", "def predict_fn(data, model):\n        import time; time.sleep(4)")


@pytest.fixture(scope="module")
def hosting(server_with: Callable[..., RunningServer]) -> Iterator[Hosting]:
    with Hosting(server_with(SAGEWRIGHT_SERVERLESS_IDLE_S="2")) as made:
        yield made


def test_from_nothing_and_back(hosting: Hosting) -> None:
    hosting.model("idle")
    variant = {
        "VariantName": "v",
        "ModelName": "idle",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 3},
    }
    described = hosting.endpoint("idle", variant)
    assert described["ProductionVariants"][0]["CurrentServerlessConfig"] == {
        "MemorySizeInMB": 2048,
        "MaxConcurrency": 3,
    }
    assert "CurrentInstanceCount" not in described["ProductionVariants"][0]
    assert hosting.ask("idle") == "idle x"
    until = time.monotonic() + 40
    while hosting.server.agents() and time.monotonic() < until:
        time.sleep(0.2)
    assert not hosting.server.agents(), "it gave back what it held"
    assert hosting.sagemaker.describe_endpoint(EndpointName="idle")["EndpointStatus"] == "InService"
    assert hosting.ask("idle") == "idle x"
    assert len(hosting.server.agents()) == 1
    hosting.sagemaker.delete_endpoint(EndpointName="idle")


def test_more_requests_than_it_may_take_are_refused(hosting: Hosting) -> None:
    hosting.model("narrow", SLOW)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    hosting.endpoint("narrow", {"VariantName": "v", "ModelName": "narrow", "ServerlessConfig": serverless})

    def ask(_number: int) -> str:
        try:
            return hosting.ask("narrow")
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert answers.count("narrow x") == 2
    assert answers.count("ThrottlingException") == 4
    hosting.sagemaker.delete_endpoint(EndpointName="narrow")


def test_configurations_that_exclude_each_other(hosting: Hosting) -> None:
    hosting.model("either")
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    with pytest.raises(ClientError, match="excludes InstanceType"):
        hosting.config("either", hosting.variant("v", "either", ServerlessConfig=serverless))
    with pytest.raises(ClientError, match="MaxConcurrency"):
        wrong = serverless | {"ProvisionedConcurrency": 5}
        hosting.config("either", {"VariantName": "v", "ModelName": "either", "ServerlessConfig": wrong})
