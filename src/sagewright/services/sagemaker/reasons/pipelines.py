"""The reason why a pipeline execution waits or has failed: its failed steps, or the reasons why its running steps wait."""

from __future__ import annotations

from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.cache_misses import cache_miss
from sagewright.engine.pipelines.step_records import EXECUTION, PIPELINE, StepRecord
from sagewright.kinds.table import KINDS
from sagewright.model.nearest import sentences
from sagewright.pipelines.plan import StepStatus
from sagewright.services.context import Context
from sagewright.services.sagemaker.reasons.jobs import job_text
from sagewright.services.sagemaker.reasons.reason import Reason
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

_STEPS = 3
"""Maximum number of steps that a sentence names."""


def pipeline_reason(context: Context, name: str) -> Reason | None:
    """Returns the reason of a pipeline's newest execution."""
    pipeline = resources.find(context.store, ResourceScope(PIPELINE, context.account, context.region), name)
    if pipeline is None:
        return None
    newest = PageRequest(limit=1)
    found = resources.page(context.store, None, newest, resources.belongs_to(pipeline.id, EXECUTION))
    if not found:
        return Reason("pipeline", name, pipeline.status or "Active", "It has no execution: start one.")
    return Reason("pipeline", name, found[0].status, f"Execution {found[0].name}: {_text(context, found[0])}")


def execution_reason(context: Context, name: str) -> Reason | None:
    execution = resources.find(context.store, ResourceScope(EXECUTION, context.account, context.region), name)
    return None if execution is None else Reason(EXECUTION, name, execution.status, _text(context, execution))


def _text(context: Context, execution: Resource) -> str:
    records = list(step_records.of_execution(context.store, execution.id).values())
    failed = [one for one in records if one.status == StepStatus.FAILED]
    live = [one for one in records if one.live]
    texts = [f"The step {one.name} failed: {one.reason or 'no reason was given'}" for one in failed[:_STEPS]]
    texts += [f"The step {one.name} {_live_text(context, one)}" for one in live[:_STEPS]]
    if not texts:
        texts = [_cache_text(context, execution, records)]
    return sentences(*texts)


def _live_text(context: Context, record: StepRecord) -> str:
    """Returns why a step in progress waits: for its job, or for an answer to its callback."""
    if record.due_ms is not None:
        return f"is retried soon: attempt {record.attempt} follows a failure"
    for kind in KINDS.values():
        scope = ResourceScope(kind.name, context.account, context.region)
        job = jobs.find(context.store, scope, record.job) if record.job else None
        if job is not None:
            return f"waits for its {kind.resource.replace('-', ' ')} {job.name}: {job_text(context, job)}"
    if record.type == "Callback":
        return "waits for SendPipelineExecutionStepSuccess or SendPipelineExecutionStepFailure with its token"
    return f"({record.type}) is in progress"


def _cache_text(context: Context, execution: Resource, records: list[StepRecord]) -> str:
    """Names the first step that ran although an earlier one was like it, and the properties that differed."""
    for record in records:
        miss = cache_miss(context.store, (context.account, context.region), execution.name, record.name)
        if miss is not None and miss.paths:
            return f"The step {record.name} was not taken from the cache: {', '.join(miss.paths[:_STEPS])} differed"
    return ""
