"""Trial components: Create, Describe, List, Update, Delete.

Source: AWS's API reference, CreateTrialComponent, UpdateTrialComponent and ListTrialComponents.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from sagewright.model.clock import to_ms
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.experiments import EXPERIMENTS
from sagewright.services.sagemaker.experiments.job_components import COMPONENTS
from sagewright.services.sagemaker.experiments.trials import TRIALS
from sagewright.store.jobs import jobs
from sagewright.store.resources import component_metrics, lineage, resources, trials
from sagewright.store.resources.resources import New

MOST = {"Parameters": 300, "InputArtifacts": 60, "OutputArtifacts": 60}
CHANGED = ("DisplayName", "Status", "StartTime", "EndTime")
IN_SEARCH_ALONE = ("Parents", "RunName")


@operation("sagemaker", "CreateTrialComponent")
def create_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return COMPONENTS.create(context, _plain(request))


@operation("sagemaker", "DescribeTrialComponent")
def describe_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = job_components.require(context, request["TrialComponentName"])
    (described,) = job_components.whole(context, [found], every=True)
    return {name: value for name, value in described.items() if name not in IN_SEARCH_ALONE}


@operation("sagemaker", "ListTrialComponents")
def list_trial_components(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    conditions = []
    if "ExperimentName" in request:
        conditions.append(trials.in_experiment(EXPERIMENTS.require(context, request["ExperimentName"]).id))
    if "TrialName" in request:
        conditions.append(trials.in_trial(TRIALS.require(context, request["TrialName"]).id))
    if "SourceArn" in request:
        conditions.append(trials.is_one_of(job_components.of_source(context, request["SourceArn"])))
    scope = None if conditions else job_components.scope_of(context)
    if conditions:  # use their indexes: filtering by the account would read all of its components
        conditions.append(resources.is_of(job_components.scope_of(context).kind))
    else:
        job_components.catch_up(context)
    return COMPONENTS.listed.answer(
        request,
        lambda page: resources.page(context.store, scope, page, *conditions),
        partial(job_components.summaries, context),
    )


@operation("sagemaker", "UpdateTrialComponent")
def update_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = _plain(request)
    found = job_components.require(context, request["TrialComponentName"])

    def change(document: dict[str, Any]) -> dict[str, Any]:
        changed = document | {name: requested[name] for name in CHANGED if name in requested}
        for name, most in MOST.items():
            gone = set(requested.get(f"{name}ToRemove") or ())
            known = document.get(name, {}) | requested.get(name, {})
            left = {key: value for key, value in known.items() if key not in gone}
            if len(left) > most:
                raise ValidationException(f"A trial component has at most {most} {name}, it would have {len(left)}.")
            if left or name in document:
                changed[name] = left
        return changed

    return COMPONENTS.update(context, found, change)


@operation("sagemaker", "DeleteTrialComponent")
def delete_trial_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = job_components.require(context, request["TrialComponentName"])
    arn = COMPONENTS.arn(context, found.name)
    of_job = bool(found.parent) and jobs.get(context.store, found.parent) is not None

    def check(connection: Connection) -> None:
        if trials.has_trials_in(connection, found.id):
            raise ValidationException(f"TrialComponent '{arn}' is linked to 1 or more trials and cannot be deleted.")
        component_metrics.remove_in(connection, found.id)
        lineage.dissociate_all_in(connection, found.id)
        if of_job:  # marked as deleted, or the job would get a new one
            scope = job_components.scope_of(context, trials.FORGOTTEN)
            resources.create_in(connection, scope, New(found.parent, {}, "", {}, parent=found.parent))

    return COMPONENTS.remove(context, found, check)


def _plain(request: dict[str, Any]) -> dict[str, Any]:
    """Converts times to their stored form."""
    times = {name: value for name, value in request.items() if name in CHANGED and isinstance(value, datetime)}
    return request | {name: to_ms(value) for name, value in times.items()}
