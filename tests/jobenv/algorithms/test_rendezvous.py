"""The hosts of a job find each other, and not those of another job on the same machine."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sagewright.algorithms import rendezvous
from sagewright.algorithms.errors import PlatformError

HOSTS = ("127.0.8.1", "127.0.8.2", "127.0.8.3")


def gather(job: str, hosts: tuple[str, ...], timeout_s: float = 20) -> list[Any]:
    def one(host: str) -> Any:
        return rendezvous.gather(
            job,
            hosts,
            host,
            f"{job} {host}",
            lambda described: sorted(described.values()),
            rendezvous.Limits(timeout_s),
        )

    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(one, reversed(hosts)))


def _refuse_one(server: socket.socket) -> None:
    peer, _ = server.accept()
    peer.close()


def test_all_hosts_get_one_answer() -> None:
    answers = gather("a", HOSTS)
    assert answers == [sorted(f"a {host}" for host in HOSTS)] * 3


def test_jobs_on_one_machine_do_not_mix() -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(gather, ("a", "b"), (HOSTS[:2], HOSTS[:2]))
    assert first == [["a 127.0.8.1", "a 127.0.8.2"]] * 2
    assert second == [["b 127.0.8.1", "b 127.0.8.2"]] * 2


def test_a_taken_port_and_strangers_are_passed_over() -> None:
    with socket.create_server(("127.0.8.1", rendezvous.PORTS.start)) as taken:
        stranger = threading.Thread(target=_refuse_one, args=(taken,), daemon=True)
        stranger.start()
        assert gather("a", HOSTS[:2]) == [["a 127.0.8.1", "a 127.0.8.2"]] * 2


def test_a_missing_host_is_named() -> None:
    with pytest.raises(PlatformError, match=r"did not join in time: 127\.0\.8\.2"):
        rendezvous.gather("a", HOSTS[:2], HOSTS[0], None, dict, rendezvous.Limits(0.3))
    with pytest.raises(PlatformError, match=r"127\.0\.8\.1 did not answer"):
        rendezvous.gather("a", HOSTS[:2], HOSTS[1], None, dict, rendezvous.Limits(0.3))


def test_a_name_that_never_resolves_is_named() -> None:
    with pytest.raises(PlatformError, match=r"no\.such\.invalid"):
        rendezvous.address("no.such.invalid", 0)
