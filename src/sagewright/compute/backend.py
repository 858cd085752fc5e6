"""The plug point for the machines on which a job's hosts run.

Its conformance suite is `tests/conformance/test_backend.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Handle = dict[str, Any]
"""A backend's JSON data for finding a host again; the store keeps it, and only its backend reads it."""


@dataclass(frozen=True)
class HostPlan:
    """One host to start: its working directory and the content of its `host.json` (docs/explanation/agent-contract.md).

    Both are for an agent on the server's machine. A backend that starts it on another one sends the document there and replaces
    machine-specific members: the directory, `environments`, `object_proof`, `warm_cache`, `gpu_indexes`, and for hosts on different
    machines `addresses` and `network`.
    """

    directory: Path
    document: dict[str, Any]

    @property
    def host_id(self) -> str:
        return str(self.document["host_id"])


@dataclass(frozen=True)
class Pulse:
    """The state of an agent: whether it is alive, and if not, the reason for the user, such as "it was killed or crashed". Its
    truth value is `alive`."""

    alive: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.alive


class LaunchFailed(RuntimeError):
    """No host of the gang was started; the message says why and may be shown to the user."""


class BackendUnreachable(RuntimeError):
    """The system that runs the hosts does not answer now. The hosts may be healthy: rely on their reports."""


class NoBackend(RuntimeError):
    """The backend of the settings is not available; the message says what to do."""


class Backend(Protocol):
    """Starts one agent per host and finds it again. Every method may raise BackendUnreachable.

    Guarantees: every method may be called from any thread, and again with the same arguments. A handle stays valid after a restart
    of the server, and never refers to a process that the backend did not start. Agents outlive the server: nothing that ends the
    server ends them.
    """

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        """Starts all hosts as one gang, or none; returns handles in the order of `plans`. A backend with its own queue may let them
        wait there, all of them; meanwhile they count as alive. Called again with the same plans, by a server that resumes another
        one's launch, it finds the hosts that were started and starts the others.

        Raises LaunchFailed; hosts started until then have been killed.
        """
        ...

    def poll(self, handle: Handle) -> Pulse:
        """Reports whether the host's agent is alive. False is final."""
        ...

    def stop(self, handle: Handle) -> None:
        """Asks the agent to stop its job (SIGTERM); one that is not started yet never will be. Does nothing if it has ended."""
        ...

    def kill(self, handle: Handle) -> None:
        """Ends everything of the host now: the agent, the sandbox and every process left. Returns when they have ended, or are lost
        with their machine. On another machine nothing of the host stays; its `agent.log` is copied to the plan's directory."""
        ...
