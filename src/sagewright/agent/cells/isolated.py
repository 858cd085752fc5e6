"""What is made for a job's environment before the job runs: in a sandbox of its own over the environment, as a job runs."""

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
"""Below the directory of the sandbox: what was written into the environment."""
_TAIL_LINES, _LONGEST = 100, 2000


@dataclass(frozen=True)
class IsolatedRun:
    """`wrapper` begins the command, `limits` hold it; `network`: whether the job has any; `log`: the job's."""

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
        """What was said if it failed. `scratch`: an empty directory but for `ml/`. Raises Overdue, Stopped, Gone."""
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
        """Whether the sandbox of this machine keeps apart what is written into an environment."""
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
