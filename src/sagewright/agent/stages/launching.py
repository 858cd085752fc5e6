"""Launches of a host's process: in its cell the first time, if that fits, otherwise in a new sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sagewright
from sagewright.agent.errors import blamed_on_client
from sagewright.agent.inputs.datasets import query_variables
from sagewright.agent.library import staged_library
from sagewright.agent.process.environ import environment_variables, job_environ
from sagewright.agent.process.mpi_driver import stand_ins, uses_mpi_driver
from sagewright.agent.process.own_image import own_image
from sagewright.agent.process.process import Started, start_process
from sagewright.agent.stages.admission import AdmittedHost
from sagewright.agent.stages.context import HostContext
from sagewright.agent.stages.preparation import PreparedHost
from sagewright.agent.transform.serving import PORT_VARIABLE, listening_place
from sagewright.model.jobs.serving_sockets import SOCKET, SOCKET_VARIABLE, note_port
from sagewright.runtimes.environments import Environment
from sagewright.runtimes.launch import command, has_environment
from sagewright.runtimes.recipes import variables_for
from sagewright.sandbox.base import Command, Launch, check_words
from sagewright.sandbox.namespace import MountNamespace


class Launcher:
    """Starts the process of one host, as often as it is needed."""

    def __init__(self, context: HostContext, admitted: AdmittedHost, prepared: PreparedHost) -> None:
        self._context, self._host, self._image = context, context.host, context.image
        self._sandbox, self._network, self._memory = admitted.sandbox, admitted.network, admitted.memory
        self._prepared = prepared

    def start_of(self, environment: Environment | None, mounts: MountNamespace | None) -> Callable[[], Started]:
        """Returns the function that starts the process. Raises ClientError."""
        launch, cell = replace(self._launch(environment), mounts=mounts), self._context.cell
        if cell is not None and cell.is_whole() and cell.kind.fits(launch):
            with blamed_on_client():
                check_words(launch)
            self._context.share.limit()

            def enter() -> Started:
                try:
                    return cell.enter(launch, own_variables=bool(self._host.brief.environment))
                except ConnectionError:  # it was just killed
                    cell.close()
                    return start_process(self._command(launch))

            return enter
        if cell is not None:
            cell.close()
        command = self._command(launch)
        return lambda: start_process(command)

    def _command(self, launch: Launch) -> Command:
        with blamed_on_client():
            made = self._sandbox.command(launch)
        return replace(made, wrapper=[*self._context.share.wrapper(), *self._network.enter, *made.wrapper])

    def _launch(self, environment: Environment | None) -> Launch:
        host, sandbox, network = self._host, self._sandbox, self._network
        sources = self._context.environments.sources
        defaults = environment_variables(host, sources) | variables_for(self._image) if environment else {}
        return Launch(
            argv=command(self._image, host.brief),
            directory=host.directory,
            environ=job_environ(host, defaults | self._prepared.made.kernels.variables(environment, sandbox))
            | self._prepared.made.layers.variables()
            | query_variables(host)
            | self._serving_variables()
            | self._prepared.kernels.variables(),
            host=host.host,
            addresses=network.addresses,
            library=staged_library(Path(sagewright.__file__).parent, host.environments),
            environment=environment.path if environment else Path(),
            network=network.own or not host.isolated,
            network_namespace=network.namespace if sandbox.name == "container" else "",
            readable=sources.local_paths() if environment else [],
            views=self._prepared.views,
            image=own_image(host, self._context.say_status) if sandbox.name == "container" else None,
            memory=self._memory.descriptor,
            programs=stand_ins(host, sandbox, network.own) if environment and uses_mpi_driver(host) else None,
            layers=list(environment.layers) if environment else [],
            beside=self._prepared.kernels.beside(),
        )

    def _serving_variables(self) -> dict[str, str]:
        """Returns the variables with the listening address of the built-in model server."""
        if self._host.brief.health is None:
            return {}
        if has_environment(self._image):
            return {SOCKET_VARIABLE: str(self._sandbox.ml_root(self._host.directory) / SOCKET)}
        listening = listening_place(self._network.namespace)
        note_port(self._host.directory, listening)
        return {PORT_VARIABLE: str(listening.port)}
