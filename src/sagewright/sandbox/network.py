"""A network for the hosts of one job: each host in a separate namespace, all on one switch in another namespace.

Every job uses the same addresses, since no job sees another's switch. The machine's own network is not changed: outgoing traffic
goes to a NetworkRelay, a listener in the host's namespace whose other end is in the machine's.
"""

from __future__ import annotations

import shutil
from functools import cache

from sagewright.sandbox.base import Support
from sagewright.sandbox.namespace import Namespace, NetworkFailed, new_namespace
from sagewright.sandbox.relay import AllowedTargets, NetworkRelay, RelaySockets

INTERFACE = "eth0"
MTU = 65535
"""Bytes of a packet, the most that veth takes: no wire is crossed, and with the usual 1,500 an exchange takes twice the CPU."""
_NET = "198.18.0.0/16"  # RFC 2544: for isolated networks
_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "unshare": "util-linux"}


def addresses(names: list[str]) -> dict[str, str]:
    """Returns the hosts' addresses on their switch."""
    return {name: f"198.18.{number // 250}.{number % 250 + 1}" for number, name in enumerate(names)}


def make_switch() -> Namespace:
    """Makes a namespace with a bridge. Raises NetworkFailed."""
    switch = new_namespace()
    try:
        switch.run(["ip", "-batch", "-"], "link add switch type bridge\nlink set switch up\n")
    except NetworkFailed:
        switch.close()
        raise
    return switch


def join_switch(switch: Namespace, rank: int, address: str) -> Namespace:
    """Makes a host's namespace on the switch: `address` at eth0, its own loopback, every port free. Raises NetworkFailed."""
    host = new_namespace(switch)
    port = f"h{rank}"
    try:
        switch.run(
            ["ip", "-batch", "-"],
            f"link add {port} mtu {MTU} type veth peer name {INTERFACE} mtu {MTU} netns /proc/self/fd/{host.net}\n"
            f"link set {port} master switch up\n",
            (host.net,),
        )
        script = "ip -batch - && echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
        host.run(
            ["sh", "-c", script],
            f"link set lo up\naddress add {address}/16 dev {INTERFACE}\nlink set {INTERFACE} up\n"
            f"route add default dev {INTERFACE}\n",
        )
    except NetworkFailed:
        host.close()
        raise
    return host


def open_outside(host: Namespace, allowed: AllowedTargets) -> NetworkRelay:
    """Relays the host's TCP and DNS through the machine. Raises NetworkFailed."""
    sockets = RelaySockets.made_in(host)
    host.run(["nft", "-f", "-"], _redirection(sockets, allowed.server_port))
    return NetworkRelay(sockets, allowed)


def _redirection(sockets: RelaySockets, loopback_port: int) -> str:
    return f"""table ip sagewright {{
  chain outside {{
    type nat hook output priority -100;
    udp dport 53 redirect to :{sockets.udp_port}
    tcp dport 53 redirect to :{sockets.tcp_port}
    ip daddr 127.0.0.1 tcp dport {loopback_port} redirect to :{sockets.tcp_port}
    ip daddr {{ 127.0.0.0/8, {_NET} }} return
    meta l4proto tcp redirect to :{sockets.tcp_port}
  }}
}}
"""


def network_support(*, outside: bool = True) -> Support:
    """Reports whether hosts can have separate networks here; `outside`: also requires reaching the machine's. Probed once by
    trying."""
    lacking = [name for name in _PROGRAMS if not shutil.which(name) and (outside or name != "nft")]
    if lacking:
        packages = sorted({_PROGRAMS[name] for name in lacking})
        return Support(False, f"needs {', '.join(lacking)} (packages {', '.join(packages)})")
    return _probe(outside)


@cache
def _probe(outside: bool) -> Support:
    try:
        switch = make_switch()
        try:
            host = join_switch(switch, 0, "198.18.0.1")
            try:
                if outside:
                    open_outside(host, AllowedTargets(1)).close()
            finally:
                host.close()
        finally:
            switch.close()
    except (NetworkFailed, OSError) as error:
        return Support(False, f"network namespaces cannot be used: {error}")
    return Support(True, "network namespaces on a switch of the job's own")
