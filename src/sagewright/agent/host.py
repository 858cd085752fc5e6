"""The life of one host, from its host file to its last report: see `stages`."""

from __future__ import annotations

import sys
import time
import traceback

from sagewright.agent.cells.cell import Cell
from sagewright.agent.control import Control
from sagewright.agent.errors import JobError, JobGone, JobStopped
from sagewright.agent.hostfile import HostFile
from sagewright.agent.process.process import Exit, end_left
from sagewright.agent.reports.report import Reporter
from sagewright.agent.stages.admission import HostAdmission
from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.ending import STOPPED, Ending
from sagewright.agent.stages.execution import Execution
from sagewright.agent.stages.preparation import Preparation
from sagewright.agent.watchdog import SPARE_S, Watchdog, end_descendants
from sagewright.model.jobs.agent_marks import note_end
from sagewright.model.jobs.brief import FaultClass, Phase

_ASIDE_S = 5.0  # before the process there is little to wait for
_HELD_S = 0.05
"""Maximum time for which a job with a cell delays its reports until its process is started."""


class HostRun:
    """Runs one host. `control` carries external requests, `reporter` reports to the server."""

    def __init__(self, host: HostFile, control: Control, reporter: Reporter, cell: Cell | None = None) -> None:
        """`cell`: a cell that is already in the host's directory."""
        self._context = HostContext.begin(host, control, reporter, cell)
        self._ending = Ending(self._context, self._end_processes)
        self._admission = HostAdmission(self._context)
        self._preparation = Preparation(self._context, self._ending.checkpoints)
        self._execution = Execution(self._context, self._ending)
        self._watchdog = Watchdog(control, self._overdue_s, self._ending.give_up)
        self._has_ended_all = False

    def run(self) -> None:
        """Runs everything up to the last report accepted by the server. Never raises."""
        reporter = self._context.reporter
        self._watchdog.start()
        try:
            self._run()
        except JobGone:
            pass
        except JobError as error:
            reporter.send(failed={"class": error.reason_class, "message": str(error)}, finished=True)
        except BaseException as error:
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            reporter.send(failed={"class": FaultClass.INTERNAL, "message": message}, finished=True)
        if not self._has_ended_all:  # otherwise before the last report, which this would delay
            self._end_processes()
        self._watchdog.close()
        reporter.finish()
        self._admission.close()
        end_descendants()  # left by abandoned work

    def _run(self) -> None:
        context = self._context
        if context.cell is not None:
            context.reporter.hold(_HELD_S)
        context.reporter.send(phase=Phase.DOWNLOADING)
        try:
            ended = self._work()
        except JobStopped as stopped:
            ended = Exit(STOPPED, stopped.cause)
        context.control.worked_at = time.monotonic()
        context.patience.begin()
        self._ending.deliver(ended)

    def _work(self) -> Exit:
        admitted = self._admission.admit()
        prepared = self._preparation.prepare(admitted)
        self._context.control.check()
        return self._execution.execute(admitted, prepared)

    def _end_processes(self) -> None:
        """Ends everything that was started for this host except its network; without a network, that is recorded. May be called
        again."""
        context = self._context
        if context.cell is not None:
            context.cell.close()
        self._preparation.close()
        context.share.close()
        if not self._admission.has_network:
            end_left()
            note_end(context.host.directory, context.host.host_id)
            self._has_ended_all = True

    def _overdue_s(self) -> float:
        """Returns for how long this agent has continued work that the job's end should have ended."""
        context = self._context
        over = context.control.over_since()
        if context.patience.begun:
            return -context.patience.left_s()
        if over is None:
            return -1.0
        late = time.monotonic() - over - context.host.stop_grace_s
        return late if self._execution.began else late + SPARE_S - _ASIDE_S
