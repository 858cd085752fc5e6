"""The plug point that says where a job's hosts run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Handle = dict[str, Any]
"""What a backend needs to find a host again, in JSON's types; the store keeps it, only its backend reads it."""


@dataclass(frozen=True)
class HostPlan:
    """One host to start: its working directory and the content of its `host.json` (DESIGN.md, "The agent's contract")."""

    directory: Path
    document: dict[str, Any]


class LaunchFailed(RuntimeError):
    """No host of the gang was started; the message says why and may be shown to the user."""


class Backend(Protocol):
    """Starts one agent a host and finds it again.

    Guarantees: every method may be called from any thread, and again with the same arguments. A handle stays good
    after a restart of the server, and never names a process that the backend did not start. Agents outlive the
    server: nothing that ends the server ends them.
    """

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        """Start all hosts as one gang, or none: handles in the order of `plans`.

        Raises LaunchFailed; what was started until then has been killed.
        """
        ...

    def poll(self, handle: Handle) -> bool:
        """Whether the host's agent is alive. False is final."""
        ...

    def stop(self, handle: Handle) -> None:
        """Ask the agent to stop its job (SIGTERM). Does nothing if the agent is gone."""
        ...

    def kill(self, handle: Handle) -> None:
        """End everything of the host now: the agent, the sandbox and every process left. Returns when they are gone."""
        ...
