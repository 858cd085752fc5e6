"""Resolves the references of a step: parameters, results of other steps, and JSON files."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sagewright.engine.dependencies import May
from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.execution_documents import ExecutionDocument
from sagewright.engine.pipelines.step_records import EXECUTION, StepRecord
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.budgets import Budget, OverBudget
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore
from sagewright.pipelines.definition import PipelineDefinition
from sagewright.pipelines.errors import BadReference
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_FILE = 4 << 20
"""Maximum bytes of a property file."""
MOST_READ = 64 << 20
"""Maximum bytes of all files that one step reads."""
_reading = threading.Lock()
"""Parsing JSON takes up to 25 times its size in memory, so one file is read at a time."""


def execution_arn(execution: Resource) -> str:
    """`arn:…:pipeline/<name>/execution/<id>`."""
    name = ExecutionDocument.read(execution.document).pipeline
    return f"{sagemaker_arn(execution.region, execution.account, 'pipeline', name)}/execution/{execution.name}"


@dataclass(frozen=True)
class StepReferences:
    """Implements pipelines.references.ReferenceResolver for one step of one execution, `record`; None if it has not begun.

    `may`: see Dependencies. Data read from earlier executions and from S3 is cached for the lifetime of this object.
    """

    store: Database
    objects: ObjectStore
    execution: Resource
    definition: PipelineDefinition
    records: Mapping[str, StepRecord]
    record: StepRecord | None
    may: May
    _earlier: dict[str, StepRecord | None] = field(default_factory=dict)
    _files: dict[str, Any] = field(default_factory=dict)
    _read: Budget = field(default_factory=lambda: Budget("The S3 data that a step reads", MOST_READ))

    @cached_property
    def _document(self) -> ExecutionDocument:
        return ExecutionDocument.read(self.execution.document)

    def parameter(self, name: str) -> Any:
        return self._document.parameters[name]

    def execution_value(self, name: str) -> Any:
        pipeline = self._document.pipeline
        job = self.record.job if self.record else ""
        values = {
            "PipelineName": pipeline,
            "PipelineArn": sagemaker_arn(self.execution.region, self.execution.account, "pipeline", pipeline),
            "PipelineExecutionId": self.execution.name,
            "PipelineExecutionArn": execution_arn(self.execution),
            "StartDateTime": to_datetime(self.execution.created_ms).isoformat(),
            "CurrentDateTime": datetime.now(UTC).isoformat(),
            "TrainingJobName": job,
            "ProcessingJobName": job,
        }
        if name not in values:
            raise BadReference(f"Execution.{name} is nothing that can be referred to")
        return values[name]

    def properties(self, step: str) -> dict[str, Any]:
        record = self.records.get(step) or self._of_earlier(step)
        if record is None or record.properties is None:
            raise BadReference(f"step '{step}' has no result")
        return {**record.properties, **({"Outcome": record.outcome} if record.outcome is not None else {})}

    def _of_earlier(self, step: str) -> StepRecord | None:
        """Returns the step's record in the execution that a selective one is based on, or that this one resumed from."""
        if step not in self._earlier:
            self._earlier[step] = self._find_earlier(step)
        return self._earlier[step]

    def _find_earlier(self, step: str) -> StepRecord | None:
        scope = ResourceScope(EXECUTION, self.execution.account, self.execution.region)
        source = self._document.source
        while source is not None:
            earlier = resources.find(self.store, scope, source)
            record = None if earlier is None else step_records.one_of(self.store, earlier, step)
            if record is not None or earlier is None:
                return record
            source = ExecutionDocument.read(earlier.document).source
        return None

    def file(self, step: str, name: str) -> Any:
        declared = next((one for one in self.definition.step(step).files if one.name == name), None)
        if declared is None:
            raise BadReference(f"step '{step}' has no property file '{name}'")
        outputs = self.properties(step).get("ProcessingOutputConfig", {}).get("Outputs", [])
        uri = next((one["S3Output"]["S3Uri"] for one in outputs if one.get("OutputName") == declared.output), None)
        if uri is None:
            raise BadReference(f"step '{step}' has no output '{declared.output}'")
        return self.object(f"{uri.rstrip('/')}/{declared.path}")

    def object(self, uri: str) -> Any:
        if uri not in self._files:
            self._files[uri] = self._read_object(uri)
        return self._files[uri]

    def _read_object(self, uri: str) -> Any:
        try:
            scope = read_s3_uri(uri)
            if not self.may(self._document.role, "s3:GetObject", f"arn:aws:s3:::{scope.bucket}/{scope.key}"):
                raise BadReference(
                    f"{uri} can't be read: the policies of {self._document.role} do not allow s3:GetObject"
                )
            with _reading:
                data = self.objects.read_bytes(scope.bucket, scope.key, MOST_FILE)
                self._read.spend(len(data))
                return json.loads(data)
        except OverBudget as error:
            raise BadReference(f"{uri} can't be read: {error}") from None
        except (AwsError, ValueError, RecursionError) as error:
            raise BadReference(f"{uri} can't be read as JSON: {error}") from None
