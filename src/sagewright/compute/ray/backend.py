"""Hosts as actors on the nodes of a Ray cluster, as the server sees them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagewright.compute.backend import BackendUnreachable, Handle, HostPlan, LaunchFailed, NoBackend, Pulse
from sagewright.compute.machines import ClusterMachines
from sagewright.compute.orders import endpoint_base, host_order
from sagewright.compute.ray.broker import Broker, RayRefused
from sagewright.model.aws.instance_types import Resources
from sagewright.model.settings import Settings

_PULSES_S = 0.5  # maximum age of the cached state of all hosts


class RayBackend:
    """A job's hosts are one placement group and one detached actor each, which starts the agent on its node.

    Connects on creation. Raises NoBackend. `forgotten_s`: how long after its agent's end an actor waits for a server.
    """

    def __init__(self, settings: Settings, forgotten_s: float = 3600) -> None:
        self._settings, self._forgotten_s = settings, forgotten_s
        settings.data.mkdir(parents=True, exist_ok=True)
        self._broker = Broker(settings.ray_address, settings.data / "ray.log")
        self._broker.connect()
        self._lock = threading.Lock()
        self._pulses: dict[str, Pulse] = {}
        self._pulses_at = 0.0
        self._places: dict[str, str] = {}
        self._machines = ClusterMachines(
            lambda: [Resources(*node) for node in self._ask("machines")], (BackendUnreachable,)
        )
        try:
            self._base = endpoint_base(settings, self._ask("addresses"), "Ray cluster")
        except NoBackend:
            self._broker.close()
            raise

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        peers = [str(plan.document["host_id"]) for plan in plans]
        gang = peers[0]
        orders = [self._order(plan, gang) | {"peers": peers} for plan in plans]
        try:
            self._broker.ask("launch", gang=gang, orders=orders)
        except (RayRefused, BackendUnreachable) as error:
            with suppress(RayRefused, BackendUnreachable):
                self._broker.ask("cancel", gang=gang, peers=peers)
            raise LaunchFailed(f"the Ray cluster did not accept the gang: {error}") from error
        return [
            {
                "host_id": order["document"]["host_id"],
                "gang": gang,
                "rank": rank,
                "peers": peers,
                "place": order["directory"],
                "directory": str(plan.directory),
            }
            for rank, (order, plan) in enumerate(zip(orders, plans, strict=True))
        ]

    def poll(self, handle: Handle) -> Pulse:
        own = str(handle["host_id"])
        with self._lock:
            if own not in self._pulses or time.monotonic() - self._pulses_at > _PULSES_S:
                self._pulses = self._ask_pulses({own, *(name for name, pulse in self._pulses.items() if pulse)})
                self._pulses_at = time.monotonic()
            return self._pulses[own]

    def stop(self, handle: Handle) -> None:
        self._ask("stop", host=_known(handle))

    def kill(self, handle: Handle) -> None:
        log = self._ask("kill", host=_known(handle))
        with self._lock:
            self._pulses.pop(str(handle["host_id"]), None)
        directory = Path(handle["directory"])
        if log and directory.is_dir():
            (directory / "agent.log").write_text(log)

    def machines(self) -> Sequence[Resources]:
        """Returns the resources of each node; none while the cluster does not answer."""
        return self._machines()

    def endpoint(self, url: str) -> str:
        """Returns the address at which the nodes reach the server that is at `url` on this machine."""
        return self._base.replace("{port}", str(urlsplit(url).port))

    def close(self) -> None:
        """Closes the connection; the hosts go on."""
        self._broker.close()

    def _order(self, plan: HostPlan, gang: str) -> dict[str, Any]:
        return host_order(self._settings, plan, gang) | {"forgotten_s": self._forgotten_s}

    def _ask_pulses(self, names: set[str]) -> dict[str, Pulse]:
        found = self._ask("pulses", places={name: self._places.get(name, "") for name in names})
        self._places = {name: place for name, (reason, place) in found.items()}
        return {name: Pulse(reason is None, reason or "") for name, (reason, _place) in found.items()}

    def _ask(self, do: str, **arguments: Any) -> Any:
        try:
            return self._broker.ask(do, **arguments)
        except RayRefused as error:
            raise BackendUnreachable(f"Ray could not {do}: {error}") from error


def _known(handle: Handle) -> dict[str, Any]:
    return {name: handle[name] for name in ("host_id", "gang", "rank", "peers", "place")}
