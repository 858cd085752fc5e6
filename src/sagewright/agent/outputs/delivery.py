"""Delivery from the end of a host's process to its last report: the order of uploads among the hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.mirror import DirectorySync, Synced
from sagewright.agent.outputs.outputs import upload_outputs
from sagewright.agent.outputs.parts import Parts
from sagewright.agent.patience import HostPatience
from sagewright.agent.process.process import Exit
from sagewright.agent.reports.report import Reporter
from sagewright.agent.s3 import JobS3, parse_uri
from sagewright.model.jobs.brief import Desired, EndCause, Output, Phase


class OutputDelivery:
    """The delivery of one host. `end`: ends everything that was started for it."""

    def __init__(
        self,
        host: HostFile,
        ml: OptMl,
        reporter: Reporter,
        patience: HostPatience,
        delivery: DeliveryContext,
        end: Callable[[], None],
    ) -> None:
        self._host, self._ml, self._reporter, self._patience, self._delivery = host, ml, reporter, patience, delivery
        self._end = end
        self._s3 = JobS3(host, patience.check)
        self._outputs = [output for output in host.brief.outputs if not output.continuous]
        self._syncs: list[DirectorySync] = []

    def start(self) -> None:
        """Starts the uploads that run alongside the process. Raises ClientError."""
        self._syncs = [self._sync(output) for output in self._host.brief.outputs if output.continuous]
        for sync in self._syncs:
            sync.start()

    def _sync(self, output: Output) -> DirectorySync:
        try:
            bucket, key = parse_uri(output.uri)
        except ValueError as error:
            raise ClientError(f"Artifact upload failed:{error}") from error
        prefix = key.rstrip("/") + "/" if key.strip("/") else ""
        what = Synced(f"/opt/ml/{output.place}", output.place, bucket, prefix)
        return DirectorySync(self._host, self._ml, self._delivery, what)

    def bring(self, ended: Exit, exited: dict[str, Any]) -> None:
        """Reports the exit, `exited`, and does all that follows it. Raises ClientError, RuntimeError, TooLate, JobGone."""
        if ended.cause == EndCause.INTERRUPT:
            self._finish(exited=exited)
        elif ended.cause == EndCause.EXIT and ended.code != 0:
            self._bring_after_failure(exited)
        elif not self._outputs and not self._syncs:
            self._finish(phase=Phase.UPLOADING, exited=exited)
        elif len(self._host.hosts) == 1 or not any(output.merged for output in self._outputs):
            self._reporter.send(phase=Phase.UPLOADING, exited=exited)
            self._upload(self._outputs)
            self._finish()
        elif self._host.is_first:
            self._reporter.send(exited=exited)
            self._merge_and_upload()
        else:
            Parts(self._host, self._ml, self._delivery).hand_over()
            self._finish(exited=exited)

    def _finish(self, **members: Any) -> None:
        """Sends the last report, after which the server need not search for remains."""
        self._end()
        self._reporter.send(**members, finished=True)

    def _bring_after_failure(self, exited: dict[str, Any]) -> None:
        """Delivers the outputs of a failed job; its log lists what could not be uploaded."""
        outputs = [
            replace(output, always=False)
            for output in self._outputs
            if output.on_failure and (self._host.is_first or not output.merged)
        ]
        if outputs or self._syncs:
            try:
                self._upload(outputs)
            except ClientError as error:
                self._reporter.log(f"The job has failed, and not all that it left is in S3: {error}")
        self._finish(exited=exited)

    def _merge_and_upload(self) -> None:
        """Merges and uploads on the first of several hosts, once the server reports that all have handed over their parts."""
        if self._reporter.await_desired(Desired.COLLECT, Desired.FINISH) != Desired.COLLECT:
            return
        self._patience.begin()
        self._reporter.send(phase=Phase.UPLOADING)
        Parts(self._host, self._ml, self._delivery).collect()
        self._upload(self._outputs)
        self._finish()

    def _upload(self, outputs: list[Output]) -> None:
        for sync in self._syncs:
            sync.finish()
        upload_outputs(outputs, self._ml, self._s3, self._delivery, self._host.directory)
