"""Ending: reports the exit and uploads checkpoints and outputs to S3, in the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError, JobGone, TooLate
from sagewright.agent.explanations import explained
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.checkpoints import CheckpointMirror
from sagewright.agent.outputs.delivery import OutputDelivery
from sagewright.agent.process.process import GONE, Exit
from sagewright.agent.reports.metric_files import report_metric_files
from sagewright.agent.stages.context import HostContext
from sagewright.model.jobs.brief import Desired, EndCause

STOPPED = 143
"""Exit status of a process that was stopped, also where it had not been started yet."""


class Ending:
    """The last stage of one host, whose uploads begin while its process runs. `end_processes`: ends everything that was started for
    it."""

    def __init__(self, context: HostContext, end_processes: Callable[[], None]) -> None:
        host, ml, patience = context.host, context.ml, context.patience
        self.why = ""
        self._context, self._reporter = context, context.reporter
        delivery = DeliveryContext(
            Disk(host.directory, host.disk_stop_mb),
            patience.check,
            patience.allow,
            context.volume.most_to_bring(),
            context.reporter.log,
        )
        self.checkpoints = CheckpointMirror(host, ml, delivery)
        self._outputs = OutputDelivery(host, ml, context.reporter, patience, delivery, end_processes)

    def start(self) -> None:
        """Starts the uploads that run alongside the process. Raises ClientError."""
        self.checkpoints.start()
        self._outputs.start()

    def deliver(self, ended: Exit) -> None:
        """Reports the exit and uploads what the job leaves. Raises JobError, JobGone."""
        if ended.cause == GONE:
            raise JobGone
        if ended.cause == EndCause.STOP and self._reporter.ask() == Desired.INTERRUPT:
            ended = Exit(ended.code, EndCause.INTERRUPT)  # the job goes on elsewhere, from its checkpoints
        exited: dict[str, Any] = {
            "code": ended.code,
            "cause": ended.cause,
            "failure": self._failure(),
        } | self._note()
        if self._context.host.brief.metric_files and (ended.cause, ended.code) == (EndCause.EXIT, 0):
            report_metric_files(self._context.ml, self._context.host.brief.metric_files, self._reporter)
        try:
            self.checkpoints.finish()
            self._outputs.bring(ended, exited)
        except TooLate:
            self._reporter.log(
                "The job is over, and so is the time for uploading its outputs to S3: the rest is not uploaded."
            )
            if ended.cause == EndCause.EXIT and ended.code == 0:
                exited["cause"] = self._over_reason()
            self._reporter.send(exited=exited, finished=True)

    def give_up(self) -> None:
        """Sends the last report of an agent that is stuck beyond its time."""
        ended = {"code": STOPPED, "cause": self._over_reason(), "failure": None}
        self._reporter.send(exited=ended, finished=True)
        self._reporter.finish()

    def _over_reason(self) -> EndCause:
        """Returns the cause of an exit that only an external end of the job explains."""
        if self._reporter.desired == Desired.INTERRUPT:
            return EndCause.INTERRUPT
        return EndCause.STOP if self._context.control.stop else EndCause.MAX_RUNTIME

    def _failure(self) -> str | None:
        """Returns the failure message that the process left, with the agent's explanation. Processing and transform jobs have no
        such message: their FailureReason names the log. Apps, which are watched, have both."""
        brief = self._context.host.brief
        none = brief.transform or (brief.note and brief.health is None)
        own = None if none else self._context.ml.failure()
        return explained(own, self.why)

    def _note(self) -> dict[str, str]:
        """Returns the message that the process left, if any. Raises ClientError if it is not text."""
        brief = self._context.host.brief
        try:
            text = self._context.ml.note(brief.note, brief.note_bytes) if brief.note else None
        except UnicodeDecodeError as error:
            raise ClientError(f"The exit message in /opt/ml/{brief.note} is not UTF-8: {error}") from error
        return {"message": text} if text else {}
