"""Storage and lookup of trial components. Those of jobs are created on the first request for them, for lineage, or by `keep_up`:
usually a moment after the job. The job itself provides their description."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from sagewright.kinds.table import KINDS
from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context, Platform
from sagewright.services.paging import ListSpec
from sagewright.services.sagemaker.experiments.experiments import CREATED, SORTS
from sagewright.services.sagemaker.experiments.tracked import CHANGER, CREATOR, HEAD, NAME, Tracked
from sagewright.services.sagemaker.experiments.trial_component_shapes import (
    ARN_TYPE,
    MERGED,
    SOURCE_TYPES,
    component_name,
    merged,
    metric,
    of_job,
)
from sagewright.services.sagemaker.search.indexing import Load
from sagewright.store.database import Database
from sagewright.store.events import EventCursor
from sagewright.store.jobs import job_lists, jobs
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.logs.metrics import MetricSeries, dimension_text
from sagewright.store.messages import deliveries
from sagewright.store.resources import component_metrics, resources, trials
from sagewright.store.resources.component_metrics import Summary
from sagewright.store.resources.resources import New, Resource
from sagewright.store.schema.jobs import jobs as table

MARGIN_MS = 60_000
"""Overlap with the previous catch-up, in which jobs are looked for again: the clocks of servers differ."""
STORED_MS = 600_000
"""Time after which `keep_up` stores how far it has come, so that a server's start does not read all jobs again."""
AT_ONCE = 200
"""Jobs of a kind, the newest, whose components a request creates itself."""
READ, BATCH = 500, 50
"""Jobs that `keep_up` reads at a time, and those whose components it creates in one transaction."""
_seen_until: WeakKeyDictionary[Database, dict[ResourceScope, int]] = WeakKeyDictionary()
"""The time before which all jobs of a scope have their components."""
PEOPLE = (CREATOR, CHANGER)
EMPTY: dict[str, Any] = {name: {} for name in MERGED}
"""Members that are returned even if empty: SDK v2 iterates over a list where a map is missing, and fails."""
TIMES = ("StartTime", "EndTime", "LastModifiedTime")


def whole(context: Context, rows: Sequence[Resource], every: bool = False) -> list[dict[str, Any]]:
    """Returns full descriptions of components, with their parents. `every`: include all statistics of running jobs, recomputed on
    each call."""
    sources = _sources(context, rows)
    put = component_metrics.of_components(context.store, [row.id for row in rows])
    final = job_lists.final_metrics(context.store, list(sources))
    parents = _parents(context, [row.id for row in rows])
    found = []
    for row in rows:
        job, described = sources.get(row.parent), _described(row, sources.get(row.parent))
        metrics = [metric(one, "") for one in put.get(row.id, ())]
        if job is not None:
            metrics += _of_job(context, job, final.get(job.id, []), every or job.ended)
        else:
            metrics += [one | {"TimeStamp": to_datetime(one["TimeStamp"])} for one in described.get("Metrics", ())]
        found.append(described | {"Metrics": metrics, "Parents": parents[row.id]})
    return found


def _sources(context: Context, rows: Sequence[Resource]) -> dict[str, Job]:
    """Returns the jobs of components by job id."""
    return {job.id: job for job in job_lists.several(context.store, [row.parent for row in rows if row.parent])}


def _described(row: Resource, job: Job | None) -> dict[str, Any]:
    """Describes a component from its own row and job, without point metrics and parents, which are stored in other rows."""
    own = {key: value for key, value in row.document.items() if key not in {NAME, *PEOPLE}}
    described = merged(of_job(job), own) if job is not None else own
    head = {name: value for name, value in COMPONENTS.shape(row).items() if name not in described}
    return EMPTY | _timed(described) | head


def _timed(described: dict[str, Any]) -> dict[str, Any]:
    """Converts stored times, which are in milliseconds."""
    times = {name: to_datetime(described[name]) for name in TIMES if isinstance(described.get(name), int)}
    return described | times


def _of_job(context: Context, job: Job, final: Sequence[Any], every: bool) -> list[dict[str, Any]]:
    """Returns the metrics from a job's log lines: all statistics, or only the last values."""
    names = [row.name for row in final]
    kind = KINDS[job.kind]
    arn = kind.arn(job.region, job.account, job.name)
    scope = MetricSeries(job.account, job.region, kind.namespace, "", dimension_text({kind.dimension: job.name}))
    counted = component_metrics.of_series(context.store, scope, names) if every and names else {}
    listed = []
    for row in final:
        last = {"MetricName": row.name, "SourceArn": arn, "TimeStamp": to_datetime(row.at_ms), "Last": row.value}
        if row.name in counted:
            count, low, high, mean, _ = counted[row.name]
            summary = Summary(row.name, count, low, high, mean, 0.0, row.value, row.at_ms)
            last = metric(summary, arn) | {"StdDev": counted[row.name][4]}
        listed.append(last)
    return listed


def _parents(context: Context, ids: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Returns the trials of each component, with their experiments."""
    members = trials.trials_of(context.store, ids)
    rows = {
        row.id: row for row in resources.several(context.store, list({one for own in members.values() for one in own}))
    }
    above = {row.id: row for row in resources.several(context.store, list({row.parent for row in rows.values()}))}
    return {
        one: [
            {"TrialName": rows[trial].document[NAME], "ExperimentName": above[rows[trial].parent].document[NAME]}
            for trial in members.get(one, ())
            if trial in rows and rows[trial].parent in above
        ]
        for one in ids
    }


def summaries(context: Context, rows: Sequence[Resource]) -> list[dict[str, Any]]:
    """Returns the summaries of components for lists."""
    members = ("TrialComponentName", "TrialComponentArn", *HEAD, *PEOPLE, "Status", "StartTime", "EndTime")
    found = []
    sources = _sources(context, rows)
    for row in rows:
        described = _described(row, sources.get(row.parent))
        shown = {name: described[name] for name in members if name in described}
        found.append(shown | ({"TrialComponentSource": described["Source"]} if "Source" in described else {}))
    return found


def catch_up(context: Context) -> None:
    """Creates the missing components of the newest jobs, up to a limit per request: `keep_up` creates the others."""
    for kind in SOURCE_TYPES:
        scope, begun_ms = scope_of(context, kind), now_ms()
        with context.store.read() as connection:  # usually there is nothing to write
            newest = trials.newest_jobs_in(connection, scope, _since_ms(context.store, scope), AT_ONCE)
        if _created(context.store, newest.missing) and newest.last is None:
            _note_seen(context.store, scope, begun_ms)


def keep_up(platform: Platform, stopped: Callable[[], bool] = lambda: False) -> None:
    """Creates the missing components of all jobs until `stopped` returns True. Each call continues where the last one ended, also
    one of an earlier server."""
    store = platform.store
    with store.read() as connection:
        scopes = trials.job_scopes_in(connection, SOURCE_TYPES)
    for scope in scopes:
        stored = deliveries.cursor(store, _cursor_name(scope))
        if stored is not None:
            _note_seen(store, scope, stored.seq)
        if not _catch_up_all(store, scope, stopped):
            return
        seen = EventCursor(0, _seen_until[store][scope])
        if stored is None or seen.seq >= stored.seq + STORED_MS:
            deliveries.advance(store, _cursor_name(scope), stored, seen, ())


def _catch_up_all(store: Database, scope: ResourceScope, stopped: Callable[[], bool]) -> bool:
    """Creates the missing components of a scope; returns False if that was interrupted, or if another server creates them."""
    load, begun_ms = Load(), now_ms()
    after: tuple[int, str] | None = (_since_ms(store, scope), "")
    while after is not None:
        with store.read() as connection:
            jobs_read = trials.next_jobs_in(connection, scope, after, READ)
        for at in range(0, max(1, len(jobs_read.missing)), BATCH):
            if stopped() or not _created(store, jobs_read.missing[at : at + BATCH]):
                return False
            time.sleep(load.pause_s())
        after = jobs_read.last
        _note_seen(store, scope, after[0] if after is not None else begun_ms)
    return True


def _cursor_name(scope: ResourceScope) -> str:
    """Returns the name under which the time (ms) is stored before which all jobs of a scope have their components."""
    return f"components/{scope.kind}/{scope.account}/{scope.region}"


def _created(store: Database, missing: Sequence[Any]) -> bool:
    """Creates the components of jobs; returns False if another server is creating them: a later call looks again."""
    if not missing:
        return True
    try:
        with store.write() as connection:
            there = trials.of_jobs_in(connection, [job.id for job in missing])
            make_all_in(connection, [job for job in missing if job.id not in there])
    except IntegrityError:
        return False
    return True


def _since_ms(store: Database, scope: ResourceScope) -> int:
    return max(_seen_until.get(store, {}).get(scope, 0) - MARGIN_MS, 0)


def _note_seen(store: Database, scope: ResourceScope, until_ms: int) -> None:
    seen = _seen_until.setdefault(store, {})
    seen[scope] = max(seen.get(scope, 0), until_ms)


COMPONENTS = Tracked(
    kind=trials.COMPONENT,
    noun="TrialComponent",
    arn_type=ARN_TYPE,
    missing=lambda arn: ResourceNotFound(f"TrialComponent '{arn}' does not exist."),
    taken=lambda arn: ValidationException(f"TrialComponent with arn '{arn}' already exists."),
    listed=ListSpec("TrialComponentSummaries", SORTS, True, CREATED),
    search_record=lambda found: {"TrialComponent": found},
    searched_as="ExperimentTrialComponent",
    whole=whole,
    prepare=catch_up,
).declared()


def scope_of(context: Context, kind: str = trials.COMPONENT) -> ResourceScope:
    return ResourceScope(kind, context.account, context.region)


def require(context: Context, name: str) -> Resource:
    """Finds a component by name or ARN; creates that of a job if needed. Raises ResourceNotFound."""
    found = COMPONENTS.find(context, name)
    if found is None:
        plain = name.rpartition("/")[2]
        for kind in SOURCE_TYPES:
            suffix = component_name(kind, "")
            if plain.lower().endswith(suffix):
                job = _job(context, kind, plain[: -len(suffix)])
                found = of(context, job) if job is not None else None
    if found is None:
        return COMPONENTS.require(context, name)
    return found


def of_source(context: Context, arn: str) -> list[str]:
    """Returns the ids of the components of the job that an ARN names; SDKs write ARNs in lower case."""
    kind_name, _, name = arn.split(":", 5)[-1].partition("/")
    kind = next((one for one in SOURCE_TYPES if KINDS[one].resource == kind_name), None)
    if kind is None or not arn.startswith(f"arn:aws:sagemaker:{context.region}:{context.account}:"):
        return []
    job = _job(context, kind, name)
    found = of(context, job) if job is not None else COMPONENTS.find(context, component_name(kind, name))
    return [found.id] if found is not None and "Source" in found.document else []


def _job(context: Context, kind: str, name: str) -> Job | None:
    """Finds a job by its exact name, or else by its name regardless of case."""
    found = jobs.find(context.store, ResourceScope(kind, context.account, context.region), name)
    if found is not None:
        return found
    own = (table.c.kind == kind, table.c.account == context.account, table.c.region == context.region)
    with context.store.read() as connection:
        named = select(table.c.id).where(*own, func.lower(table.c.name) == name.lower()).limit(1)
        job_id = connection.execute(named).scalar()
    return jobs.get(context.store, job_id) if job_id else None


def of(context: Context, job: Job) -> Resource | None:
    """Returns the component of a job and creates it if it is missing; None if it was deleted."""
    found = [
        one for one in resources.children(context.store, job.id) if one.kind in {trials.COMPONENT, trials.FORGOTTEN}
    ]
    if not found:
        with contextlib.suppress(IntegrityError), context.store.write() as connection:  # another server has created it
            if not trials.of_jobs_in(connection, [job.id]):
                return make_in(connection, job)
        found = [one for one in resources.children(context.store, job.id) if one.kind == trials.COMPONENT]
    return found[0] if found and found[0].kind == trials.COMPONENT else None


def make_in(connection: Connection, job: Any) -> Resource:
    """Creates the component of a job (id, kind, account, region, name, created_ms). The caller knows that none exists."""
    return make_all_in(connection, [job])[0]


def make_all_in(connection: Connection, several: Sequence[Any]) -> list[Resource]:
    """`make_in` for several jobs, in a few statements for all."""
    names: dict[ResourceScope, list[str]] = defaultdict(list)
    for job in several:
        names[_scope_of(job)].append(component_name(job.kind, job.name).lower())
    taken = {scope: trials.named_in(connection, scope, own) for scope, own in names.items()}
    return resources.create_all_in(connection, [_draft(job, taken[_scope_of(job)]) for job in several])


def _scope_of(job: Any) -> ResourceScope:
    return ResourceScope(trials.COMPONENT, job.account, job.region)


def _draft(job: Any, taken: set[str]) -> tuple[ResourceScope, New]:
    """Returns the component of a job, and adds its name to those that are taken."""
    name = component_name(job.kind, job.name)
    if name.lower() in taken:  # by a user's component, or by a job whose name differs in case or that was deleted
        name = f"{name}-{job.id[:8]}"
    taken.add(name.lower())
    arn = KINDS[job.kind].arn(job.region, job.account, job.name)
    document = {NAME: name, "Source": {"SourceArn": arn, "SourceType": SOURCE_TYPES[job.kind]}}
    return _scope_of(job), New(name.lower(), document, "", {}, parent=job.id, created_ms=job.created_ms)


def keep(context: Context, job: Job) -> None:
    """Stores the description of a job's component before the job is deleted, so that the component still returns it."""
    if job.kind not in SOURCE_TYPES or (component := of(context, job)) is None:
        return
    (described,) = whole(context, [component], every=True)
    kept = {name: described[name] for name in of_job(job)}
    kept |= {name: to_ms(kept[name]) for name in TIMES if name in kept}
    kept["Metrics"] = [
        one | {"TimeStamp": to_ms(one["TimeStamp"])} for one in described["Metrics"] if "SourceArn" in one
    ]
    resources.alter(context.store, component.id, lambda row: replace(row, document=row.document | kept))
