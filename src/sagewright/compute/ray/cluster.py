"""The actor in the Ray cluster that executes a server's requests.

It is an actor because a client's connection (`ray://`) makes a task, and often a process, of each of these calls.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError, RayError
from ray.util import get_placement_group, list_named_actors, placement_group, placement_group_table
from ray.util.placement_group import remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from sagewright.compute.nodehosts import clean_host
from sagewright.compute.ray.host import HostActor

_GIB = 1 << 30
_PULSE_S = 1.0
_STOP_S = 5.0
_KILL_S = 30.0
_CALLS_AT_ONCE = 4  # of an actor: while it kills, it still answers whether it is alive
_WAITING = frozenset({"PENDING", "PREPARED"})  # not RESCHEDULING: then a node was lost, and the other hosts run

Host = dict[str, Any]
"""The server's data of a host: host_id, gang, rank, peers, and its directory on its node, place."""


class Cluster:
    """Named actors and placement groups are the only state, so another instance may take over at any time."""

    def __init__(self) -> None:
        self._actors: dict[str, Any] = {}

    def addresses(self) -> list[str]:
        """Returns the addresses of the nodes."""
        return [str(node["NodeManagerAddress"]) for node in _nodes()]

    def machines(self) -> list[tuple[int, int, int]]:
        """Returns CPUs, memory in GiB and GPUs of each node that can run hosts."""
        return [_has(node) for node in _nodes() if _has(node)[0]]

    def launch(self, gang: str, orders: list[dict[str, Any]]) -> None:
        """Returns once the cluster knows of all hosts: it starts them by itself, when it has room for all. Its state persists."""
        documents = [order["document"] for order in orders]
        bundle, strategy = _placement(documents[0], len(orders))
        try:
            group = get_placement_group(gang)
        except ValueError:
            group = placement_group([bundle] * len(orders), strategy, name=gang, lifetime="detached")
        for rank, order in enumerate(orders):
            own = str(order["document"]["host_id"])
            if self._find(own) is not None:
                continue
            self._actors[own] = (
                ray.remote(HostActor)
                .options(
                    name=own,
                    lifetime="detached",
                    max_restarts=0,
                    max_concurrency=_CALLS_AT_ONCE,
                    num_cpus=bundle["CPU"],
                    num_gpus=bundle.get("GPU", 0),
                    memory=bundle["memory"],
                    scheduling_strategy=PlacementGroupSchedulingStrategy(group, rank),
                )
                .remote(order)
            )
        for order in orders:
            ray.get_actor(str(order["document"]["host_id"]))

    def cancel(self, gang: str, peers: list[str]) -> None:
        """Ends a gang, started or not."""
        for name in peers:
            if (actor := self._find(name)) is not None:
                ray.kill(actor)
            self._actors.pop(name, None)
        with suppress(ValueError):
            remove_placement_group(get_placement_group(gang))

    def pulses(self, places: dict[str, str]) -> dict[str, tuple[str | None, str]]:
        """Returns why each host's agent is not alive (None if it is, or is not started yet), and its node's address.

        `places`: the address of each host, as far as known, since a lost node no longer reports it.
        """
        requested = {name: actor.pulse.remote() for name in places if (actor := self._find(name)) is not None}
        if requested:
            ray.wait(list(requested.values()), num_returns=len(requested), timeout=_PULSE_S)
        return {name: self._pulse(name, requested.get(name), place) for name, place in places.items()}

    def _pulse(self, name: str, answer: Any, place: str) -> tuple[str | None, str]:
        if answer is None:
            return _gone_reason(place), place
        try:
            answered: tuple[str | None, str] = ray.get(answer, timeout=0.01)
        except (GetTimeoutError, ActorUnavailableError):
            return None, place
        except RayActorError as error:
            self._actors.pop(name, None)
            return _dead_reason(str(error), place), place
        return answered

    def stop(self, host: Host) -> None:
        actor = self._find(host["host_id"])
        if actor is None:
            return
        if _state(host["gang"]).get("state") in _WAITING:
            self.cancel(host["gang"], host["peers"])
        else:
            with suppress(RayActorError, GetTimeoutError):
                ray.get(actor.stop.remote(), timeout=_STOP_S)

    def kill(self, host: Host) -> str:
        """Kills the host and returns the end of the agent's own log."""
        name, actor = host["host_id"], self._find(host["host_id"])
        log = None
        waiting = _state(host["gang"]).get("state") in _WAITING
        if actor is not None:
            if not waiting:
                with suppress(RayError):
                    log = ray.get(actor.kill.remote(), timeout=_KILL_S)
            ray.kill(actor)
        if log is None and not waiting:
            log = _clean(host)
        self._actors.pop(name, None)
        if not {*host["peers"]} & {*list_named_actors()} - {name}:
            with suppress(ValueError):
                remove_placement_group(get_placement_group(host["gang"]))
        return log or ""

    def _find(self, name: str) -> Any:
        if name not in self._actors:
            try:
                self._actors[name] = ray.get_actor(name)
            except ValueError:
                return None
        return self._actors[name]


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _has(node: dict[str, Any]) -> tuple[int, int, int]:
    resources = node["Resources"]
    return int(resources.get("CPU", 0)), int(resources.get("memory", 0) // _GIB), int(resources.get("GPU", 0))


def _placement(document: dict[str, Any], count: int) -> tuple[dict[str, float], str]:
    """Returns a host's share of its node, and whether the hosts get separate nodes or share one.

    They are separate if enough nodes are large enough; otherwise they share one, as they would share one machine.
    """
    bundle = {"CPU": float(document["cpus"]), "memory": float(document["memory_gb"] * _GIB)}
    if document["gpus"]:
        bundle["GPU"] = float(document["gpus"])
    has = [node["Resources"] for node in _nodes()]
    if sum(all(one.get(what, 0) >= amount for what, amount in bundle.items()) for one in has) >= count:
        return bundle, "STRICT_SPREAD"
    largest: dict[str, float] = max(has, key=lambda one: tuple(one.get(what, 0) for what in ("GPU", "CPU", "memory")))
    return {what: min(amount, largest.get(what, 0) / count) for what, amount in bundle.items()}, "STRICT_PACK"


def _state(gang: str) -> dict[str, Any]:
    """Returns the state of a placement group; empty when it was removed."""
    try:
        found: dict[str, Any] = placement_group_table(get_placement_group(gang))
    except ValueError:
        return {}
    return found


def _clean(host: Host) -> str:
    """Ends on its node what a dead actor left there, if the node is up; returns the end of the agent's own log."""
    node = (_state(host["gang"]).get("bundles_to_node_id") or {}).get(host["rank"])
    if node not in {one["NodeID"] for one in _nodes()}:
        return ""
    here = NodeAffinitySchedulingStrategy(node, soft=False)
    try:
        log: str = ray.get(
            ray.remote(clean_host).options(num_cpus=0, scheduling_strategy=here).remote(host["place"]),
            timeout=_KILL_S,
        )
    except RayError:
        return ""
    return log


def _gone_reason(place: str) -> str:
    """Returns why an actor unknown to Ray has ended."""
    if place and place not in {node["NodeManagerAddress"] for node in _nodes()}:
        return f"its node {place} was lost"
    return f"its actor on node {place} is gone" if place else "its actor is gone"


def _dead_reason(text: str, place: str) -> str:
    if "No module named" in text:
        missing = text.partition("No module named ")[2].split("\n")[0]
        return f"its node has no module {missing}: install sagewright[ray] on each"
    place = place or (re.findall(r"^\s*ip: (\S+)", text, re.MULTILINE) or ["unknown"])[0]
    if "node" in text and ("died" in text or "dead" in text or "terminated" in text) and "its node" in text:
        return f"its node {place} was lost"
    return f"its actor on node {place} ended: {' '.join(text.split())[-300:]}"
