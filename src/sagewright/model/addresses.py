"""Addresses that nothing is sent to on a user's behalf, in every notation that leads to them.

An IPv6 address may stand for an IPv4 one: each embedded address is checked too. Sources: RFC 3056 (6to4), 4291, 4380 (Teredo), 5214
(ISATAP), 6052 and 8215 (NAT64), 6145 (SIIT); the metadata guides of AWS, Azure, Google, Oracle, Alibaba and Scaleway.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
_CREDENTIALS: tuple[IPv4Network | IPv6Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # nearly every cloud
            "168.63.129.16/32",  # Azure's wire server
            "192.0.0.192/32",  # Oracle's earlier generation
            "100.100.100.200/32",  # Alibaba
            "fe80::/10",
            "fec0::/10",  # site-local, deprecated: not globally unique
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # Google
            "fd00:c1::a9fe:a9fe/128",  # Oracle
            "fd00:42::42/128",  # Scaleway
        ),
    )
)
"""Networks where clouds serve machine credentials, and link-local networks."""
_NOBODY = tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "240.0.0.0/4")))
_LAST_32 = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""Prefixes under which the last 32 bits are an IPv4 address: compatible, mapped, translated (SIIT), NAT64."""
_AS_INNER = tuple(map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
"""Prefixes that are as public as the embedded IPv4 address."""
_TUNNELS = tuple(
    map(
        ipaddress.ip_network, ("::/96", "::ffff:0:0:0/96", "2001::/32", "2002::/16", "64:ff9b:1::/48", "192.88.99.0/24")
    )
)
"""Prefixes that are never public: deprecated, or for use inside one network."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = 0x5EFE


def read(text: str) -> Address:
    """Parses an address as `socket` writes it, with or without a scope. Raises ValueError."""
    return ipaddress.ip_address(text.partition("%")[0])


@lru_cache(1024)
def is_loopback(host: str) -> bool:
    """Returns True for a host's name or address that only this machine reaches."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def embedded(address: Address) -> Iterator[IPv4Address]:
    """Yields the IPv4 addresses that packets to an IPv6 address may end at."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if number > 1 and any(address in network for network in _LAST_32):
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in _LOCAL_NAT64:
        yield from _local_nat64(number)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (number >> 32) & 0xFCFFFFFF == _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)


def _local_nat64(number: int) -> Iterator[IPv4Address]:
    """Yields the IPv4 addresses after 48, 56 and 64 bits of prefix, around the bits 64 to 71 (RFC 6052, 2.2): which layout a
    network uses is unknown."""
    for before in (16, 8, 0):
        behind = 32 - before
        found = (number >> 64 & ((1 << before) - 1)) << behind | number >> (56 - behind) & ((1 << behind) - 1)
        if found >> 24:  # otherwise these are another layout's zeros
            yield IPv4Address(found)


def refused(address: Address) -> bool:
    """True if nothing is ever sent there: links, clouds' credentials, multicast groups, and unassigned addresses."""
    return any(map(_is_refused, (address, *embedded(address))))


def _is_refused(address: Address) -> bool:
    nobody = address.is_unspecified or address.is_multicast
    return nobody or any(address in network for network in (*_CREDENTIALS, *_NOBODY))


def public(address: Address) -> bool:
    """True if it, and each address embedded in it, is public on the Internet."""
    if refused(address) or any(address in network for network in _TUNNELS):
        return False
    outer = address.is_global or any(address in network for network in _AS_INNER)
    return outer and all(one.is_global for one in embedded(address))


def resolved(host: str, port: int) -> Address:
    """Returns the address that a host resolves to now, however it is spelt: the one to check, and then to connect to. Raises
    OSError."""
    return read(str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]))
