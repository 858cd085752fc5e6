"""Machine code of what built-in algorithms have numba compile, made once for each environment and release and seen by all its jobs.

It is compiled in a sandbox that has nothing of a job's but the hyperparameters that choose among kernels. numba asks each time
whether the sources, its own version and the processor are those that it was compiled for. What a job compiles anew is its own.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import sagewright
from sagewright.agent.cells.isolated import MADE, IsolatedRun
from sagewright.agent.library import staged_library
from sagewright.jobfiles.removal import remove_tree
from sagewright.model.jobs.brief import Brief
from sagewright.runtimes.environments import Environment, Environments
from sagewright.runtimes.images import Image
from sagewright.runtimes.launch import rehearsal
from sagewright.sandbox.base import Sandbox
from sagewright.sandbox.ownership import give_to_server

VARIABLE = "NUMBA_CACHE_DIR"
DIRECTORY = "kernels"


class Kernels:
    """Of one job."""

    def __init__(self, environments: Environments, image: Image, brief: Brief) -> None:
        self._environments = environments
        self._argv = rehearsal(image, brief)

    def made(self, environment: Environment) -> bool:
        """Whether there is nothing left to compile."""
        place = self._place(environment)
        return place is None or place.is_dir()

    def make(self, environment: Environment, isolated: IsolatedRun) -> None:
        """Have them compiled; where that fails or can't be, jobs compile for themselves. Raises Overdue, Stopped, Gone."""
        place = self._place(environment)
        if place is None or place.is_dir() or not isolated.lays_over():
            return
        with self._environments.locked(f"{environment.path.name}-k{place.name}", isolated.control.check):
            if not place.is_dir():
                self._compile(environment, isolated, place)

    def variables(self, environment: Environment | None, sandbox: Sandbox) -> dict[str, str]:
        """What tells a job where they are: its own numba writes there too, so what it writes is to be apart."""
        seen = environment is not None and sandbox.declare()["layers"].given
        return self.found(environment) if environment is not None and seen else {}

    def found(self, environment: Environment) -> dict[str, str]:
        """The same for a sandbox that lays over."""
        place = self._place(environment)
        return {VARIABLE: str(place)} if place is not None and place.is_dir() else {}

    def _place(self, environment: Environment) -> Path | None:
        """A directory for each library, environment's numba, and words; None for a job that compiles nothing."""
        if self._argv is None:
            return None
        library = staged_library(Path(sagewright.__file__).parent, self._environments.directory)
        known = [library.name, environment.packages.get("numba", ""), *self._argv]
        return environment.path / DIRECTORY / hashlib.sha256("\n".join(known).encode()).hexdigest()[:32]

    def _compile(self, environment: Environment, isolated: IsolatedRun, place: Path) -> None:
        assert self._argv is not None
        layers = self._environments.directory / "layers"
        layers.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".compiling-", dir=layers))
        try:
            (scratch / "ml").mkdir()
            if said := isolated.run(environment, scratch, self._argv, {VARIABLE: str(place)}):
                sys.stderr.write(f"Nothing is compiled before the job: {said}\n")  # the agent's own log
                return
            found = scratch / MADE / DIRECTORY / place.name
            if found.is_dir():
                give_to_server(found)
                place.parent.mkdir(exist_ok=True)
                found.rename(place)
        finally:
            remove_tree(scratch)
