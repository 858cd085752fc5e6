"""The context of all stages of one host."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sagewright.agent.cells.cell import Cell
from sagewright.agent.control import Control
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.patience import HostPatience
from sagewright.agent.process.process import ProcessLimits
from sagewright.agent.process.share import HostShare
from sagewright.agent.process.usage import UsageMeter
from sagewright.agent.process.volume import Volume
from sagewright.agent.reports.report import Reporter
from sagewright.model.jobs.brief import Phase
from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import Image, resolve_image


@dataclass(frozen=True)
class HostContext:
    """`control` carries external requests, `reporter` reports to the server; `cell`: a cell that is already in the host's
    directory; `limits`: those of every process of this host."""

    host: HostFile
    control: Control
    reporter: Reporter
    cell: Cell | None
    image: Image
    ml: OptMl
    environments: Environments
    volume: Volume
    share: HostShare
    limits: ProcessLimits
    patience: HostPatience

    @classmethod
    def begin(cls, host: HostFile, control: Control, reporter: Reporter, cell: Cell | None) -> HostContext:
        """Returns the context of a host whose time begins now."""
        control.deadline = deadline = time.monotonic() + host.max_runtime_s
        share = HostShare(host, reporter.log, None if cell is None else cell.group)
        reporter.usage = UsageMeter(share).sample
        return cls(
            host=host,
            control=control,
            reporter=reporter,
            cell=cell,
            image=resolve_image(host.brief.program.image),
            ml=OptMl(host.directory / "ml"),
            environments=Environments(host.environments, host.framework_versions),
            volume=Volume(host, control.fail),
            share=share,
            limits=ProcessLimits(host.stop_grace_s, deadline, share.kill),
            patience=HostPatience(control, host.stop_grace_s, lambda: reporter.away),
        )

    def say_status(self, message: str) -> None:
        """Reports a message in the job's status. The first line of its log is reserved for the environment that it
        runs on."""
        self.reporter.send(phase=Phase.DOWNLOADING, message=message)
