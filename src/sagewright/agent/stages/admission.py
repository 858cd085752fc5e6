"""Admission: checks, before any download, that the job can run here, and opens what its hosts share."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.channels import channels_of
from sagewright.agent.inputs.datasets import check_queries
from sagewright.agent.process.memory import JobMemory, open_memory
from sagewright.agent.process.network import JobNetwork, open_network
from sagewright.agent.stages.context import HostContext
from sagewright.runtimes.launch import CannotRun, check_runnable, command, has_environment, sandbox_for
from sagewright.runtimes.registries import resembling
from sagewright.sandbox.base import Sandbox, Unavailable, missing
from sagewright.sandbox.choose import choose_sandbox


@dataclass(frozen=True)
class AdmittedHost:
    """A host that can run here: its sandbox, and its part of the job's network and memory."""

    sandbox: Sandbox
    network: JobNetwork
    memory: JobMemory


class HostAdmission:
    """The first stage of one host. `close` closes everything it has opened, even after an interruption."""

    def __init__(self, context: HostContext) -> None:
        self._context, self._host = context, context.host
        self._network = JobNetwork(context.host.addresses)
        self._memory = JobMemory()

    @property
    def has_network(self) -> bool:
        """True if a network of this host is open, which other hosts may need."""
        return bool(self._network.opened)

    def admit(self) -> AdmittedHost:
        """Raises ClientError, NetworkFailed, JobStopped, JobGone."""
        host, control, cell = self._host, self._context.control, self._context.cell
        sandbox = self._sandbox()
        given = sandbox.declare()
        possible = given["hosts_file"].given and given["joins_network"].given
        # Many containers listen on port 8080 regardless of configuration.
        isolated = host.brief.health is not None and sandbox.name == "container" and given["own_ports"].given
        self._network = open_network(host, possible or isolated, control.check, isolated=isolated)
        if self._network.warning:
            host.warnings.append(self._network.warning)
        self._memory = (
            open_memory(host, given["shared_memory"].given, control.check) if cell is None else cell.memory(host)
        )
        return AdmittedHost(sandbox, self._network, self._memory)

    def close(self) -> None:
        self._memory.close()
        self._network.close()  # the first host's last, since the others need it

    def _sandbox(self) -> Sandbox:
        """Returns the sandbox, after checking that the job can run in it. Raises ClientError."""
        host, image, cell = self._host, self._context.image, self._context.cell
        try:
            check_runnable(image, host.brief.program.purpose)
            command(image, host.brief)
            channels_of(host)
            check_queries(host, own_image=not has_environment(image))
            sandbox, reason = (
                choose_sandbox(sandbox_for(image, host.sandbox), host.directory)
                if cell is None
                else (cell.sandbox, "it was ready")
            )
        except CannotRun as error:
            raise ClientError(str(error)) from error
        except Unavailable as error:
            raise ClientError(self._no_sandbox(str(error))) from error
        lacking = missing(sandbox, self._needed())
        if lacking:
            raise ClientError(" ".join(lacking))
        if sandbox.name == "plain" and host.sandbox == "auto":
            host.warnings.append(f"The job runs without isolation: {reason}.")
        elif sandbox.name == "container" and not (root := sandbox.declare()["unprivileged"]).given:
            host.warnings.append(f"The container's root is this machine's: {root.reason}.")
        return sandbox

    def _no_sandbox(self, reason: str) -> str:
        """Returns why the job can't run. A container is needed only for an image that isn't known: a misspelt one, perhaps."""
        image = self._context.image
        if has_environment(image):
            return reason
        near = resembling(image.uri)
        question = " Correct the image URI if you mean that one: it needs no container." if near else ""
        return f"The image {image.uri} is none of AWS's, so it runs as a container.{near}{question} {reason}"

    def _needed(self) -> dict[str, str]:
        """Returns capabilities that this job requires."""
        needed = {}
        if self._host.isolated:
            needed["no_network"] = "Network isolation (EnableNetworkIsolation)"
        program = self._host.brief.program
        if any("/opt/ml" in word for word in [*program.entrypoint, *program.arguments]):
            needed["own_ml_root"] = "A ContainerEntrypoint with paths below /opt/ml"
        return needed
