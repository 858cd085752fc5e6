"""Gates of hosts on this machine, for servers on other machines that share the store (`model.jobs.gates`)."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.compute.backend import Handle
from sagewright.model.addresses import Address, read
from sagewright.model.jobs.brief import Brief
from sagewright.model.jobs.gates import Gate
from sagewright.model.machine import address_towards
from sagewright.model.settings import Settings

_ELSEWHERE = ("192.0.2.1", "2001:db8::1")
"""Addresses of no machine (RFC 5737, 3849): the route to them is the default route."""


def gate_address(settings: Settings, brief: Brief, *, shared: bool) -> str:
    """Returns the address at which a host of this machine opens its gate; "" if it serves nothing, or if servers on other machines
    can't exist or reach the ports of this one: those of a server with TLS, or one that listens on loopback. `shared`: True if
    servers share the store."""
    if brief.health is None or brief.transform is not None or not shared:
        return ""
    listening = _read(settings.plain_host)
    if listening is None or listening.is_loopback:
        return ""
    if not listening.is_unspecified:
        return str(listening)
    for place in (urlsplit(settings.database).hostname or "", *_ELSEWHERE):
        with suppress(OSError):
            found = address_towards(place)
            if not read(found).is_loopback:
                return found
    return ""


def _read(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        with suppress(OSError):
            return read(str(socket.getaddrinfo(host, None)[0][4][0]))
    return None


def server_of(gate: str | None, handle: Handle | None, directory: Path) -> str:
    """Returns where the model server of a host answers (`upstream.connecting.server_address`). `gate`: the one it has reported."""
    if not gate:
        return str(directory)
    machine = (handle or {}).get("machine", "")
    return replace(Gate.read(gate), machine=machine, directory=str(directory)).url if machine else gate
