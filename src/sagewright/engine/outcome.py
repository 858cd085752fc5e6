"""How a job ended, as its hosts tell it."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.states import SecondaryStatus
from sagewright.store.hosts import LOST, Host
from sagewright.store.jobs import Job, Wanted

MAX_FAILURE = 1024
EXIT_FAULT_OF_USER = 2  # how built-in algorithms report a fault of the request or the data


@dataclass(frozen=True)
class Outcome:
    secondary: SecondaryStatus
    message: str
    failure_reason: str | None = None

    @property
    def internal(self) -> bool:
        return (self.failure_reason or "").startswith("InternalServerError")


def failed(host: Host) -> bool:
    """Whether this host makes its job fail: it was lost, or its process ended by itself with an error."""
    if host.phase == LOST:
        return True
    return host.exit_code not in {None, 0} and host.cause == "exit"


def _vanished(host: Host) -> bool:
    """Whether the host was lost with its agent, and not by a fault that its agent reported (an upload, say)."""
    return host.phase == LOST and (host.failure or "").startswith("InternalServerError")


def first_failure(placed: list[Host]) -> Host | None:
    """The host that failed first; the others were stopped because of it."""
    broken = [host for host in placed if failed(host)]
    return min(broken, key=lambda host: host.seen_ms) if broken else None


def failure_reason(host: Host, alone: bool) -> str:
    """FailureReason in AWS's forms, with the host's name where the job has several."""
    where = "" if alone else f"{host.name}: "
    if host.phase == LOST:
        cls, _, text = (host.failure or "InternalServerError: unknown").partition(": ")
        return _cut(f"{cls}: {where}{text}", "")
    user_fault = host.exit_code == EXIT_FAULT_OF_USER and bool(host.failure)
    cls = "ClientError" if user_fault else "AlgorithmError"
    return _cut(f"{cls}: {where}{(host.failure or '')[:MAX_FAILURE]}", f", exit code: {host.exit_code}")


def _cut(text: str, tail: str) -> str:
    return text[: MAX_FAILURE - len(tail)] + tail


def interrupted(placed: list[Host]) -> bool:
    """Whether hosts were taken away before the job was done with them."""
    return any(host.cause == "interrupt" for host in placed)


def of_job(job: Job, placed: list[Host], overdue: bool = False) -> Outcome:
    """The outcome once every host is over; a job without hosts was stopped in the queue.

    `overdue`: a spot job that has waited and run for longer than its MaxWaitTimeInSeconds.
    """
    if not placed:
        return Outcome(SecondaryStatus.STOPPED, "Training job stopped")
    broken = first_failure(placed)
    if broken is not None and not (job.wanted == Wanted.STOP and _vanished(broken)):
        reason = failure_reason(broken, alone=len(placed) == 1)
        return Outcome(SecondaryStatus.FAILED, "Training job failed", reason)
    if any(host.cause == "max_runtime" for host in placed):
        return Outcome(SecondaryStatus.MAX_RUNTIME_EXCEEDED, "Training job exceeded its maximum runtime")
    if job.wanted == Wanted.STOP and (broken or any(host.cause in {"stop", "interrupt"} for host in placed)):
        return Outcome(SecondaryStatus.STOPPED, "Training job stopped")
    if overdue and any(host.cause in {"stop", "interrupt"} for host in placed):
        return Outcome(SecondaryStatus.MAX_WAIT_TIME_EXCEEDED, "Maximum wait time exceeded")
    ended_from_outside = next((host for host in placed if host.cause == "stop"), None)
    if ended_from_outside is not None:
        reason = (
            f"InternalServerError: Host {ended_from_outside.name} was told to stop from outside (SIGTERM to its agent)."
        )
        return Outcome(SecondaryStatus.FAILED, "Training job failed", reason)
    return Outcome(SecondaryStatus.COMPLETED, "Training job completed")
