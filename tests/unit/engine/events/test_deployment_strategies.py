"""How a strategy reads as UpdateEndpoint's DeploymentConfig."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.events.deployment_strategies import BadStrategy, read_strategy
from sagewright.model.aws.shapes import ServiceModel
from sagewright.wire.models import service_model
from sagewright.wire.validation import validate

SHOWN: dict[str, dict[str, Any]] = {
    "all-at-once": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
    "canary:10%/5m": {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    },
    "linear:20%/1h": {
        "Type": "LINEAR",
        "WaitIntervalInSeconds": 3600,
        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 20},
    },
}


@pytest.mark.parametrize("text", [*SHOWN, "rolling:50%/30s"])
def test_every_strategy_is_a_request_that_the_model_takes(text: str) -> None:
    config = read_strategy(text)
    model: ServiceModel = service_model("sagemaker")
    request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}
    validate(model.operation_model("UpdateEndpoint"), request)
    if text in SHOWN:
        assert config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == SHOWN[text]
    else:
        size = {"Type": "CAPACITY_PERCENT", "Value": 50}
        assert config == {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 30}}


@pytest.mark.parametrize(
    "text",
    ["", "canary", "canary:0%/5m", "canary:51%/5m", "linear:5%/5m", "canary:10%/2h", "canary:10/5m", "blue:10%/5m"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadStrategy):
        read_strategy(text)
