"""The reasons of resources by kind and name; `any` stands for every kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sagewright.kinds.table import KINDS
from sagewright.kinds.tuning import KIND as TUNING
from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import PROCESSING, TRAINING, TRANSFORM
from sagewright.model.nearest import did_you_mean
from sagewright.services.context import Context
from sagewright.services.sagemaker.reasons.hosting import endpoint_reason
from sagewright.services.sagemaker.reasons.jobs import job_reason, tuning_reason
from sagewright.services.sagemaker.reasons.others import package_reason, schedule_reason
from sagewright.services.sagemaker.reasons.pipelines import execution_reason, pipeline_reason
from sagewright.services.sagemaker.reasons.reason import Reason
from sagewright.store.jobs import job_lists
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

ANY = "any"
LONGEST = 512
_EACH = 40
"""Names of each kind that are compared with one that doesn't exist."""
Find = Callable[[Context, str], Reason | None]
_JOBS = [KINDS[machine.kind] for machine in (TRAINING, PROCESSING, TRANSFORM)]
_REASONS: dict[str, Find] = {
    **{kind.resource: partial(job_reason, kind=kind) for kind in _JOBS},
    "hyper-parameter-tuning-job": tuning_reason,
    "endpoint": endpoint_reason,
    "pipeline": pipeline_reason,
    "pipeline-execution": execution_reason,
    "model-package": package_reason,
    "monitoring-schedule": schedule_reason,
}


def reasons(context: Context, kind: str, name: str) -> list[dict[str, str]]:
    """Returns the reason of each resource of that name; for ANY of all kinds. `name`: a name or an ARN.

    Raises ValidationException for an unknown kind, ResourceNotFound if there is no such resource.
    """
    kind, name = _of_arn(name) if name.startswith("arn:") else (kind, name)
    if kind != ANY and kind not in _REASONS:
        raise ValidationException(
            f"There is no reason of the kind '{kind[:LONGEST]}'. Kinds: {', '.join((ANY, *_REASONS))}."
        )
    if len(name) > LONGEST:
        raise ValidationException(f"The name has {len(name)} characters; at most {LONGEST} are looked for.")
    finders = _REASONS.values() if kind == ANY else [_REASONS[kind]]
    found = [reason for find in finders if (reason := find(context, name)) is not None]
    if not found:
        what = "resource" if kind == ANY else kind.replace("-", " ")
        raise ResourceNotFound(f"There is no {what} named {name} in {context.region}.").advised(_near(context, name))
    return [one.document() for one in found]


def _of_arn(arn: str) -> tuple[str, str]:
    """Returns the kind and the name in an ARN: its last part, for an execution that after `execution`."""
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    pipeline, _, execution = name.partition("/execution/")
    return ("pipeline-execution", execution) if kind == "pipeline" and execution else (kind, pipeline)


def _near(context: Context, name: str) -> str:
    """Returns a question with the nearest names of jobs, endpoints and pipelines."""
    place = (context.account, context.region)
    known = [
        one for kind in _JOBS for one in job_lists.newest_names(context.store, ResourceScope(kind.name, *place), _EACH)
    ]
    known += [
        one
        for kind in ("endpoint", "pipeline", TUNING)
        for one in resources.newest_names(context.store, ResourceScope(kind, *place), _EACH)
    ]
    return did_you_mean(name, known, _EACH * 6)
