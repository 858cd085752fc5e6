"""Trials: Create, Describe, List, Update, Delete, and which trial components belong to them.

Source: AWS's API reference, CreateTrial and AssociateTrialComponent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.experiments import CREATED, EXPERIMENTS, SORTS
from sagewright.services.sagemaker.experiments.tracked import Tracked
from sagewright.services.sagemaker.experiments.trial_component_shapes import COMPONENT_NOUN, simple
from sagewright.store.resources import resources, trials
from sagewright.store.resources.resources import Resource


def _described(context: Context, rows: Sequence[Resource]) -> list[dict[str, Any]]:
    """Describes trials with the names of their experiments."""
    found = {
        one.id: one.document["Name"] for one in resources.several(context.store, list({row.parent for row in rows}))
    }
    return [
        TRIALS.shape(row) | {"ExperimentName": found.get(row.parent, row.document["ExperimentName"])} for row in rows
    ]


def _whole(context: Context, rows: Sequence[Resource]) -> list[dict[str, Any]]:
    """Describes trials with their components."""
    members = trials.components_of(context.store, [row.id for row in rows])
    ids = list({one for own in members.values() for one in own})
    found = {one.id: simple(one) for one in resources.several(context.store, ids)}
    return [
        described | {"TrialComponentSummaries": [found[one] for one in members.get(row.id, ()) if one in found]}
        for row, described in zip(rows, _described(context, rows), strict=True)
    ]


TRIALS = Tracked(
    kind="trial",
    noun="Trial",
    arn_type="experiment-trial",
    missing=lambda arn: ResourceNotFound(f"Trial '{arn}' does not exist."),
    taken=lambda arn: ValidationException(f"Trial with arn '{arn}' already exists."),
    listed=ListSpec("TrialSummaries", SORTS, True, CREATED),
    search_record=lambda found: {"Trial": found},
    searched_as="ExperimentTrial",
    whole=_whole,
).declared()


@operation("sagemaker", "CreateTrial")
def create_trial(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return TRIALS.create_below(context, request, EXPERIMENTS.require(context, request["ExperimentName"]))


@operation("sagemaker", "DescribeTrial", quick=True)
def describe_trial(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    (described,) = _described(context, [TRIALS.require(context, request["TrialName"])])
    return described


@operation("sagemaker", "ListTrials")
def list_trials(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    conditions = []
    if "ExperimentName" in request:
        conditions.append(trials.belongs_to(EXPERIMENTS.require(context, request["ExperimentName"]).id))
    if "TrialComponentName" in request:
        conditions.append(trials.has_component(job_components.require(context, request["TrialComponentName"]).id))
    return TRIALS.listed_where(context, request, *conditions)


@operation("sagemaker", "UpdateTrial")
def update_trial(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return TRIALS.update_members(context, request, ("DisplayName",))


@operation("sagemaker", "DeleteTrial")
def delete_trial(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = TRIALS.require(context, request["TrialName"])

    def check(connection: Connection) -> None:
        if trials.has_components_in(connection, found.id):
            raise ValidationException(
                f"Trial '{TRIALS.arn(context, found.name)}' is linked to 1 or more trial components and cannot be deleted."
            )

    return TRIALS.remove(context, found, check)


@operation("sagemaker", "AssociateTrialComponent")
def associate_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    trial = TRIALS.require(context, request["TrialName"])
    component = job_components.require(context, request["TrialComponentName"])
    with context.store.write() as connection:  # prevents either from being deleted meanwhile
        if resources.locked_in(connection, trial.id) is None:
            raise TRIALS.missing(TRIALS.arn(context, trial.name))
        if resources.locked_in(connection, component.id) is None:
            raise job_components.COMPONENTS.missing(job_components.COMPONENTS.arn(context, component.name))
        trials.associate_in(connection, trial.id, component.id)
    return _arns(context, trial, component)


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    trial = TRIALS.require(context, request["TrialName"])
    component = job_components.require(context, request["TrialComponentName"])
    with context.store.write() as connection:
        if not trials.dissociate_in(connection, trial.id, component.id):
            raise ResourceNotFound(
                f"{COMPONENT_NOUN} '{component.document['Name']}' is not linked to the trial '{trial.document['Name']}'."
            )
    return _arns(context, trial, component)


def _arns(context: Context, trial: Resource, component: Resource) -> dict[str, Any]:
    return {
        "TrialComponentArn": job_components.COMPONENTS.arn(context, component.name),
        "TrialArn": TRIALS.arn(context, trial.name),
    }
