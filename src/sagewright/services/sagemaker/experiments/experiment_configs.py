"""ExperimentConfig of jobs: the trial that a job's component is added to when the job is created.

Source: AWS's API reference, ExperimentConfig: the experiment must exist; without a TrialName a new trial is created.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from sagewright.kinds.base import Kind
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.experiments import EXPERIMENTS
from sagewright.services.sagemaker.experiments.trial_component_shapes import SOURCE_TYPES
from sagewright.services.sagemaker.experiments.trials import TRIALS
from sagewright.store.resources import resources, trials
from sagewright.store.resources.resources import Resource
from sagewright.store.schema.jobs import jobs

LONGEST = 120
SUFFIX = "-aws-trial"


@dataclass(frozen=True)
class _Place:
    """`trial`: None for a trial that is yet to be created."""

    experiment: Resource | None
    trial: Resource | None
    new_name: str


def tracking(context: Context, kind: Kind, name: str, request: dict[str, Any]) -> Callable[[Connection], None] | None:
    """Returns a function that adds the component to the trial, to be called in the transaction that creates the job. Raises
    ResourceNotFound, ValidationException."""
    config = request.get("ExperimentConfig") or {}
    if kind.name not in SOURCE_TYPES or not (config.get("ExperimentName") or config.get("TrialName")):
        return None
    scope = _scope(context, name, config)

    def write(connection: Connection) -> None:
        own = (jobs.c.kind == kind.name, jobs.c.account == context.account, jobs.c.region == context.region)
        job = connection.execute(select(jobs).where(*own, jobs.c.name == name)).one()
        component = job_components.make_in(connection, job)
        trials.associate_in(connection, _trial_in(context, connection, scope), component.id)

    return write


def _scope(context: Context, name: str, config: dict[str, Any]) -> _Place:
    experiment = EXPERIMENTS.require(context, config["ExperimentName"]) if config.get("ExperimentName") else None
    new_name = f"{name[: LONGEST - len(SUFFIX)]}{SUFFIX}"
    if not config.get("TrialName"):
        found = TRIALS.find(context, new_name)
        if found is not None and experiment is not None and found.parent != experiment.id:
            raise TRIALS.taken(TRIALS.arn(context, new_name))
        return _Place(experiment, found, new_name)
    trial = TRIALS.require(context, config["TrialName"])
    if experiment is not None and trial.parent != experiment.id:
        raise ValidationException(
            f"The trial '{config['TrialName']}' does not belong to the experiment '{config['ExperimentName']}'."
        )
    return _Place(experiment, trial, new_name)


def _trial_in(context: Context, connection: Connection, scope: _Place) -> str:
    """Returns the trial's id. Raises ResourceNotFound if it or its experiment was deleted meanwhile."""
    if scope.trial is not None:
        if resources.locked_in(connection, scope.trial.id) is None:
            raise TRIALS.missing(TRIALS.arn(context, scope.trial.name))
        return scope.trial.id
    assert scope.experiment is not None
    if resources.locked_in(connection, scope.experiment.id) is None:
        raise EXPERIMENTS.missing(EXPERIMENTS.arn(context, scope.experiment.name))
    request = {"TrialName": scope.new_name, "ExperimentName": scope.experiment.document["Name"]}
    return TRIALS.create_in(context, connection, request, scope.experiment.id).id
