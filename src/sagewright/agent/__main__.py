"""`python -m sagewright.agent HOST_DIRECTORY`: runs one host of a job, from beginning to end."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

from sagewright.agent.cells.cell import Cell
from sagewright.agent.control import Control
from sagewright.agent.host import HostRun
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.reports.report import Reporter
from sagewright.agent.reports.server import ServerConnection
from sagewright.model import titles
from sagewright.model.jobs.agent_marks import await_mark, write_mark
from sagewright.model.jobs.left_reports import FILE


class _Log(io.FileIO):
    """The agent's own log. If its disk is full, its lines are lost, but nothing else."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def main(directory: Path, cell: Cell | None = None) -> int:
    """Returns exit status 0 if the last report was accepted or the job is gone, 3 if another agent works here. `cell`: a cell made
    by this process, for the host's process to run in."""
    sys.stderr = io.TextIOWrapper(cast("Any", _Log(2, "w", closefd=False)), write_through=True, errors="replace")
    with (directory / "agent.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if cell is not None:
                cell.abandon()
            await_mark(directory)
            return 3
        host = read_host_file(directory)
        titles.show(titles.AGENT, f"{host.brief.name}/{host.host}")
        if cell is not None and not cell.move(directory):
            cell.abandon()
            cell = None
        write_mark(directory, host.host_id, host.host_id if cell is None else cell.name)
        if cell is not None:
            cell.leave()
        control = Control()
        control.stop_at(signal.SIGTERM)
        connection = ServerConnection(host.endpoint, host.host_id, host.token)
        connection.know(host.servers)
        reporter = Reporter(connection, directory / FILE, control.take, control.leave_if_deserted)
        reporter.start()
        HostRun(host, control, reporter, cell).run()
    return 0


if __name__ == "__main__":
    exit_status = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(exit_status)  # threads still waiting for a stuck server must not keep the agent alive
