"""Inference experiments: a step that another server takes first, or that cannot be taken now, ends none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.dependencies import dependencies
from tests.unit.engine.hosting import Hosting, Nothing, Outpaced

from sagewright.engine.calls import OperationRequest
from sagewright.engine.endpoints.shadow_tests import KIND, ShadowTestReconciler
from sagewright.model.errors import ServiceUnavailable, ValidationException
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource


def _variant(name: str) -> dict[str, Any]:
    real = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    return {"VariantName": name, "ModelName": name, "InfrastructureConfig": {"RealTimeInferenceConfig": real}}


@pytest.fixture
def experiment(database: Database) -> Resource:
    document = {
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "EndpointName": "e",
        "ModelVariants": [_variant("now"), _variant("next")],
        "ShadowModeConfig": {
            "SourceModelVariantName": "now",
            "ShadowModelVariants": [{"ShadowModelVariantName": "next", "SamplingPercentage": 50}],
        },
        "Step": 1,
    }
    scope = ResourceScope(KIND, "000000000000", "us-east-1")
    return resources.create(database, scope, New("x", document, "arn", {}, status="Starting"))


def _after(database: Database, experiment: Resource, call: Any, steps: int = 6) -> Resource:
    for _ in range(steps):
        ShadowTestReconciler(dependencies(database, call=call)).reconcile(experiment.id)
    found = resources.get(database, experiment.id)
    assert found is not None
    return found


def test_another_server_that_takes_each_step_first_does_not_end_it(database: Database, experiment: Resource) -> None:
    hosting = Hosting(Nothing())
    assert _after(database, experiment, Outpaced(hosting)).status == "Running"
    assert hosting.endpoints["e"].config == "x-1"


def test_a_call_that_is_not_answered_is_repeated(database: Database, experiment: Resource) -> None:
    def busy(_question: OperationRequest) -> dict[str, Any]:
        raise ServiceUnavailable("busy")

    with pytest.raises(ServiceUnavailable):
        _after(database, experiment, busy)
    assert _after(database, experiment, Hosting(Nothing())).status == "Running"


def test_a_call_that_is_refused_ends_it_with_the_reason(database: Database, experiment: Resource) -> None:
    def refuses(_question: OperationRequest) -> dict[str, Any]:
        raise ValidationException("no such role")

    after = _after(database, experiment, refuses)
    assert (after.status, after.document["StatusReason"]) == ("Cancelled", "no such role")
