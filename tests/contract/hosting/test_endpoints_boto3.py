"""Endpoints driven by boto3: their life, variants and weights, updates and what comes of bad ones, model servers that die."""

from __future__ import annotations

import collections
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import ECHO, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/"
DIES = ECHO.replace(
    "def predict_fn(data, model):", "def predict_fn(data, model):\n        if data == 'die': import os; os._exit(7)"
)
BROKEN = "def model_fn(directory):\n    raise RuntimeError('no such weights')\n"


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_endpoints_life(hosting: Hosting) -> None:
    sagemaker = hosting.sagemaker
    hosting.model("one")
    described = hosting.endpoint("life", hosting.variant("only", "one"))
    assert (described["EndpointArn"], described["EndpointConfigName"]) == (f"{ARN}life", "life-config")
    (variant,) = described["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == ("only", 1.0, 1)
    answer = hosting.runtime.invoke_endpoint(EndpointName="life", Body=b"hello", ContentType="text/plain")
    assert answer["Body"].read() == b"one hello"
    assert (answer["InvokedProductionVariant"], answer["ContentType"]) == ("only", "text/plain")
    assert fault(sagemaker.create_endpoint, EndpointName="life", EndpointConfigName="life-config") == (
        "ValidationException",
        f'Cannot create already existing endpoint "{ARN}life".',
    )
    listed = sagemaker.list_endpoints(NameContains="life", StatusEquals="InService")["Endpoints"]
    assert [one["EndpointName"] for one in listed] == ["life"]
    assert hosting.streams("Endpoints/life")[0].startswith("only/i-")
    sagemaker.delete_endpoint(EndpointName="life")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="life", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    code, message = fault(sagemaker.describe_endpoint, EndpointName="life")
    assert code == "ValidationException"
    assert message.startswith(f'Could not find endpoint "{ARN}life".')  # other tests' endpoints may have a similar name
    code, message = fault(hosting.runtime.invoke_endpoint, EndpointName="life", Body=b"x")
    assert code == "ValidationError"
    assert message.startswith("Endpoint life of account 000000000000 not found.")


def test_variants_get_their_weights_to_within_one_request(hosting: Hosting) -> None:
    hosting.model("red")
    hosting.model("blue")
    hosting.endpoint("split", hosting.variant("a", "red", 7.0), hosting.variant("b", "blue", 3.0))
    found = collections.Counter(hosting.ask("split").split()[0] for _ in range(200))
    assert abs(found["red"] - 140) <= 1
    assert hosting.ask("split", TargetVariant="b") == "blue x"
    assert (
        fault(hosting.runtime.invoke_endpoint, EndpointName="split", Body=b"x", TargetVariant="c")[0]
        == "ValidationError"
    )
    wanted = [{"VariantName": "a", "DesiredWeight": 0.0}, {"VariantName": "b", "DesiredWeight": 1.0}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName="split", DesiredWeightsAndCapacities=wanted)
    described = hosting.settled("split")
    assert {one["VariantName"]: one["CurrentWeight"] for one in described["ProductionVariants"]} == {"a": 0.0, "b": 1.0}
    hosting.all_answered("split", "blue x")


def test_capacities_are_changed_in_place(hosting: Hosting) -> None:
    hosting.model("grows")
    hosting.endpoint("grows", hosting.variant("v", "grows"))
    wanted = [{"VariantName": "v", "DesiredInstanceCount": 3}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName="grows", DesiredWeightsAndCapacities=wanted)
    assert hosting.settled("grows")["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    wanted = [{"VariantName": "v", "DesiredInstanceCount": 1}]
    hosting.sagemaker.update_endpoint_weights_and_capacities(EndpointName="grows", DesiredWeightsAndCapacities=wanted)
    assert hosting.settled("grows")["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert hosting.ask("grows") == "grows x"


def test_an_update_under_load_fails_no_request(hosting: Hosting) -> None:
    hosting.model("old")
    hosting.model("new")
    hosting.endpoint("updated", hosting.variant("v", "old"))
    over, answers, failures = threading.Event(), collections.Counter[str](), list[BaseException]()

    def load() -> None:
        client = hosting.server.boto("sagemaker-runtime")
        while not over.is_set():
            try:
                answer = client.invoke_endpoint(EndpointName="updated", Body=b"x", ContentType="text/plain")
                answers[answer["Body"].read().decode()] += 1
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        hosting.config("updated-2", hosting.variant("v", "new"))
        hosting.sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="updated-2")
        assert fault(hosting.sagemaker.delete_endpoint, EndpointName="updated") == (
            "ValidationException",
            f'Cannot update in-progress endpoint "{ARN}updated".',
        )
        described = hosting.settled("updated")
        time.sleep(3)  # the old instances end meanwhile
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert described["EndpointConfigName"] == "updated-2"
    assert not failures, failures[:3]
    assert set(answers) == {"old x", "new x"}
    assert hosting.ask("updated") == "new x"


def test_a_canary_gets_its_part_and_then_all(hosting: Hosting) -> None:
    hosting.model("before")
    hosting.model("after")
    hosting.endpoint("canary", hosting.variant("v", "before"))
    hosting.config("canary-2", hosting.variant("v", "after"))
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        "WaitIntervalInSeconds": 4,
    }
    deployment = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    hosting.sagemaker.update_endpoint(EndpointName="canary", EndpointConfigName="canary-2", DeploymentConfig=deployment)
    until = time.monotonic() + 60
    while time.monotonic() < until and hosting.ask("canary") != "after x":
        time.sleep(0.05)
    found = collections.Counter(hosting.ask("canary").split()[0] for _ in range(100))
    assert 24 <= found["after"] <= 26, found
    described = hosting.settled("canary")
    assert described["LastDeploymentConfig"] == deployment
    assert {hosting.ask("canary") for _ in range(10)} == {"after x"}


def test_an_update_that_cannot_start_leaves_the_old_configuration(hosting: Hosting) -> None:
    hosting.model("sound")
    hosting.model("unsound", BROKEN)
    hosting.endpoint("kept", hosting.variant("v", "sound"))
    hosting.config("kept-2", hosting.variant("v", "unsound"))
    begin = time.monotonic()
    hosting.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="kept-2")
    described = hosting.settled("kept")
    assert time.monotonic() - begin < 60
    assert described["EndpointConfigName"] == "kept-config"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert hosting.ask("kept") == "sound x"
    assert any("no such weights" in line for line in hosting.lines("kept"))


def test_an_endpoint_that_cannot_start_has_failed(hosting: Hosting) -> None:
    hosting.model("bad", BROKEN)
    hosting.config("bad-config", hosting.variant("v", "bad"))
    hosting.sagemaker.create_endpoint(EndpointName="bad", EndpointConfigName="bad-config")
    described = hosting.settled("bad", "Failed")
    assert described["FailureReason"].startswith(
        "The primary container for production variant v did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    assert "RuntimeError: no such weights. See:" in described["FailureReason"]
    assert "sagewright endpoints logs bad" in described["FailureReason"]
    hosting.sagemaker.delete_endpoint(EndpointName="bad")


def test_a_model_server_that_dies_comes_back(hosting: Hosting) -> None:
    hosting.model("mortal", DIES)
    hosting.endpoint("mortal", hosting.variant("v", "mortal"))
    code, message = fault(hosting.runtime.invoke_endpoint, EndpointName="mortal", Body=b"die", ContentType="text/plain")
    assert (code, "mortal" in message) == ("ModelError", True)
    assert hosting.ask("mortal") == "mortal x"


def test_what_a_script_raises_is_the_models_error(hosting: Hosting) -> None:
    hosting.model("raises", ECHO.replace("return f", "raise ValueError('ouch')\n        return f"))
    hosting.endpoint("raises", hosting.variant("v", "raises"))
    with pytest.raises(ClientError) as caught:
        hosting.ask("raises")
    described = caught.value.response
    assert (described["Error"]["Code"], described["OriginalStatusCode"]) == ("ModelError", 500)
    assert "Received server error (500) from primary with message" in described["Error"]["Message"]
    assert "/aws/sagemaker/Endpoints/raises" in described["LogStreamArn"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ProductionVariants": [{"VariantName": "v", "ModelName": "absent", "InstanceType": "ml.m5.large",
                                  "InitialInstanceCount": 1}]}, 'Could not find model "'),
        ({"ProductionVariants": [{"VariantName": "v", "ModelName": "present"}]}, "InstanceType"),
        ({"ProductionVariants": [{"VariantName": "v", "ModelName": "present", "InstanceType": "ml.m5.large",
                                  "InitialInstanceCount": 1}] * 2}, "given twice"),
        ({"ProductionVariants": [{"VariantName": "v", "ModelName": "present", "InstanceType": "ml.m5.large",
                                  "InitialInstanceCount": 1, "InitialVariantWeight": 0.0}]}, "weight above 0"),
    ],
)  # fmt: skip
def test_configurations_that_cannot_be(hosting: Hosting, changes: dict[str, Any], said: str) -> None:
    if "present" not in {one["ModelName"] for one in hosting.sagemaker.list_models(NameContains="present")["Models"]}:
        hosting.model("present")
    code, message = fault(hosting.sagemaker.create_endpoint_config, EndpointConfigName="bad", **changes)
    assert code == "ValidationException"
    assert said in message
    assert fault(hosting.sagemaker.describe_endpoint_config, EndpointConfigName="bad")[1].startswith(
        'Could not find endpoint configuration "'
    )
