"""The outcome of a job, from its hosts' reports."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.kinds.base import MAX_FAILURE, Failure, Kind
from sagewright.model.jobs.brief import EndCause, FaultClass
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.jobs.hosts import LOST, Host
from sagewright.store.jobs.jobs import DesiredState, Job

_OUTSIDE = frozenset({EndCause.STOP, EndCause.INTERRUPT})


@dataclass(frozen=True)
class Outcome:
    step: SecondaryStatus
    failure_reason: str | None = None

    @property
    def internal(self) -> bool:
        return is_internal(self.failure_reason)


def is_internal(failure_reason: str | None) -> bool:
    """True if a FailureReason describes an internal fault or a fault of the machines."""
    return (failure_reason or "").startswith(FaultClass.INTERNAL)


def failed(host: Host) -> bool:
    """True if this host makes its job fail: it was lost, or its process exited with an error on its own."""
    if host.phase == LOST:
        return True
    return host.exit_code not in {None, 0} and host.cause == EndCause.EXIT


def _vanished(host: Host) -> bool:
    """True if the host was lost with its agent, rather than by a fault that its agent reported (an upload, for example)."""
    return host.phase == LOST and (host.failure or "").startswith(FaultClass.INTERNAL)


def first_failure(placed: list[Host]) -> Host | None:
    """Returns the host that failed first; for most kinds the others were stopped because of it."""
    broken = [host for host in placed if failed(host)]
    return min(broken, key=lambda host: host.seen_ms) if broken else None


def is_lost(kind: Kind, placed: list[Host]) -> bool:
    """True if the job can no longer succeed, so its hosts should stop."""
    return not kind.independent and first_failure(placed) is not None


def failure_reason(kind: Kind, host: Host, alone: bool) -> str:
    """Returns the FailureReason in AWS's format, with the host's name where the job has several."""
    named = Failure(host.exit_code or 0, host.failure or "", "" if alone else host.name)
    if host.phase == LOST:
        fault, _, text = (host.failure or f"{FaultClass.INTERNAL}: unknown").partition(": ")
        return f"{fault}: {named.where}{text}"[:MAX_FAILURE]
    return kind.failure_reason(named)


def interrupted(placed: list[Host]) -> bool:
    """True if hosts were taken away before the job was done with them."""
    return any(host.cause == EndCause.INTERRUPT for host in placed)


def exit_message(kind: Kind, placed: list[Host]) -> str | None:
    """Returns the messages left by the processes, in the order of the hosts; None if there are none."""
    text = "".join(host.message for host in placed if host.message)
    return text.encode()[: kind.note_bytes].decode(errors="ignore") or None


def of_job(kind: Kind, job: Job, placed: list[Host], overdue: bool = False) -> Outcome:
    """Returns the outcome once every host is over; a job without hosts was stopped in the queue.

    `overdue`: True for a spot job that has waited and run for longer than allowed.
    """
    if not placed:
        return Outcome(SecondaryStatus.STOPPED)
    broken = first_failure(placed)
    if broken is not None and not (job.desired == DesiredState.STOP and _vanished(broken)):
        return Outcome(SecondaryStatus.FAILED, failure_reason(kind, broken, alone=len(placed) == 1))
    if any(host.cause == EndCause.MAX_RUNTIME for host in placed):
        return Outcome(SecondaryStatus.MAX_RUNTIME_EXCEEDED)
    ended_from_outside = any(host.cause in _OUTSIDE for host in placed)
    if job.desired == DesiredState.STOP and (broken or ended_from_outside):
        return Outcome(SecondaryStatus.STOPPED)
    if overdue and ended_from_outside:
        return Outcome(SecondaryStatus.MAX_WAIT_TIME_EXCEEDED)
    described = next((host for host in placed if host.cause == EndCause.STOP), None)
    if described is not None:
        text = f"Host {described.name} was stopped from outside (SIGTERM to its agent)."
        return Outcome(SecondaryStatus.FAILED, f"{FaultClass.INTERNAL}: {text}")
    return Outcome(SecondaryStatus.COMPLETED)
