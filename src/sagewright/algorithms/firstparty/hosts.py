"""Sums and exchanges between the hosts of one job, over connections of the standard library.

The first host receives the others' values, combines them in the order of the hosts (so that sums are the same in every run) and
sends the result to all. The key of the connections is distributed by `rendezvous`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

import numpy as np

from sagewright.algorithms import rendezvous
from sagewright.algorithms.errors import PlatformError
from sagewright.algorithms.job import Job

RESOLVE_S = 900.0
BACKLOG = 128


class Group:
    """This host among the job's hosts. All hosts must call every method in the same order.

    Each raises PlatformError if a host is lost.
    """

    def __init__(self, rank: int = 0, names: tuple[str, ...] = ("algo-1",)) -> None:
        self.rank, self.size, self._names = rank, len(names), names
        self._peers: dict[int, Connection] = {}  # at the first host all others; elsewhere only the first, as 0

    def total(self, array: Any) -> Any:
        """The sum over all hosts of an array (or number), in its shape; in float64 unless it consists of whole numbers."""
        if self.size == 1:
            return array
        kind = np.asarray(array)
        wide = kind if kind.dtype.kind in "iub" else kind.astype(np.float64)
        return self._exchange(wide, lambda each: np.sum(np.stack(each), axis=0))

    def gather(self, value: Any) -> list[Any]:
        """Every host's value in the order of the hosts, at every host."""
        return [value] if self.size == 1 else list(self._exchange(value, list))

    def to_first(self, value: Any) -> list[Any] | None:
        """Every host's value in the order of the hosts, at the first host; None at the others."""
        if self.rank:
            self._send(0, value)
            return None
        return [value, *(self._receive(rank) for rank in range(1, self.size))]

    def total_rows(self, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All hosts' rows (m,), sorted and distinct, and the sums (m, d) float32 of their `values` (n, d) of `rows` (n,)."""
        if self.size == 1:
            return rows, values
        said = self.gather((rows, values))
        everything = np.unique(np.concatenate([each for each, _ in said]))
        total = np.zeros((len(everything), values.shape[1]), np.float32)
        for own, sums in said:
            total[np.searchsorted(everything, own)] += sums
        return everything, total

    def from_first(self, value: Any) -> Any:
        """The first host's value; the others' values are ignored."""
        if self.size == 1:
            return value
        return self._exchange(value if self.rank == 0 else None, lambda each: each[0])

    def _exchange(self, value: Any, combine: Callable[[list[Any]], Any]) -> Any:
        if self.rank:
            self._send(0, value)
            return self._receive(0)
        said = [value, *(self._receive(rank) for rank in range(1, self.size))]
        answer = combine(said)
        for rank in range(1, self.size):
            self._send(rank, answer)
        return answer

    def _send(self, rank: int, value: Any) -> None:
        try:
            self._peers[rank].send(value)
        except OSError as error:
            raise PlatformError(f"host {self._names[rank]} is lost", caused_by=error) from error

    def _receive(self, rank: int) -> Any:
        try:
            return self._peers[rank].recv()
        except (OSError, EOFError) as error:
            raise PlatformError(f"host {self._names[rank]} is lost", caused_by=error) from error

    def _close(self) -> None:
        for peer in self._peers.values():
            peer.close()


@contextlib.contextmanager
def group(job: Job) -> Iterator[Group]:
    """Connects all hosts of the job. Raises PlatformError if one does not join."""
    rank = job.hosts.index(job.current_host)
    members = Group(rank, job.hosts)
    if members.size > 1:
        _connect(job, members)
        logging.info("Host %s is number %d of %d in training.", job.current_host, rank, members.size)
    try:
        yield members
    finally:
        members._close()


def _connect(job: Job, members: Group) -> None:
    key = os.urandom(16)
    own = rendezvous.address(job.hosts[0], time.monotonic() + RESOLVE_S)
    listener = Listener((own, 0), backlog=BACKLOG, authkey=key) if members.rank == 0 else None
    accepting = threading.Thread(target=_accept, args=(listener, members), daemon=True)
    if listener is not None:
        accepting.start()
    said = {"port": listener.address[1], "key": key.hex()} if listener is not None else None
    messages = rendezvous.gather(job.name, job.hosts, job.current_host, said, lambda all_said: all_said[job.hosts[0]])
    if listener is None:
        members._peers[0] = _undelayed(Client((own, messages["port"]), authkey=bytes.fromhex(messages["key"])))
        members._send(0, members.rank)
        return
    accepting.join(RESOLVE_S)
    listener.close()
    if len(members._peers) < members.size - 1:
        raise PlatformError("a host did not connect in time")


def _accept(listener: Listener, members: Group) -> None:
    with contextlib.suppress(OSError):
        while len(members._peers) < members.size - 1:
            with contextlib.suppress(EOFError):
                peer = _undelayed(listener.accept())
                members._peers[int(peer.recv())] = peer


def _undelayed(peer: Connection) -> Connection:
    """Disables Nagle's algorithm: a long message is two writes, and the second would wait 40 ms for the acknowledgement of the
    first."""
    with socket.socket(fileno=os.dup(peer.fileno())) as same:
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer
