"""Agents' reports, applied in one transaction each and exactly once; the answer carries the host's desired state."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from sagewright.engine.jobs import outcome
from sagewright.engine.jobs.hostreports import DESCRIBED, HostReport
from sagewright.engine.jobs.launch_plan import kind_of
from sagewright.engine.monitoring import metric_files, metric_filters
from sagewright.model.clock import now_ms
from sagewright.model.disk_room import insufficient
from sagewright.model.errors import AwsError
from sagewright.model.jobs.brief import Desired, FaultClass, Phase
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.hosts import Host
from sagewright.store.jobs.jobs import DesiredState, Event, Job
from sagewright.store.logs import logs, metrics

log = logging.getLogger("sagewright.engine.jobs.reports")
STEPS = {
    Phase.DOWNLOADING: SecondaryStatus.DOWNLOADING,
    Phase.RUNNING: SecondaryStatus.RUNNING,
    Phase.UPLOADING: SecondaryStatus.UPLOADING,
}
"""The job's secondary status follows the phase of its hosts."""


@dataclass(frozen=True)
class ReportAnswer:
    """`wake`: True if the engine should reconcile the job."""

    desired: Desired
    job: Job | None = None
    wake: bool = False


def apply(store: Database, host_id: str, token: str, report: HostReport) -> ReportAnswer:
    """Applies one report. A report that was already applied is only answered.

    On a full disk the rest of the store's ballast is reserved for the ends of jobs: log lines are dropped. Raises AwsError and
    OperationalError where the store cannot accept the report now: the agent sends it again.
    """
    ballast = store.ballast
    if ballast is not None and ballast.tight:
        report = report.without_lines()
    try:
        return _apply(store, host_id, token, report)
    except AwsError as error:
        if ballast is None or error.status != insufficient("").status or not ballast.release():
            raise
        return _apply(store, host_id, token, report.without_lines())
    except OperationalError:
        raise
    except Exception:
        log.exception("report %d of host %s can't be applied; its lines and its end alone are", report.seq, host_id)
        return _apply(store, host_id, token, report.essential())


def _apply(store: Database, host_id: str, token: str, report: HostReport) -> ReportAnswer:
    with store.write() as connection:
        host = hosts.lock(connection, host_id)
        if host is None or not hosts.token_matches(host, token):
            return ReportAnswer(Desired.GONE)
        job = jobs.get(store, host.job_id)
        if job is None or job.ended or host.phase in {hosts.LOST, hosts.RETIRED}:
            return ReportAnswer(Desired.GONE)
        fresh = report.seq > host.report_seq
        if fresh:
            _take(store, connection, (job, host), report)
    if fresh and report.refused:
        _tell_refused(job, host, report)
    tells = report.phase is not None or bool(report.metrics)
    wake = fresh and (report.ends or (tells and kind_of(job).owner(job.request) is not None))
    desired = _desired(store, job, host_id)
    if desired == Desired.FINISH and hosts.finish(
        store, host_id
    ):  # on this answer the agent ends without another report
        wake = True
    return ReportAnswer(desired, job, wake)


def _tell_refused(job: Job, host: Host, report: HostReport) -> None:
    parts = "; ".join(report.refused[:DESCRIBED])
    more = f" and {len(report.refused) - DESCRIBED} more" if len(report.refused) > DESCRIBED else ""
    log.warning("report %d of host %s of job %s: refused %s%s", report.seq, host.name, job.name, parts, more)


def _take(store: Database, connection: Connection, whose: tuple[Job, Host], report: HostReport) -> None:
    job, host = whose
    if report.logs or host.report_seq == 0:  # SDKs print nothing until every host has its log stream
        group = kind_of(job).log_group_of(job.request)
        stream = logs.ensure_stream(connection, _launch_context(job), group, host.log_stream)
        logs.append(connection, stream, report.logs)
        metric_filters.count_in(store, connection, (_launch_context(job), group), report.logs)
    if report.metrics:
        _put_metrics(connection, job, report.metrics)
    if report.metric_lines:
        _put_metric_lines(connection, job, report.metric_lines)
    if report.usage and kind_of(job).host_metrics:
        _put_usage(connection, (job, host), kind_of(job).namespace, report)
    changed: dict[str, Any] = {"report_seq": report.seq, "seen_ms": now_ms()}
    for phase, at_ms in report.earlier:
        _phase_of_job(connection, job, Event(STEPS[phase], started=True, at_ms=at_ms))
    if report.phase:
        changed["phase"] = report.phase
        _phase_of_job(
            connection, job, Event(STEPS[report.phase], report.message or "", started=True, at_ms=report.at_ms)
        )
    if report.gate:
        changed["gate"] = report.gate
    if report.exited:
        changed |= {
            "phase": hosts.UPLOADING if report.phase is Phase.UPLOADING else hosts.EXITED,
            "exit_code": report.exited.code,
            "cause": report.exited.cause,
            "failure": report.exited.failure,
            "message": report.exited.message,
        }
    if report.failed:
        changed |= {"phase": hosts.LOST, "failure": report.failed}
    elif report.finished and not report.exited and host.exit_code is None:
        changed |= {"phase": hosts.LOST, "failure": f"{FaultClass.INTERNAL}: Host {host.name} never reported an exit."}
    elif report.finished:
        changed["phase"] = hosts.FINISHED
    hosts.change(connection, host.id, changed)


def _launch_context(job: Job) -> logs.LogScope:
    return logs.LogScope(job.account, job.region)


def _phase_of_job(connection: Connection, job: Job, event: Event) -> None:
    """Moves the job to the phase of its first host; the state machine refuses moves that the job's status no longer allows."""
    if event.step != job.secondary_status or event.message:
        jobs.move_in(connection, job.id, event)


def _put_metrics(connection: Connection, job: Job, points: list[tuple[str, float, int]]) -> None:
    kind = kind_of(job)
    text = metrics.dimension_text({kind.dimension: job.name})
    last: dict[str, tuple[float, int]] = {}
    data = []
    for name, value, at_ms in points:
        series = metrics.MetricSeries(job.account, job.region, kind.namespace, name, text)
        data.append((series, metrics.Datum.of_value(at_ms, value)))
        last[name] = (value, at_ms)
    metrics.put(connection, data)
    for name, (value, at_ms) in last.items():
        jobs.put_metric(connection, job.id, name, value, at_ms)


def _put_metric_lines(connection: Connection, job: Job, lines: list[str]) -> None:
    """Publishes what the job's metric files say, in the namespace that the job was created with."""
    namespace = kind_of(job).file_namespace(job.request)
    if not namespace:
        return
    data, refused = metric_files.read(lines)
    for reason in refused[:DESCRIBED]:
        log.warning("a metric of job %s is not published: %s", job.name, reason)
    series = [
        (metrics.MetricSeries(job.account, job.region, namespace, name, text), datum) for name, text, datum in data
    ]
    metrics.put(connection, series)


def _put_usage(connection: Connection, whose: tuple[Job, Host], namespace: str, report: HostReport) -> None:
    """Stores the use of a host as AWS's instance metrics, whose dimension Host is the job's and the host's name."""
    job, host = whose
    text = metrics.dimension_text({"Host": f"{job.name}/{host.name}"})
    metrics.put(
        connection,
        [
            (
                metrics.MetricSeries(job.account, job.region, namespace, name, text),
                metrics.Datum.of_value(report.at_ms, value, "Percent"),
            )
            for name, value in report.usage
        ],
    )


def _desired(store: Database, job: Job, host_id: str) -> Desired:
    placed = hosts.of_job(store, job.id)
    host = next((h for h in placed if h.id == host_id), None)
    if host is None:
        return Desired.GONE
    if host.phase == hosts.EXITED and len(placed) > 1:
        return _desired_after_exit(host, placed)
    if host.exited and host.over:
        return Desired.FINISH
    current = jobs.get(store, job.id)
    if host.exited:  # it uploads its artefacts to S3; a stopped job gets a limited grace period for that
        return Desired.STOP if current is not None and current.desired == DesiredState.STOP else Desired.RUN
    if current is None or current.desired == DesiredState.STOP or outcome.is_lost(kind_of(job), placed):
        return Desired.STOP
    return Desired.INTERRUPT if current.desired == DesiredState.INTERRUPT else Desired.RUN


def _desired_after_exit(host: Host, placed: list[Host]) -> Desired:
    if not all(h.exited for h in placed):
        return Desired.RUN
    if outcome.first_failure(placed) is not None or outcome.interrupted(placed):
        return Desired.FINISH
    return Desired.COLLECT if host is placed[0] else Desired.FINISH
