"""Pipeline executions: steps are begun, looked after and ended until nothing is left to be done.

What runs next is decided by `pipelines.plan`; what a step does by `engine.steps`, through operations, as the execution's role. The
row of a step is written before anything is asked for, and what it makes has a name that follows from its attempt, so a step that
was broken off is taken up and makes nothing twice. Source: AWS's developer guide, "SageMaker Pipelines".
"""

from __future__ import annotations

from collections import OrderedDict

from sagewright.engine import steprecords
from sagewright.engine.pipelineturn import Means, Progress, Turn
from sagewright.engine.steprecords import EXECUTION, VERSION
from sagewright.pipelines.definition import read_definition
from sagewright.store import resources
from sagewright.store.jobs import Place
from sagewright.store.resources import Resource

LIVE = ("Executing", "Stopping")
MOST_KEPT = 200


class Pipelines:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (EXECUTION,)

    def __init__(self, means: Means) -> None:
        self._means = means
        self._progress: OrderedDict[str, Progress] = OrderedDict()

    def recover(self) -> None:
        """Nothing: all stands in the rows."""

    def active(self) -> list[tuple[str, str]]:
        return [(EXECUTION, one) for one in resources.in_status(self._means.store, EXECUTION, LIVE)]

    def reconcile(self, subject_id: str) -> None:
        execution = resources.get(self._means.store, subject_id)
        if execution is None or execution.status not in LIVE:
            self._progress.pop(subject_id, None)
            return
        try:
            Turn(self._means, execution, self._of(execution)).take()
        except steprecords.Overtaken:  # by another server: what it wrote is read
            self._progress.pop(subject_id, None)

    def _of(self, execution: Resource) -> Progress:
        progress = self._progress.get(execution.id)
        if progress is None or progress.round != execution.document.get("Round", 1):
            records = steprecords.of_execution(self._means.store, execution.id)
            progress = Progress(
                read_definition(self._text(execution)),
                records,
                execution.document.get("Round", 1),
                _selected(execution),
            )
            self._progress[execution.id] = progress
            while len(self._progress) > MOST_KEPT:
                self._progress.popitem(last=False)
        return progress

    def _text(self, execution: Resource) -> str:
        document = execution.document
        place = Place(VERSION, execution.account, execution.region)
        row = resources.find(self._means.store, place, document["PipelineId"], document["PipelineVersionId"])
        return str(row.document["PipelineDefinition"]) if row else '{"Version": "2020-12-01", "Steps": []}'


def _selected(execution: Resource) -> frozenset[str] | None:
    """The steps of a selective execution, None for all."""
    selection = execution.document.get("SelectiveExecutionConfig")
    return frozenset(one["StepName"] for one in selection["SelectedSteps"]) if selection else None
