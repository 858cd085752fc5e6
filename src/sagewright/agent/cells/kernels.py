"""Machine code of built-in algorithms' numba functions, compiled once per environment and release, and shared by all jobs.

It is compiled in a sandbox with nothing of a job's except the hyperparameters that choose among kernels. numba checks each time
that the sources, its version and the processor match those of the compilation. Code that a job compiles itself stays private to it.
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
    """The compiled kernels of one job."""

    def __init__(self, environments: Environments, image: Image, brief: Brief) -> None:
        self._environments = environments
        self._argv = rehearsal(image, brief)

    def made(self, environment: Environment) -> bool:
        """True if nothing is left to compile."""
        place = self._place(environment)
        return place is None or place.is_dir()

    def make(self, environment: Environment, isolated: IsolatedRun) -> None:
        """Compiles the kernels; if that fails, jobs compile for themselves. Raises Overdue, JobStopped, JobGone."""
        place = self._place(environment)
        if place is None or place.is_dir() or not isolated.lays_over():
            return
        with self._environments.locked(f"{environment.path.name}-k{place.name}", isolated.control.check):
            if not place.is_dir():
                self._compile(environment, isolated, place)

    def variables(self, environment: Environment | None, sandbox: Sandbox) -> dict[str, str]:
        """Returns the variables that point a job to the kernels; the job's numba writes there too, so writes must be separated."""
        seen = environment is not None and sandbox.declare()["layers"].given
        return self.found(environment) if environment is not None and seen else {}

    def found(self, environment: Environment) -> dict[str, str]:
        """Returns the same for a sandbox with an overlay."""
        place = self._place(environment)
        return {VARIABLE: str(place)} if place is not None and place.is_dir() else {}

    def _place(self, environment: Environment) -> Path | None:
        """Returns the directory for a library, an environment's numba, and arguments; None for a job that compiles nothing."""
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
                sys.stderr.write(f"Kernels could not be compiled before the job: {said}\n")  # the agent's own log
                return
            found = scratch / MADE / DIRECTORY / place.name
            if found.is_dir():
                give_to_server(found)
                place.parent.mkdir(exist_ok=True)
                found.rename(place)
        finally:
            remove_tree(scratch)
