"""Inference experiments by boto3: a shadow test from its start to the promotion of the shadow, by schedule, and what cannot be."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE
from tests.hosting import BUCKET, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        made.model("champion")
        made.model("challenger")
        yield made


def variant(name: str, model: str) -> dict[str, Any]:
    real = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    config = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": real}
    return {"VariantName": name, "ModelName": model, "InfrastructureConfig": config}


def request(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "ShadowMode",
        "RoleArn": ROLE,
        "EndpointName": f"{name}-endpoint",
        "ModelVariants": [variant("prod", "champion"), variant("twin", "challenger")],
        "DataStorageConfig": {"Destination": f"s3://{BUCKET}/experiments"},
        "ShadowModeConfig": {
            "SourceModelVariantName": "prod",
            "ShadowModelVariants": [{"ShadowModelVariantName": "twin", "SamplingPercentage": 100}],
        },
    } | changes


def until(hosting: Hosting, name: str, status: str, timeout_s: float = 60) -> dict[str, Any]:
    limit = time.monotonic() + timeout_s
    while True:
        described: dict[str, Any] = hosting.sagemaker.describe_inference_experiment(Name=name)
        if described["Status"] == status:
            return described
        assert time.monotonic() < limit, described
        time.sleep(0.2)


def test_a_shadow_is_tried_and_promoted(hosting: Hosting) -> None:
    sagemaker = hosting.sagemaker
    sagemaker.create_inference_experiment(**request("trial"))
    described = until(hosting, "trial", "Running")
    assert [one["Status"] for one in described["ModelVariants"]] == ["InService", "InService"]
    assert described["EndpointMetadata"]["EndpointStatus"] == "InService"
    assert {hosting.ask("trial-endpoint") for _ in range(5)} == {"champion x"}
    limit = time.monotonic() + 20
    prefix = "experiments/trial-endpoint/twin/"
    while not hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents") and time.monotonic() < limit:
        time.sleep(0.2)
    assert hosting.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"], "the shadow's answers are kept"
    with pytest.raises(ClientError, match="stop it first"):
        sagemaker.delete_inference_experiment(Name="trial")
    sagemaker.stop_inference_experiment(
        Name="trial", ModelVariantActions={"prod": "Remove", "twin": "Promote"}, Reason="it is better"
    )
    described = until(hosting, "trial", "Completed")
    assert {one["VariantName"]: one["Status"] for one in described["ModelVariants"]} == {
        "prod": "Deleted",
        "twin": "InService",
    }
    assert described["StatusReason"] == "it is better"
    hosting.all_answered("trial-endpoint", "challenger x")
    sagemaker.delete_inference_experiment(Name="trial")
    assert sagemaker.list_inference_experiments(NameContains="trial")["InferenceExperiments"] == []


def test_a_schedule_begins_and_ends_it(hosting: Hosting) -> None:
    now = datetime.now(UTC)
    schedule = {"StartTime": now + timedelta(seconds=2), "EndTime": now + timedelta(seconds=14)}
    hosting.sagemaker.create_inference_experiment(**request("timed", Schedule=schedule))
    until(hosting, "timed", "Created")
    until(hosting, "timed", "Running")
    described = until(hosting, "timed", "Completed")
    assert {one["VariantName"]: one["Status"] for one in described["ModelVariants"]} == {
        "prod": "InService",
        "twin": "Deleted",
    }
    endpoint = hosting.settled("timed-endpoint")
    assert "ShadowProductionVariants" not in endpoint
    assert [one["VariantName"] for one in endpoint["ProductionVariants"]] == ["prod"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ModelVariants": [variant("prod", "champion")]}, "two variants"),
        ({"ModelVariants": [variant("prod", "champion"), variant("twin", "nobody")]}, "Could not find model"),
        (
            {"ModelVariants": [variant("prod", "champion"), variant("other", "challenger")]},
            "must name one of the variants",
        ),
    ],
)
def test_experiments_that_cannot_be(hosting: Hosting, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        hosting.sagemaker.create_inference_experiment(**request("bad", **changes))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_actions_that_leave_nothing(hosting: Hosting) -> None:
    later = {"StartTime": datetime.now(UTC) + timedelta(hours=1)}
    hosting.sagemaker.create_inference_experiment(**request("waiting", Schedule=later))
    until(hosting, "waiting", "Created")
    for actions in ({"prod": "Remove", "twin": "Remove"}, {"prod": "Retain", "twin": "Promote"}, {"prod": "Retain"}):
        with pytest.raises(ClientError) as caught:
            hosting.sagemaker.stop_inference_experiment(Name="waiting", ModelVariantActions=actions)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
    hosting.sagemaker.stop_inference_experiment(
        Name="waiting", ModelVariantActions={"prod": "Retain", "twin": "Remove"}
    )
    assert until(hosting, "waiting", "Cancelled")["Status"] == "Cancelled"
