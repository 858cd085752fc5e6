"""Addresses that nothing is sent to, in every spelling that a resolver takes and every form that leads to them."""

from __future__ import annotations

import socket

import pytest

from sagewright.model import addresses
from sagewright.sandbox.relay import AllowedTargets

NEVER = [
    # clouds' credentials, as they are
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23", "168.63.129.16", "192.0.0.192",
    "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23", "fd00:ec2:0:0:0:0:0:254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
    "fd00:42::42", "fe80::a9fe:a9fe", "fe80::1%lo", "febf::1", "fec0::1", "feff::1",
    # spellings of 169.254.169.254, 168.63.129.16 and 100.100.100.200 that getaddrinfo takes
    "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "025177524776", "169.254.43518", "169.16689662",
    "2822734096", "0xa83f8110", "1684301000", "0144.100.0x64.200",
    # forms of IPv6 with them inside
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:a9fe:a9fe", "::169.254.169.254", "::ffff:0:169.254.169.254",
    "::ffff:168.63.129.16", "::ffff:100.100.100.200", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::168.63.129.16",
    "64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0",
    "2002:a9fe:a9fe::1", "2002:c000:c0::1", "2002:6464:64c8::", "2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601",
    "2606:4700::5efe:a9fe:a9fe", "2606:4700::200:5efe:a9fe:a9fe",
    # nobody's, and groups
    "0.0.0.0", "0", "0.0.0.1", "::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", "::ffff:0.0.0.0",
]  # fmt: skip
INSIDE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1",
    "198.18.0.1", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "fd00::1", "fc00::1",
    "2002:a00:1::1", "2002:808:808::1", "2001:0:808:808:0:0:f7f7:f7f7", "::8.8.8.8", "64:ff9b:1::808:808", "2001:db8::1",
    "192.0.2.1",
    "192.88.99.1", "2606:4700::5efe:10.0.0.1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "134744072",
    "0x08080808",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "[2606:4700::1111]",
]


@pytest.mark.parametrize(
    ("spelt", "refused", "public"),
    [
        *((one, True, False) for one in NEVER),
        *((one, False, False) for one in INSIDE),
        *((one, False, True) for one in PUBLIC),
    ],
)
def test_what_an_address_leads_to(spelt: str, refused: bool, public: bool) -> None:
    found = addresses.resolved(spelt.strip("[]"), 80)
    assert (addresses.refused(found), addresses.public(found)) == (refused, public)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "192.0.0.192", "100.100.100.200", "0.0.0.0"])
def test_jobs_in_a_network_of_their_own_do_not_reach_them(address: str) -> None:
    assert not AllowedTargets(4700).reaches(address, 80)


def test_a_name_is_looked_up_once_and_its_first_address_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []

    def answers(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        requested.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (["8.8.8.8", "169.254.169.254"][len(requested) - 1], port))]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    assert str(addresses.resolved("rebinds.example", 80)) == "8.8.8.8"
    assert requested == ["rebinds.example"]
