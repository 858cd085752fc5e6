"""Execution: runs the host's process to its end, with its companions: log, health checks, batch transform."""

from __future__ import annotations

from contextlib import nullcontext, suppress

from sagewright.agent.errors import JobError, TooLate
from sagewright.agent.explanations import explanation, last_line
from sagewright.agent.following import Following
from sagewright.agent.inputs.datasets import check_result
from sagewright.agent.missing import advice
from sagewright.agent.process.gate import ServingGate
from sagewright.agent.process.process import FAILED, Exit, attend_process, end_left
from sagewright.agent.reports.logbook import LogBook
from sagewright.agent.reports.metrics import MetricScanner
from sagewright.agent.stages.admission import AdmittedHost
from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.ending import Ending
from sagewright.agent.stages.launching import Launcher
from sagewright.agent.stages.preparation import PreparedHost
from sagewright.agent.transform.serving import HealthWatch, Restarts, failed
from sagewright.agent.transform.transforming import BatchTransform
from sagewright.model.jobs.brief import EndCause, Phase, Purpose
from sagewright.runtimes.environments import Environment


class Execution:
    """The third stage of one host. `began`: True once a process has been launched."""

    def __init__(self, context: HostContext, ending: Ending) -> None:
        host, control, brief = context.host, context.control, context.host.brief
        self._context, self._ending = context, ending
        self.began = False
        self._health = None if brief.health is None else HealthWatch(host.directory, brief.health, control, self._well)
        self._transforming = (
            None if brief.transform is None else BatchTransform(host, brief.transform, control, context.reporter.log)
        )
        self._following = Following(host, control) if brief.follows else None
        self._serves_model = brief.program.purpose == Purpose.SERVE
        self._gate: ServingGate | None = None

    def execute(self, admitted: AdmittedHost, prepared: PreparedHost) -> Exit:
        """Returns the exit of the process. Raises JobError, JobGone."""
        context, host = self._context, self._context.host
        if self._following is not None:
            self._following.start()
        book = LogBook(context.reporter, MetricScanner(host.brief.metrics), host.log_limit_mb, context.volume.logged)
        try:
            with prepared.inputs.feeding():
                ended = self._run_processes(Launcher(context, admitted, prepared), prepared, book)
        finally:
            for one in (self._transforming, self._following, self._gate):
                if one is not None:
                    one.close()
            context.volume.close()
            book.close()
            out_of_memory = context.share.tell()
            prepared.warm_cache.keep()
            admitted.sandbox.close(host.directory)
        if ended.code:
            image = None if prepared.environment is None else context.image
            why = explanation(image, ended.code, out_of_memory, book.last) if ended.cause == EndCause.EXIT else ""
            self._ending.why = why or (
                f"Its last line: {last_line(book.last)}" if self._serves_model and book.last else ""
            )
            if image is not None and (said := advice(image, book.last)) is not None:
                context.reporter.log(said)
            check_result(host, context.ml)
        if ended.cause == FAILED and context.control.failure is not None:
            context.patience.begin()
            with suppress(TooLate):
                self._ending.checkpoints.finish()
            raise self._said(context.control.failure, book)
        return ended

    def _said(self, failure: JobError, book: LogBook) -> JobError:
        """Returns the failure of a server that did not become healthy with the last line that it wrote."""
        line = last_line(book.last) if self._health is not None and not self._health.ever else ""
        return type(failure)(f"{failure}. Its last line: {line}") if line else failure

    def _run_processes(self, launcher: Launcher, prepared: PreparedHost, book: LogBook) -> Exit:
        """Runs the job's process, and restarts it in another environment if it requests one. A serving process runs until it is
        asked to end."""
        control, layers, environment = self._context.control, prepared.made.layers, prepared.environment
        restarts = Restarts(control, self._context.reporter.log)
        while True:
            ended = self._run_process(launcher, prepared, environment, book)
            if control.done and ended.cause == EndCause.EXIT:
                return Exit(0, EndCause.EXIT)
            if environment is not None and (requested := layers.requested(ended)) is not None:
                end_left()  # left of its sandbox: the next one mounts the same directories
                environment = layers.install(environment, requested)
                continue
            if self._health is None or ended.cause != EndCause.EXIT:
                return ended
            if not self._health.ever:
                return failed(ended)
            end_left()
            restarts.wait(ended, steady=self._health.steady())

    def _run_process(
        self, launcher: Launcher, prepared: PreparedHost, environment: Environment | None, book: LogBook
    ) -> Exit:
        """Runs the job's process once."""
        context = self._context
        with prepared.inputs.mounted() as mounts:
            start = launcher.start_of(environment, mounts)
            if not self.began:
                self._begin()
            started = start()
            context.reporter.release()
            with nullcontext() if self._health is None else self._health.watching(started):
                return attend_process(started, context.control, context.limits, book)

    def _begin(self) -> None:
        self.began = True
        self._context.volume.begin()
        self._ending.start()
        if self._health is None:
            self._context.reporter.send(phase=Phase.RUNNING)

    def _well(self) -> None:
        """Handles the server's first successful health check."""
        host, members = self._context.host, {}
        if host.gate and self._transforming is None:
            try:
                self._gate = ServingGate(host.directory, host.gate, host.endpoint)
            except OSError as error:
                self._context.control.fail(JobError(f"no port for requests could be opened on this node: {error}"))
                return
            members["gate"] = self._gate.gate.url
        self._context.reporter.send(phase=Phase.RUNNING, **members)
        if self._transforming is not None:
            self._transforming.start()
