"""The environment of a host's process: the shared one of its image, with layers for the programs that run in addition to the
user's code."""

from __future__ import annotations

from contextlib import nullcontext

from sagewright.agent.cells.isolated import IsolatedRun
from sagewright.agent.cells.kernels import Kernels
from sagewright.agent.cells.layers import Layers
from sagewright.agent.errors import ClientError
from sagewright.agent.process.mpi_driver import REQUIREMENTS, uses_mpi_driver
from sagewright.agent.process.network import JobNetwork
from sagewright.agent.stages.context import HostContext
from sagewright.runtimes.environments import Environment, EnvironmentFailed, describe_choice
from sagewright.runtimes.launch import (
    client_requirements,
    engine_requirements,
    has_environment,
    query_requirements,
    serving_requirements,
)


class JobEnvironment:
    """Makes the environment of one host. `layers` and `kernels` give the launches their variables."""

    def __init__(self, context: HostContext, network: JobNetwork) -> None:
        host = context.host
        self._context, self._network = context, network
        closed = host.isolated and host.network == "own"  # otherwise a job without a network may still get packages
        self._isolated = IsolatedRun(
            host, context.control, self._wrapper, context.limits, not closed, context.reporter.log
        )
        self.layers = Layers(context.ml, context.environments, self._isolated, context.volume)
        self.kernels = Kernels(context.environments, context.image, host.brief)

    def ensure(self) -> Environment | None:
        """Returns the environment of the image; None if the image brings its own. Logs which, and the warnings so far. Raises
        ClientError."""
        context, image = self._context, self._context.image
        if not has_environment(image):
            context.reporter.log(f"Image {image.uri}: runs as a custom container.")
            self._log_warnings()
            return None
        try:
            with context.volume.making() if context.environments.ready(image) is None else nullcontext():
                environment = context.environments.ensure(image, self._say)
        except EnvironmentFailed as error:
            raise ClientError(f"Cannot build an environment for the image {image.uri}: {error}") from error
        context.reporter.log(describe_choice(image, environment) + context.share.not_held())
        self._log_warnings()
        return environment

    def with_client(self, environment: Environment) -> Environment:
        """Adds programs that run in addition to the user's code: SDK v3's MPI driver, a remote function's client, a model's
        server."""
        self.kernels.make(environment, self._isolated)
        host = self._context.host
        if uses_mpi_driver(host):
            return self.layers.add(environment, REQUIREMENTS)
        client = client_requirements(host.brief.program) or query_requirements(host.brief)
        client = client or engine_requirements(self._context.image)
        requirements = client or serving_requirements(host.brief, environment.packages)
        return environment if requirements is None else self.layers.add(environment, requirements)

    def _say(self, line: str) -> None:
        """Puts a line about the build into the job's status message and log."""
        self._context.say_status(line)
        self._context.reporter.log(line)

    def _log_warnings(self) -> None:
        for warning in self._context.host.warnings:
            self._context.reporter.log(warning)

    def _wrapper(self) -> list[str]:
        """Returns the command prefix for installing packages: in the job's share, and in its network if that leads outside."""
        return [*self._context.share.wrapper(), *([] if self._context.host.isolated else self._network.enter)]
