"""Networks between the hosts of a job: a private network, addresses on the machine's loopback, or, if each host has a separate
machine, the machines' addresses.

The first host decides for all and makes the switch; the others find it by a file beside their directories. When the first host's
agent ends, in whatever way, the switch disappears.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.process.gang import await_decision, publish
from sagewright.sandbox import network
from sagewright.sandbox.namespace import Namespace, NetworkFailed
from sagewright.sandbox.relay import AllowedTargets, NetworkRelay

_SHARED_INTERFACE = "lo"
_NAME = "network"


@dataclass
class JobNetwork:
    """One host's view of the network: addresses of all hosts, the interface they are reached by, and the command that enters it.

    `warning`: a line for the job's log.
    """

    addresses: Mapping[str, str]
    interface: str = _SHARED_INTERFACE
    enter: list[str] = field(default_factory=list)
    warning: str = ""
    opened: list[Namespace | NetworkRelay] = field(default_factory=list)

    @property
    def own(self) -> bool:
        return bool(self.enter)

    @property
    def namespace(self) -> str:
        """Returns the path of the host's own network namespace, valid while this process lives; "" without one."""
        return next((f"/proc/{os.getpid()}/fd/{one.net}" for one in self.opened[1:] if isinstance(one, Namespace)), "")

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


def open_network(host: HostFile, possible: bool, check: Callable[[], None], *, isolated: bool = False) -> JobNetwork:
    """Opens the network of a host. `possible`: True if the sandbox can map the hosts' names to addresses; `check` raises if the job
    should not go on; `isolated`: a single-host job gets a private network too, if possible.

    Raises NetworkFailed, TimeoutError, and ClientError if a required private network is not possible.
    """
    if len(host.hosts) == 1 and host.network != "own" and not isolated:
        return JobNetwork(host.addresses)
    if host.network == "machines":
        return JobNetwork(host.addresses, _interface_with(host.addresses[host.host]))
    if host.is_first:
        decision, switch = _decide(host, possible)
        publish(host, _NAME, decision)
    else:
        decision, switch = await_decision(host, _NAME, check), None
    if decision.get("reason"):
        if host.network == "own":
            raise ClientError(f"The setting host_network demands a network of the job's own: {decision['reason']}.")
        return JobNetwork(host.addresses, warning=f"The hosts share this machine's network: {decision['reason']}.")
    return _joined(host, switch or _found(decision))


def _interface_with(address: str) -> str:
    """Returns this machine's interface with the address."""
    if ipaddress.ip_address(address).is_loopback:
        return _SHARED_INTERFACE
    for name, found in psutil.net_if_addrs().items():
        if any(one.address == address for one in found):
            return str(name)
    raise NetworkFailed(f"no interface of this machine has the address {address}, by which the other hosts know it")


def _decide(host: HostFile, possible: bool) -> tuple[dict[str, Any], Namespace | None]:
    support = network.network_support(outside=not host.isolated)
    if host.network == "shared" or not possible or not support.given:
        setting = "the setting host_network says so" if host.network == "shared" else ""
        return {"reason": setting or (support.reason if possible else "the sandbox has no names for them")}, None
    switch = network.make_switch()
    return {"pid": os.getpid(), "net": switch.net, "user": switch.user}, switch


def _found(decision: dict[str, Any]) -> Namespace:
    """Returns the switch of the first host's agent, which this process then keeps open too."""

    def descriptor(number: int) -> int:
        return os.open(f"/proc/{decision['pid']}/fd/{number}", os.O_RDONLY)

    try:
        user = decision["user"]
        return Namespace(descriptor(decision["net"]), None if user is None else descriptor(user))
    except OSError as error:
        raise NetworkFailed(f"the first host's network no longer exists: {error}") from error


def _joined(host: HostFile, switch: Namespace) -> JobNetwork:
    places = network.addresses(host.hosts)
    joined = JobNetwork(places, network.INTERFACE, opened=[switch])
    try:
        own = network.join_switch(switch, host.rank, places[host.host])
        joined.opened.append(own)
        joined.enter = own.enter()
        if not host.isolated:
            joined.opened.append(
                network.open_outside(
                    own, AllowedTargets(urlsplit(host.endpoint).port or 80, machine=host.network != "own")
                )
            )
    except NetworkFailed:
        joined.close()
        raise
    return joined
