"""Steps that wait for an endpoint, though another server on the store takes each of them first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.pipelines import step
from tests.unit.engine.dependencies import dependencies
from tests.unit.engine.hosting import Endpoint, Hosting, Outpaced
from tests.unit.engine.pipelines.test_reconciler import World, drive

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.reconciler import PipelineReconciler
from sagewright.model.errors import ValidationException
from sagewright.store.database import Database


@dataclass
class Components:
    """Inference components that are InService a look after they were created or updated."""

    rest: Call
    specifications: dict[str, dict[str, Any]] = field(default_factory=dict)
    changing: set[str] = field(default_factory=set)

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        verb, _, rest = question.operation.partition("InferenceComponent")
        if rest or verb == question.operation:
            return self.rest(question)
        name = question.request["InferenceComponentName"]
        if verb == "Describe":
            return self._described(name)
        if verb == "Create" and name in self.specifications:
            raise ValidationException(f'Cannot create already existing inference component "{name}".')
        if verb == "Update" and name in self.changing:
            raise ValidationException(f'Cannot update inference component "{name}" in the status Updating.')
        self.specifications[name] = question.request["Specification"]
        self.changing.add(name)
        return {"InferenceComponentArn": f"arn:{name}"}

    def _described(self, name: str) -> dict[str, Any]:
        if name not in self.specifications:
            raise ValidationException(f'Could not find inference component "{name}".')
        status = "Updating" if name in self.changing else "InService"
        self.changing.discard(name)
        return {
            "InferenceComponentArn": f"arn:{name}",
            "InferenceComponentStatus": status,
            "Specification": self.specifications[name],
            "RuntimeConfig": {"DesiredCopyCount": 1},
        }


def _status(database: Database, call: Call, world: World, *steps: Any) -> str:
    execution = world.execution(*steps)
    drive(world, execution, PipelineReconciler(dependencies(database, call=call)))
    (record,) = step_records.of_execution(database, execution.id).values()
    return f"{record.status} {record.reason or ''}".strip()


@pytest.mark.parametrize("there", [False, True])
def test_an_endpoint_that_another_server_creates_or_updates_first(database: Database, there: bool) -> None:
    world = World(database)
    hosting = Hosting(world)
    if there:
        hosting.endpoints["e"] = Endpoint("old", "InService")
    one = step("serve", "Endpoint", {"EndpointName": "e", "EndpointConfigName": "new"})
    assert _status(database, Outpaced(hosting), world, one) == "Succeeded"
    assert (hosting.endpoints["e"].config, hosting.endpoints["e"].status) == ("new", "InService")


def test_an_endpoint_that_somebody_updates_to_another_configuration_is_not_this_steps(database: Database) -> None:
    world = World(database)
    hosting = Hosting(world)
    hosting.endpoints["e"] = Endpoint("old", "Updating", pending="theirs", looks=9)
    one = step("serve", "Endpoint", {"EndpointName": "e", "EndpointConfigName": "new"})
    status = _status(database, hosting, world, one)
    assert status.startswith("Failed ClientError")
    assert "Cannot update in-progress endpoint" in status


@pytest.mark.parametrize("there", [False, True])
def test_a_component_that_another_server_creates_or_updates_first(database: Database, there: bool) -> None:
    world = World(database)
    components = Components(world)
    if there:
        components.specifications["c"] = {"ModelName": "old"}
    arguments = {"InferenceComponentName": "c", "EndpointName": "e", "Specification": {"ModelName": "m"}}
    one = step("serve", "InferenceComponent", arguments)
    assert _status(database, Outpaced(components), world, one) == "Succeeded"
    assert components.specifications["c"] == {"ModelName": "m"}
