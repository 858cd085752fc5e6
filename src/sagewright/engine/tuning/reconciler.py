"""Hyperparameter tuning jobs: starts, observes and stops training jobs until the best is found or a limit is reached.

`tuning.loop` and the searcher's process decide what to try next; this module carries it out. A trial's row is written before its
training job is requested, under a name derived from its number, so that repeating a step creates no second job, whether another
server repeats it or this one after a restart. Source: AWS's developer guide, "Automatic model tuning".
"""

from __future__ import annotations

from dataclasses import replace

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.tuning import trials
from sagewright.engine.tuning.tuning_documents import TuningDocument
from sagewright.engine.tuning.tuning_pass import TuningPass, TuningProgress
from sagewright.kinds.tuning import KIND, TrainingDefinition, TuningPlan, read_plan
from sagewright.model.jobs.state_machines import ENDED, Status
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource
from sagewright.tuning.minds import Deciding
from sagewright.tuning.study import Trial


class TuningReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies, searchers: Deciding) -> None:
        self._dependencies, self._searchers = dependencies, searchers
        self._progress: dict[str, TuningProgress] = {}

    def active(self) -> list[tuple[str, str]]:
        found = resources.in_status(self._dependencies.store, KIND, (Status.IN_PROGRESS, Status.STOPPING))
        for gone in set(self._progress) - set(found):
            self._progress.pop(gone, None)
        return [(KIND, one) for one in found]

    def reconcile(self, subject_id: str) -> None:
        tuner = resources.get(self._dependencies.store, subject_id)
        if tuner is None or tuner.status in ENDED:
            self._progress.pop(subject_id, None)
            return
        progress = self._progress.get(subject_id)
        if progress is None:
            progress = self._progress[subject_id] = self._read(tuner)
        try:
            TuningPass(self._dependencies, self._searchers, tuner, progress).take()
        except trials.TrialOvertaken:  # by another server: its rows are read
            self._progress.pop(subject_id, None)

    def _read(self, tuner: Resource) -> TuningProgress:
        plan = read_plan(tuner.document, TuningDocument.read(tuner.document).seed)
        progress = TuningProgress(
            plan, {one.number: one for one in trials.of_tuner(self._dependencies.store, tuner.id)}
        )
        for definition in plan.definitions if plan.parents else ():
            progress.parents[definition.name] = self._of_parents(tuner, plan, definition)
        return progress

    def _of_parents(self, tuner: Resource, plan: TuningPlan, definition: TrainingDefinition) -> tuple[Trial, ...]:
        """Returns the trials of the parents; a parent deleted since then contributes none."""
        found: list[Trial] = []
        for name in plan.parents:
            parent = resources.find(self._dependencies.store, ResourceScope(KIND, tuner.account, tuner.region), name)
            if parent is not None:
                (own,) = read_plan(parent.document, 0).definitions
                records = trials.of_tuner(self._dependencies.store, parent.id)
                found += trials.parents_trials(name, records, own, definition.space)
        return tuple(replace(one, number=-at) for at, one in enumerate(found, start=1))
