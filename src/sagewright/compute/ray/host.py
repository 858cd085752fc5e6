"""The actor of one host on a node of the cluster: starts the host's agent there and monitors it.

On its node it uses the local backend to start, poll, stop and kill: the same agent, the same files.
"""

from __future__ import annotations

import json
import os
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray
from ray.util import get_current_placement_group, list_named_actors, placement_group_table
from ray.util.placement_group import remove_placement_group

from sagewright.compute.backend import Handle, HostPlan, LaunchFailed
from sagewright.compute.local import LocalBackend
from sagewright.compute.nodehosts import MARK, agent_environ, remove_host, sweep_hosts

_WATCH_S = 60.0


class HostActor:
    """The actor of one host. `order`: its directory (ROOT/hosts/GANG/NAME), its document, its gang's host ids (`peers`), the
    server's version, and for how many seconds it waits for a request after its agent's end before it exits (`forgotten_s`): a
    server that died while it launched a gang does not know of it."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._node = str(ray.util.get_node_ip_address())
        self._local = LocalBackend(fork_server=False, environ=_environ())
        self._directory = Path(order["directory"]).expanduser()
        self._handle: Handle | None = None
        self._failure = ""
        self._asked_s = time.monotonic()
        try:
            self._start(order)
        except (OSError, LaunchFailed) as error:
            self._failure = f"it could not be started on node {self._node}: {error}"
        watching = (order["peers"], str(order["document"]["host_id"]), float(order["forgotten_s"]))
        threading.Thread(target=self._watch, args=watching, daemon=True).start()

    def _start(self, order: dict[str, Any]) -> None:
        own, theirs = version("sagewright"), order["version"]
        if own != theirs:
            raise LaunchFailed(f"sagewright {own} is installed there, and the server is {theirs}")
        hosts = self._directory.parent.parent
        hosts.mkdir(parents=True, exist_ok=True)
        hosts.chmod(0o700)
        sweep_hosts(hosts)
        document = order["document"] | {"environments": str(Path(order["document"]["environments"]).expanduser())}
        document |= _addresses(document["hosts"])
        if document.get("gpu_indexes") is not None:
            document["gpu_indexes"] = [int(gpu) for gpu in ray.get_gpu_ids()]
        (self._handle,) = self._local.launch([HostPlan(self._directory, document)])
        (self._directory / MARK).write_text(json.dumps(self._handle))

    def pulse(self) -> tuple[str | None, str]:
        """Returns why the agent is not alive, None if it is; and the node's address."""
        self._asked_s = time.monotonic()
        if self._handle is None:
            return self._failure, self._node
        pulse = self._local.poll(self._handle)
        return (None if pulse else f"{pulse.reason} on node {self._node}"), self._node

    def stop(self) -> None:
        if self._handle is not None:
            self._local.stop(self._handle)

    def kill(self) -> str:
        """Kills the host and returns the end of the agent's own log."""
        self._asked_s = time.monotonic()
        if self._handle is not None:
            self._local.kill(self._handle)
        return remove_host(self._directory)

    def _watch(self, peers: list[str], own: str, forgotten_s: float) -> None:
        """Exits when the agent has ended and no server asks for it; the gang's first host exits last, and releases the gang's
        resources."""
        group = get_current_placement_group()
        while self._alive() or time.monotonic() - self._asked_s < forgotten_s:
            time.sleep(min(forgotten_s / 4, _WATCH_S))
        self.kill()
        if own == peers[0]:
            while set(peers[1:]) & set(list_named_actors()):
                time.sleep(min(forgotten_s / 4, _WATCH_S))
            remove_placement_group(group)
        os._exit(0)

    def _alive(self) -> bool:
        return self._handle is not None and bool(self._local.poll(self._handle))


def _environ() -> dict[str, str]:
    """Returns the environment of agents, without anything of Ray's, in particular its token."""
    return agent_environ("RAY_")


def _addresses(names: list[str]) -> dict[str, Any]:
    """Returns the hosts' addresses if each has a separate node; hosts of one node work as they do anywhere."""
    on = placement_group_table(get_current_placement_group())["bundles_to_node_id"]
    if len(set(on.values())) == 1:
        return {}
    addresses = {node["NodeID"]: str(node["NodeManagerAddress"]) for node in ray.nodes()}
    return {"addresses": {name: addresses[on[rank]] for rank, name in enumerate(names)}, "network": "machines"}
