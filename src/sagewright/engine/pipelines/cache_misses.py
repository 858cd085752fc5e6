"""Reasons why steps were not taken from the cache: their resolved arguments compared with those of earlier executions."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.step_records import EXECUTION, StepRecord
from sagewright.pipelines import caching
from sagewright.pipelines.plan import StepStatus
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_EXECUTIONS, MOST_PATHS = 50, 20


@dataclass(frozen=True)
class CacheMiss:
    """`reason`: a sentence. `before`: the id of the earlier execution that it speaks of, "" for none; `paths`: the key attributes
    that differ from it."""

    reason: str
    before: str = ""
    paths: tuple[str, ...] = ()


def cache_miss(store: Database, scope: tuple[str, str], execution: str, step: str) -> CacheMiss | None:
    """Compares a step with the newest earlier one of its name that succeeded by itself. `scope`: account and region.

    Returns None if the execution has not reached the step.
    """
    own = resources.find(store, ResourceScope(EXECUTION, *scope), execution)
    record = None if own is None else step_records.one_of(store, own, step)
    if own is None or record is None:
        return None
    if record.cached or not record.key or record.status == StepStatus.FAILED:
        return CacheMiss(_alone(record))
    found = _before(store, own, step)
    if found is None:
        return CacheMiss(f"None of the {MOST_EXECUTIONS} executions before this one has a {step} that succeeded.")
    before, other = found
    return _compared(record, other, before)


def _alone(record: StepRecord) -> str:
    if record.cached:
        return "The step was taken from the cache."
    if record.status == StepStatus.FAILED:
        return "The step failed, and a failed step keeps no arguments to compare."
    return f"Steps of the type {record.type} are not cached."


def _compared(record: StepRecord, other: StepRecord, before: str) -> CacheMiss:
    if other.key == record.key:
        return CacheMiss(
            "The step equals one that succeeded: that had not ended when this one began, or ended longer ago than "
            "ExpireAfter allows.",
            before,
        )
    if other.type != record.type:
        return CacheMiss(f"The step was of the type {other.type} before.", before)
    paths = tuple(caching.differences(record.type, record.arguments, other.arguments))
    if not paths:
        return CacheMiss("The function, the queue or the outputs that the step declares have changed.", before)
    return CacheMiss("Key attributes differ.", before, paths[:MOST_PATHS])


def _before(store: Database, execution: Resource, step: str) -> tuple[str, StepRecord] | None:
    """Returns the id of an earlier execution and its record of the step."""
    earlier = PageRequest(limit=MOST_EXECUTIONS, after=(execution.created_ms, execution.name))
    for one in resources.page(store, None, earlier, resources.belongs_to(execution.parent, EXECUTION)):
        record = step_records.one_of(store, one, step)
        if record is not None and record.status == StepStatus.SUCCEEDED and not record.cached:
            return one.name, record
    return None
