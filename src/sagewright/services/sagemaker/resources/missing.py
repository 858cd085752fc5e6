"""Advice in errors about resources that don't exist: the nearest names among the newest of the same kind, account and region.

AWS's words come first: clients compare them. One statement, when nothing was found; found resources cost nothing.
"""

from __future__ import annotations

from sagewright.model.errors import AwsError
from sagewright.model.nearest import COMPARED, did_you_mean
from sagewright.services.context import Context
from sagewright.store.jobs import job_lists
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

_EXACT = frozenset({"RecordNotFound", "Requested resource not found."})
"""Whole messages that clients compare: SDK v2's ModelCard tests the latter for equality."""


def job_not_found(context: Context, scope: ResourceScope, name: str, error: AwsError) -> AwsError:
    """Returns the error with the nearest names of jobs; only AWS's words if no name is similar."""
    near = did_you_mean(name, job_lists.newest_names(context.store, scope, COMPARED))
    if near and name not in error.message:
        near = f"There is no job {name} in {scope.region}. {near}"
    return error.advised(near)


def resource_not_found(context: Context, scope: ResourceScope, name: str, error: AwsError) -> AwsError:
    """Returns the error with the nearest names of resources, unless clients compare its whole message."""
    if error.message in _EXACT:
        return error
    return error.advised(did_you_mean(name, resources.newest_names(context.store, scope, COMPARED)))
