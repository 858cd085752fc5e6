"""Preparations of an environment before the job runs: in a separate sandbox over the environment, as a job runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sagewright
from sagewright.agent.control import Control
from sagewright.agent.errors import Overdue
from sagewright.agent.hostfile import HostFile
from sagewright.agent.library import staged_library
from sagewright.agent.process.process import ProcessLimits, run_process
from sagewright.model.jobs.brief import EndCause
from sagewright.runtimes.environments import Environment
from sagewright.sandbox.base import Launch
from sagewright.sandbox.choose import choose_sandbox

MADE = Path("overlay") / "upper"
"""Path below the sandbox's directory with the files written into the environment."""
_TAIL_LINES, _LONGEST = 100, 2000


@dataclass(frozen=True)
class IsolatedRun:
    """A command run in a separate sandbox before the job. `wrapper`: prefix of the command; `limits`: its limits; `network`: True
    if the job has network access; `log`: the job's log."""

    host: HostFile
    control: Control
    wrapper: Callable[[], list[str]]
    limits: ProcessLimits
    network: bool
    log: Callable[[str], None]

    def run(
        self,
        environment: Environment,
        scratch: Path,
        argv: Sequence[str],
        environ: dict[str, str],
        readable: Sequence[Path] = (),
        *,
        network: bool = False,
    ) -> str:
        """Runs a command and returns its output if it failed. `scratch`: a directory that is empty except for `ml/`. Raises
        Overdue, JobStopped, JobGone."""
        sandbox, _ = choose_sandbox("bwrap", scratch)
        launch = Launch(
            argv=list(argv),
            directory=scratch,
            environ={"LANG": "C.UTF-8", **environ},
            host=self.host.host,
            addresses={},
            library=staged_library(Path(sagewright.__file__).parent, self.host.environments),
            environment=environment.path,
            network=network and self.network,
            readable=list(readable),
            layers=list(environment.layers),
        )
        said = _Tail()
        try:
            command = sandbox.command(launch)
            command = replace(command, wrapper=[*self.wrapper(), *command.wrapper])
            ended = run_process(command, self.control, self.limits, said)
        finally:
            sandbox.close(scratch)
        if ended.cause == EndCause.MAX_RUNTIME:
            raise Overdue
        if ended.cause != EndCause.EXIT:
            self.control.check()
        return "" if ended.code == 0 else said.text() or f"exit status {ended.code}"

    def lays_over(self) -> bool:
        """True if this machine's sandbox separates files written into an environment."""
        return choose_sandbox(self.host.sandbox, self.host.directory)[0].declare()["layers"].given


class _Tail:
    """The last lines of an output."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)

    def ready(self) -> bool:
        return True

    def lines(self, texts: list[str]) -> None:
        self._lines.extend(text[:_LONGEST] for text in texts)

    def text(self) -> str:
        return "\n".join(self._lines)
