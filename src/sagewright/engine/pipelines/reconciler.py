"""Pipeline executions: begins, observes and ends steps until nothing is left to do.

`pipelines.plan` decides what runs next; `engine.pipelines.steps` carries out a step through operations, with the execution's role.
A step's row is written before anything is requested, and what the step creates has a name derived from its attempt, so an
interrupted step is resumed and creates nothing twice. Source: AWS's developer guide, "SageMaker Pipelines".
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from weakref import WeakValueDictionary

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.execution_documents import LIVE, ExecutionDocument, VersionDocument
from sagewright.engine.pipelines.execution_pass import ExecutionPass, ExecutionProgress
from sagewright.engine.pipelines.step_records import EXECUTION, VERSION
from sagewright.pipelines.definition import PipelineDefinition, read_definition
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_KEPT, MOST_KEPT_BYTES = 200, 96 << 20
"""Maximum number of executions kept in memory, and of bytes of their steps and definitions. Others are read again."""


class PipelineReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (EXECUTION,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._progress: OrderedDict[str, ExecutionProgress] = OrderedDict()
        self._definitions: WeakValueDictionary[tuple[str, int], PipelineDefinition] = WeakValueDictionary()
        self._changing = threading.Lock()

    def active(self) -> list[tuple[str, str]]:
        return [(EXECUTION, one) for one in resources.in_status(self._dependencies.store, EXECUTION, LIVE)]

    def reconcile(self, subject_id: str) -> None:
        execution = resources.get(self._dependencies.store, subject_id)
        if execution is None or execution.status not in LIVE:
            self._forget(subject_id)
            return
        try:
            ExecutionPass(self._dependencies, execution, self._of(execution)).take()
        except step_records.StepOvertaken:  # by another server: its rows are read
            self._forget(subject_id)
        except Exception:
            self._forget(subject_id)
            raise

    def _forget(self, execution_id: str) -> None:
        with self._changing:
            self._progress.pop(execution_id, None)

    def _of(self, execution: Resource) -> ExecutionProgress:
        with self._changing:
            progress = self._progress.get(execution.id)
        round_ = ExecutionDocument.read(execution.document).round
        if progress is None or progress.round != round_:
            records = step_records.of_execution(self._dependencies.store, execution.id)
            progress = ExecutionProgress(self._definition(execution), records, round_, _selected(execution))
        with self._changing:
            self._progress[execution.id] = progress
            self._progress.move_to_end(execution.id)
            while len(self._progress) > 1 and self._has_too_many():
                self._progress.popitem(last=False)
        return progress

    def _has_too_many(self) -> bool:
        kept = self._progress.values()
        definitions = {id(one.definition): one.definition.size for one in kept}
        size = sum(definitions.values()) + sum(one.rows.total for one in kept)
        return len(self._progress) > MOST_KEPT or size > MOST_KEPT_BYTES

    def _definition(self, execution: Resource) -> PipelineDefinition:
        """Returns the definition; all executions of a version share one object."""
        document = ExecutionDocument.read(execution.document)
        version = document.pipeline_id, document.version
        found = self._definitions.get(version)
        if found is None:
            scope = ResourceScope(VERSION, execution.account, execution.region)
            row = resources.find(self._dependencies.store, scope, *version)
            found = read_definition(VersionDocument.read(row.document).definition if row else EMPTY)
            self._definitions[version] = found
        return found


EMPTY = '{"Version": "2020-12-01", "Steps": []}'


def _selected(execution: Resource) -> frozenset[str] | None:
    """Returns the steps of a selective execution; None for all."""
    selection = ExecutionDocument.read(execution.document).selection
    return frozenset(one["StepName"] for one in selection["SelectedSteps"]) if selection else None
