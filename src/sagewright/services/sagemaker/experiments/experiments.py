"""Experiments: Create, Describe, List, Update, Delete.

Source: AWS's API reference, CreateExperiment. Names are unique regardless of case; ARNs contain them in lower case.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.experiments.tracked import Tracked
from sagewright.store.listing import Comparison
from sagewright.store.resources import lineage, resources

SORTS = {"Name": "name", "CreationTime": "created_ms"}
CREATED = {"CreatedAfter": ("created_ms", Comparison.AT_LEAST), "CreatedBefore": ("created_ms", Comparison.AT_MOST)}

EXPERIMENTS = Tracked(
    kind="experiment",
    noun="Experiment",
    arn_type="experiment",
    missing=lambda arn: ResourceNotFound(f"Experiment '{arn}' does not exist."),
    taken=lambda arn: ValidationException(f"Experiment with arn '{arn}' already exists."),
    listed=ListSpec("ExperimentSummaries", SORTS, True, CREATED),
    search_record=lambda found: {"Experiment": found},
    searched_as="Experiment",
).declared()


@operation("sagemaker", "CreateExperiment")
def create_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return EXPERIMENTS.create(context, request)


@operation("sagemaker", "DescribeExperiment", quick=True)
def describe_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return EXPERIMENTS.describe(context, request)


@operation("sagemaker", "ListExperiments")
def list_experiments(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return EXPERIMENTS.listed_where(context, request)


@operation("sagemaker", "UpdateExperiment")
def update_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return EXPERIMENTS.update_members(context, request, ("DisplayName", "Description"))


@operation("sagemaker", "DeleteExperiment")
def delete_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = EXPERIMENTS.require(context, request["ExperimentName"])

    def check(connection: Connection) -> None:
        if resources.has_children_in(connection, found.id):
            raise ValidationException(
                f"Experiment '{EXPERIMENTS.arn(context, found.name)}' has 1 or more trials and cannot be deleted."
            )
        lineage.dissociate_all_in(connection, found.id)

    return EXPERIMENTS.remove(context, found, check)
