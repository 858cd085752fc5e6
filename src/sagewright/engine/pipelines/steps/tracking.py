"""PipelineExperimentConfig: the experiment and the trial that an execution's jobs belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.engine.pipelines.execution_documents import ExecutionDocument
from sagewright.engine.pipelines.step_records import EXECUTION
from sagewright.engine.pipelines.steps.base import StepContext
from sagewright.model.budgets import Budget
from sagewright.model.errors import AwsError
from sagewright.pipelines.errors import BadReference
from sagewright.pipelines.references import resolve
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MISSING = "ResourceNotFound"
MOST_NAMES = 64 << 10
"""Maximum bytes that references in the names may produce: they are resolved each time the execution is described."""
CallOperation = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Calls an operation with a request; answers as boto3 would."""


def experiment_config(context: StepContext) -> dict[str, Any]:
    """Returns the ExperimentConfig of the execution's jobs, after creating its experiment and trial; empty if there is none.

    Raises AwsError, BadReference.
    """
    config = names(context.execution)
    if config and not _is_there(context.invoke, config):
        _make(context, "CreateExperiment", {"ExperimentName": config["ExperimentName"]})
        _make(context, "CreateTrial", config)
    return config


def config_of_owner(store: Database, owner: Mapping[str, Any], invoke: CallOperation) -> dict[str, str]:
    """Returns the ExperimentConfig for what a pipeline execution's job creates, such as a tuning job's training jobs. Empty if the
    owner is not an execution, or its trial was deleted.

    Raises AwsError.
    """
    execution = resources.get(store, owner["Id"]) if owner.get("Kind") == EXECUTION else None
    if execution is None:
        return {}
    try:
        config = names(execution)
    except BadReference:
        return {}
    return config if config and _is_there(invoke, config) else {}


def _is_there(invoke: CallOperation, config: Mapping[str, str]) -> bool:
    try:
        invoke("DescribeTrial", {"TrialName": config["TrialName"]})
    except AwsError as error:
        if error.code != MISSING:
            raise
        return False
    return True


def names(execution: Resource) -> dict[str, str]:
    """Returns ExperimentName and TrialName, by default the names of the pipeline and of the execution. Raises BadReference."""
    document = ExecutionDocument.read(execution.document)
    written = document.experiment
    if not written:
        return {}
    described = resolve(dict(written), _TrackingResolver(execution), Budget("PipelineExperimentConfig", MOST_NAMES))
    found = {
        "ExperimentName": described.get("ExperimentName") or document.pipeline,
        "TrialName": described.get("TrialName") or execution.name,
    }
    for member, name in found.items():
        if not isinstance(name, str):
            raise BadReference(f"PipelineExperimentConfig.{member} must be a string, got {name!r}")
    return found


def _make(context: StepContext, operation: str, request: dict[str, Any]) -> None:
    """Creates an entity unless another execution has already created it."""
    try:
        context.invoke(operation, request)
    except AwsError as error:
        if "already exists" not in error.message:
            raise


@dataclass(frozen=True)
class _TrackingResolver:
    """Resolves references in the names: parameters, and properties that an execution has from its start. See
    pipelines.references.ReferenceResolver."""

    execution: Resource

    def parameter(self, name: str) -> Any:
        values = ExecutionDocument.read(self.execution.document).parameters
        if name not in values:
            raise BadReference(f"Parameters.{name} is nothing that can be referred to")
        return values[name]

    def execution_value(self, name: str) -> Any:
        values = {
            "PipelineName": ExecutionDocument.read(self.execution.document).pipeline,
            "PipelineExecutionId": self.execution.name,
        }
        if name not in values:
            raise BadReference(f"PipelineExperimentConfig can't refer to Execution.{name}")
        return values[name]

    def properties(self, step: str) -> dict[str, Any]:
        raise BadReference(f"PipelineExperimentConfig can't refer to the step '{step}'")

    def file(self, step: str, name: str) -> Any:
        raise BadReference(f"PipelineExperimentConfig can't refer to the property file '{name}' of the step '{step}'")

    def object(self, uri: str) -> Any:
        raise BadReference(f"PipelineExperimentConfig can't refer to {uri}")
