"""Traffic that a relay passes on, and its destination."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import psutil
import pytest

from sagewright.sandbox import relay
from sagewright.sandbox.relay import AllowedTargets, NetworkRelay, RelaySockets


@pytest.mark.parametrize(
    ("address", "port", "reached"),
    [
        ("127.0.0.1", 4700, True), ("127.0.0.1", 5432, False), ("127.9.9.9", 22, False), ("0.0.0.0", 4700, False),
        ("169.254.169.254", 80, False), ("224.0.0.1", 80, False), ("203.0.113.80", 443, True), ("10.0.0.1", 443, True),
    ],
)  # fmt: skip
def test_of_this_machine_only_the_server_is_reached(address: str, port: int, reached: bool) -> None:
    assert AllowedTargets(4700).reaches(address, port) is reached


def test_other_addresses_of_the_machine_are_reached_where_that_is_allowed() -> None:
    own = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family == socket.AF_INET and not one.address.startswith("127.")
    ]
    for address in own:
        assert AllowedTargets(4700).reaches(address, 22)
        assert not AllowedTargets(4700, machine=False).reaches(address, 22)
        assert AllowedTargets(4700, machine=False).reaches(address, 4700)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Answers each question with itself, turned round."""
    if os.geteuid() != 0:
        pytest.skip("only root listens at port 53")
    address = "127.83.1.53"
    monkeypatch.setattr(relay, "_name_server", lambda: address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 53))
        listener.settimeout(20)

        def answer() -> None:
            question, asker = listener.recvfrom(4096)
            listener.sendto(question[::-1], asker)

        thread = threading.Thread(target=answer)
        thread.start()
        yield address
        thread.join()


@pytest.mark.usefixtures("name_server")
def test_questions_about_names_are_passed_on() -> None:
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    sockets = RelaySockets(tcp, udp)
    made = NetworkRelay(sockets, AllowedTargets(1))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(20)
            asker.sendto(b"question", ("127.0.0.1", sockets.udp_port))
            assert asker.recv(4096) == b"noitseuq"
    finally:
        made.close()
