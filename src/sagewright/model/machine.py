"""This machine: its name among the servers that share a store, and its addresses."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import psutil


@cache
def machine_name() -> str:
    """Returns a name that is the same for all servers of this machine, and survives a reboot."""
    try:
        machine_id = Path("/etc/machine-id").read_text().strip()
    except OSError:
        machine_id = ""
    return f"{socket.gethostname()} {machine_id}".strip()


def address_towards(host: str, port: int = 9) -> str:
    """Returns this machine's address on the route to another. Raises OSError if there is no route."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(found[0], socket.SOCK_DGRAM) as probe:
        probe.connect(found[4])
        return str(probe.getsockname()[0]).partition("%")[0]


def own_addresses() -> set[str]:
    return {one.address for addresses in psutil.net_if_addrs().values() for one in addresses}
