"""The plug point that says where a job's hosts run.

Its conformance suite is `tests/conformance/test_backend.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Handle = dict[str, Any]
"""What a backend needs to find a host again, in JSON's types; the store keeps it, only its backend reads it."""


@dataclass(frozen=True)
class HostPlan:
    """One host to start: its working directory and the content of its `host.json` (docs/explanation/agent-contract.md).

    Both are for an agent on the server's machine. A backend that starts it on another one sends the document there and
    replaces what names a place: the directory, `environments`, `object_proof`, `warm_cache`, `gpu_indexes`, and for hosts
    on different machines `addresses` and `network`.
    """

    directory: Path
    document: dict[str, Any]


@dataclass(frozen=True)
class Pulse:
    """Whether an agent is alive, and why it is not, for the user: "it was killed or crashed". True or false as `alive` is."""

    alive: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.alive


class LaunchFailed(RuntimeError):
    """No host of the gang was started; the message says why and may be shown to the user."""


class BackendUnreachable(RuntimeError):
    """What runs the hosts does not answer now. They may be well: what they report says more."""


class NoBackend(RuntimeError):
    """The backend that the settings ask for cannot be had; the message says what to do."""


class Backend(Protocol):
    """Starts one agent a host and finds it again. Every method may raise Unreachable.

    Guarantees: every method may be called from any thread, and again with the same arguments. A handle stays good
    after a restart of the server, and never names a process that the backend did not start. Agents outlive the
    server: nothing that ends the server ends them.
    """

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        """Start all hosts as one gang, or none: handles in the order of `plans`. A backend with a queue of its own may
        have them wait there, all of them; meanwhile they count as alive. Called again with the same plans, by a server
        that took up what another one had begun, it finds the hosts that were started and starts the others.

        Raises LaunchFailed; what was started until then has been killed.
        """
        ...

    def poll(self, handle: Handle) -> Pulse:
        """Whether the host's agent is alive. False is final."""
        ...

    def stop(self, handle: Handle) -> None:
        """Ask the agent to stop its job (SIGTERM); one that is not started yet never will be. Nothing if it is gone."""
        ...

    def kill(self, handle: Handle) -> None:
        """End everything of the host now: the agent, the sandbox and every process left. Returns when they are gone, or
        lost with their machine. Elsewhere nothing of the host stays; its `agent.log` is brought to the plan's directory."""
        ...
