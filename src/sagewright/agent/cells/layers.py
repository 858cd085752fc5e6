"""Packages of the user's requirements.txt: a layer over the shared environment, installed in a sandbox and cached.

A package can run its author's code during the build, and its archive is untrusted. So it is installed as a job runs: by
unprivileged users, in a temporary view. Only jobs with the same text see the result.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from sagewright.agent.cells.isolated import MADE, IsolatedRun
from sagewright.agent.errors import AlgorithmError
from sagewright.agent.inputs.code import named_requirements
from sagewright.agent.optml import OptMl
from sagewright.agent.process.process import Exit
from sagewright.agent.process.volume import Volume
from sagewright.jobfiles.removal import remove_tree
from sagewright.model.jobs.brief import EndCause
from sagewright.runtimes.environments import LAYERS, Environment, Environments, RequirementsFailed
from sagewright.runtimes.npmpackages import npm_packages, npm_registry
from sagewright.runtimes.uv import uv_program
from sagewright.sandbox.base import Sandbox
from sagewright.sandbox.ownership import give_to_server

ASK = 93
"""The toolkit's exit status when it has found a requirements.txt that the agent can install."""
VARIABLE = "SAGEWRIGHT_REQUIREMENTS"
_FILE = "requirements.txt"


class Layers:
    """The layers of one host."""

    def __init__(self, ml: OptMl, environments: Environments, isolated: IsolatedRun, volume: Volume) -> None:
        self._ml, self._environments, self._isolated, self._volume = ml, environments, isolated, volume
        self._answer = ""

    def offer(self, sandbox: Sandbox) -> None:
        """Enables the toolkit's request for installation, if the sandbox can overlay packages on an environment."""
        self._answer = "ask" if sandbox.declare()["layers"].given else ""

    def variables(self) -> dict[str, str]:
        return {VARIABLE: self._answer} if self._answer else {}

    def requested(self, ended: Exit) -> str | None:
        """Returns the text of the requirements.txt, if the process ended to have it installed."""
        if self._answer != "ask" or ended != Exit(ASK, EndCause.EXIT):
            return None
        return self._ml.asked_requirements()

    def install(self, environment: Environment, text: str) -> Environment:
        """Returns the environment with the requested packages; unchanged if the text refers to more than an index: the toolkit then
        installs it inside. Raises AlgorithmError, JobStopped, JobGone."""
        requested = named_requirements(text)
        self._answer = "inside" if requested is None else "installed"
        if requested is None:
            return environment
        try:
            return self.add(environment, requested)
        except RequirementsFailed as error:
            for line in str(error).splitlines():
                self._isolated.log(line)
            raise AlgorithmError(
                f'InstallRequirementsError:\nExitCode 1\nErrorMessage "{str(error)[-700:]}"'
            ) from error

    def add(self, environment: Environment, requirements: str) -> Environment:
        """Returns the environment with the layer. Raises RequirementsFailed, JobStopped, JobGone."""
        if not self._isolated.lays_over():
            return self._environments.with_requirements(environment, requirements, self._isolated.log)
        lies_on = json.dumps(environment.packages, sort_keys=True)  # a rebuilt environment may have different packages
        digest = hashlib.sha256(f"{lies_on}\n{requirements}".encode()).hexdigest()[:32]
        key = f"{environment.path.name}-l{digest}"
        layer = self._environments.directory / LAYERS / key
        if not layer.is_dir():
            with self._environments.locked(key, self._isolated.control.check):
                if not layer.is_dir():
                    self._isolated.log(f"Preparing the environment {key}; it is kept for later jobs.")
                    self._build(environment, requirements, layer)
        return replace(environment, layers=(*environment.layers, layer))

    def _build(self, environment: Environment, requirements: str, layer: Path) -> None:
        layer.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=layer.parent))
        try:
            with self._volume.making(scratch):
                self._fill(environment, requirements, scratch)
            made = scratch / MADE
            if not made.is_dir():  # the sandbox had to make a separate environment, since this one is not the server's
                raise RequirementsFailed(
                    f"the environment {environment.path.name} does not belong to the server's user: delete it, or set another "
                    f"folder for environments (SAGEWRIGHT_ENVIRONMENTS)"
                )
            give_to_server(made)
            made.rename(layer)
        finally:
            remove_tree(scratch)

    def _fill(self, environment: Environment, requirements: str, scratch: Path) -> None:
        (scratch / "ml").mkdir()
        (scratch / "ml" / _FILE).write_text(requirements)
        program, said = str(uv_program()), ""
        for arguments in self._environments.installs(environment.path, ("-r", f"/opt/ml/{_FILE}")):
            said = self._run(environment, scratch, [program, *arguments])
            if not said:
                break
        if said:
            raise RequirementsFailed(f"uv pip failed: {said[-2000:]}")
        for package in npm_packages(requirements):
            argv = ["python", "-m", "sagewright.toolkit.npmfiles", *package.arguments(npm_registry())]
            if said := self._run(environment, scratch, argv):
                raise RequirementsFailed(said[-2000:])

    def _run(self, environment: Environment, scratch: Path, argv: list[str]) -> str:
        """Runs an installer and returns its output if that failed."""
        sources = self._environments.sources
        environ = {"UV_NO_PROGRESS": "1", "UV_LINK_MODE": "copy", "UV_NO_CONFIG": "1"}
        if sources.certificates:
            environ["SSL_CERT_FILE"] = sources.certificates
        readable = [*sources.local_paths(), uv_program(), self._environments.overrides()]
        return self._isolated.run(environment, scratch, argv, environ, readable, network=True)
