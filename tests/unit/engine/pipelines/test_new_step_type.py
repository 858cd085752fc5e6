"""A type of step is one declaration: a toy, in a separate module, runs, is cached and takes retry policies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pipelines import get, step
from tests.unit.engine.pipelines.test_reconciler import World, drive

from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.steps.table import kind_of
from sagewright.pipelines import caching, step_types
from sagewright.pipelines.step_types import StepType
from sagewright.store.database import Database

MODULE = """
from sagewright.engine.pipelines.steps.base import AtOnce, StepObservation
from sagewright.pipelines.plan import StepStatus


def _shout(context, record):
    text = record.arguments["Text"].upper()
    return StepObservation(StepStatus.SUCCEEDED, {"Shout": {"Text": text}}, {"Text": text})


TOY = AtOnce(_shout)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepType]:
    (tmp_path / "toysteps.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(step_types, "_types", dict(step_types._types))
    yield step_types.register(StepType("Shout", runs="toysteps:TOY", cache_keys=("Text",), retried=True))
    sys.modules.pop("toysteps", None)


def test_a_new_type_of_step_runs_end_to_end(database: Database, toy: StepType) -> None:
    world = World(database)
    retries = [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2}]
    one = step("one", toy.name, {"Text": "hello"}, RetryPolicies=retries)
    two = step("two", toy.name, {"Text": get("Steps.one.Text")})
    execution = world.execution(one, two)
    drive(world, execution, world.pipelines())
    records = step_records.of_execution(database, execution.id)
    assert {name: (one.status, one.metadata) for name, one in records.items()} == {
        "one": ("Succeeded", {"Shout": {"Text": "HELLO"}}),
        "two": ("Succeeded", {"Shout": {"Text": "HELLO"}}),
    }
    assert caching.key_of(toy.name, {"Text": "a", "Other": 1}) == caching.key_of(toy.name, {"Text": "a"}) != ""


def test_a_name_is_registered_once(toy: StepType) -> None:
    with pytest.raises(RuntimeError, match="registered twice"):
        step_types.register(toy)


@pytest.mark.parametrize("name", [one.name for one in step_types.step_types()])
def test_every_declaration_names_what_carries_it_out(name: str) -> None:
    declared = step_types.step_type(name)
    assert bool(declared.runs) != bool(declared.lacking)
    assert all(callable(getattr(kind_of(name), method)) for method in ("begin", "observe", "stop"))
