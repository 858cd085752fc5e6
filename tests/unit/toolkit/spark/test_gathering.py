"""The connection that each host keeps to the first."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from sagewright.toolkit.spark.errors import ClusterFailed
from sagewright.toolkit.spark.gathering import Follower, Leader

SECRET = b"of the job"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def gathered(names: list[str]) -> tuple[Leader, list[Follower]]:
    port = free_port()
    followers = [Follower(name, "localhost", SECRET, port) for name in names]
    threads = [threading.Thread(target=follower.join) for follower in followers]
    for thread in threads:
        thread.start()  # before the first host listens
    leader = Leader("127.0.0.1", names, SECRET, port)
    leader.gather(20)
    for thread in threads:
        thread.join(20)
    return leader, followers


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_end_with_the_driver() -> None:
    leader, followers = gathered(["algo-2", "algo-3"])
    lost: list[str] = []
    leader.watch(lost.append)
    assert not followers[0].ended(0.05)
    leader.end()
    assert all(follower.ended(20) for follower in followers)
    assert lost == []
    for follower in followers:
        follower.close()


def test_a_lost_host_is_named() -> None:
    leader, followers = gathered(["algo-2", "algo-3"])
    lost: list[str] = []
    leader.watch(lost.append)
    followers[1].close()
    until(lambda: lost)
    assert lost == ["algo-3"]
    leader.end()
    followers[0].close()


def test_a_lost_leader_is_named() -> None:
    leader, (follower,) = gathered(["algo-2"])
    leader.abandon()
    with pytest.raises(ClusterFailed, match="localhost, where the driver ran, was lost"):
        follower.ended(20)
    follower.close()


def test_nobody_else_gets_in() -> None:
    port = free_port()
    leader = Leader("127.0.0.1", ["algo-2"], SECRET, port)
    stranger = socket.create_connection(("127.0.0.1", port))
    stranger.sendall(b"algo-2 " + b"0" * 64)
    with pytest.raises(ClusterFailed, match="not there after 1 s: algo-2"):
        leader.gather(1)
    leader.end()
    stranger.close()
