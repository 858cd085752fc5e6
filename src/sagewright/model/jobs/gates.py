"""Gates: addresses at which servers on other machines reach the model server of a host.

A host on a node of a cluster, or on the machine of one of several servers, opens a TCP port there. A connection begins with the
gate's key and one byte that names the socket it is for; everything after it is passed to that socket of the host.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from sagewright.model import addresses

SERVER, SHELF = b"s", b"m"
"""The model server of the host; the agent's socket that loads models of a multi-model container."""
ON_ROUTE = "route"
"""In a host's document, instead of the address of its gate: its machine's address on the route to the server."""
KEY_CHARACTERS = 32
_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SCHEME = "gate"


@dataclass(frozen=True)
class Gate:
    """A port that is open to clients with its key. `machine` and `directory`: the machine's name and the host's directory there,
    which servers on that machine use instead; "" where no server can be."""

    host: str
    port: int
    key: str = field(repr=False)
    machine: str = ""
    directory: str = ""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        beside = f"?{urlencode({'machine': self.machine, 'directory': self.directory})}" if self.machine else ""
        return f"{_SCHEME}://{host}:{self.port}/{self.key}{beside}"

    def opening(self, target: bytes) -> bytes:
        """Returns the first bytes of a connection to SERVER or SHELF."""
        return self.key.encode() + target

    @classmethod
    def read(cls, url: str) -> Gate:
        """Parses `url`. Raises ValueError, also for an address that nothing is ever sent to, such as a cloud's metadata."""
        parts = urlsplit(url)
        if parts.scheme != _SCHEME or not parts.port or _KEY.fullmatch(parts.path[1:]) is None:
            raise ValueError("not a gate's URL")
        host = str(ipaddress.ip_address(parts.hostname or ""))
        if addresses.refused(addresses.read(host)):
            raise ValueError(f"nothing is sent to {host}")
        beside = dict(parse_qsl(parts.query))
        return cls(host, parts.port, parts.path[1:], beside.get("machine", ""), beside.get("directory", ""))


def is_gate(place: str) -> bool:
    """Returns True if a place of a model server is a gate, not a directory of this machine."""
    return place.startswith(f"{_SCHEME}://")


def new_key() -> str:
    return secrets.token_hex(KEY_CHARACTERS // 2)
