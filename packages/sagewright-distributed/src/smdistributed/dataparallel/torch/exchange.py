"""Exchanges data among the processes of one group through shared memory, operation by operation.

Each process counts the operations that it has laid data out for (`given`) and those whose result it has consumed (`taken`). Data of
an operation stay in place until all processes have consumed them. Only the owner writes a counter; x86-64 keeps stores in order.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch

from smdistributed.dataparallel.torch.segment import PAGE, NoSharedMemory, Segment, wait_while, wake

LARGEST, SMALLEST = 64 << 20, 256 << 10
"""Bytes that a process can have laid out at a time: the maximum, and the minimum worth the effort."""
_NOTE = struct.Struct("<QQQ")
_NOTES = (PAGE - 128) // _NOTE.size
_ALIGN = 64
_SPINS = 40
_LOOK_S = 0.2
_HALF = 1 << 31


class PeerLost(RuntimeError):
    """A process of the group has ended, or does not appear; the message names it."""


class ResultsDue(RuntimeError):
    """This process has not consumed the results of operations whose memory is needed."""


class Mismatch(RuntimeError):
    """The processes of the group call different operations."""


@dataclass(frozen=True)
class Members:
    """The members of a group. `store`: a torch.distributed store that no other group uses."""

    store: Any
    rank: int
    size: int
    timeout: timedelta


class Exchange:
    """`largest` and `smallest`: bounds on the bytes that a process can have laid out at a time, as far as memory allows.

    Raises NoSharedMemory, in all processes or in none.
    """

    def __init__(self, members: Members, largest: int = LARGEST, smallest: int = SMALLEST) -> None:
        rank, size = self.rank, self.size = members.rank, members.size
        self._timeout_s = members.timeout.total_seconds()
        self._lock = threading.RLock()
        self._segment, offset, length = _meet(members, largest, smallest)
        self._presence = offset // PAGE
        self.capacity = (length - size * PAGE) // size // _ALIGN * _ALIGN
        self._memory = self._segment.map(offset, length)
        self._given = [self._cell(peer * PAGE) for peer in range(size)]
        self._taken = [self._cell(peer * PAGE + 64) for peer in range(size)]
        self._segment.appear(self._presence + rank)
        self._names = _introduce(members)
        self._count = self._mine_taken = 0
        self._laid: deque[tuple[int, int]] = deque()
        self._end = 0

    @property
    def largest(self) -> int:
        """Returns the bytes that one operation can lay out while leaving room for another."""
        return self.capacity // 2 // _ALIGN * _ALIGN

    def reserve(self, length: int) -> int:
        """Returns the place where this process can write `length` bytes, at most `capacity`, for its next operation. Waits until
        there is room.

        Raises ResultsDue if this process must first consume results to make room; PeerLost.
        """
        with self._lock:
            while True:
                taken = [cell[0].value for cell in self._taken]
                while self._laid and all(_reached(count, self._laid[0][0]) for count in taken):
                    self._laid.popleft()
                if not self._laid or not _reached(self._count + 1, self._laid[0][0] + _NOTES):
                    place = self._gap(length)
                    if place is not None:
                        return place
                oldest = self._laid[0][0]
                if not _reached(self._mine_taken, oldest):
                    raise ResultsDue
                for peer in range(self.size):
                    self._await(self._taken[peer], peer, oldest)

    def give(self, kind: int, place: int, length: int) -> int:
        """Announces that the data are at `place`; returns the operation's number."""
        with self._lock:
            self._count = (self._count + 1) & 0xFFFFFFFF
            number = self._count
            _NOTE.pack_into(self._memory, self._note(self.rank, number), kind, place, length)
            self._laid.append((number, place))
            self._end = place + -(-length // _ALIGN) * _ALIGN
            cell, address = self._given[self.rank]
            cell.value = number
            wake(address)
            return number

    def is_there(self, peer: int, number: int) -> bool:
        return _reached(self._given[peer][0].value, number)

    def find(self, peer: int, number: int, kind: int, length: int) -> int:
        """Returns the place of the peer's data of the operation; waits for them. Raises PeerLost, Mismatch."""
        if peer != self.rank:
            self._await(self._given[peer], peer, number)
        found, place, its_length = _NOTE.unpack_from(self._memory, self._note(peer, number))
        if found != kind or its_length != length:
            raise Mismatch(
                f"smddp: {self._names[peer]} calls operation {found:#x} with {its_length} bytes where "
                f"{self._names[self.rank]} calls {kind:#x} with {length}: all must call the same, with tensors of one "
                "type and size."
            )
        return int(place)

    def take(self, number: int) -> None:
        """Announces that this process no longer needs any data of the operation and of earlier ones."""
        with self._lock:
            self._mine_taken = number
            cell, address = self._taken[self.rank]
            cell.value = number
            wake(address)

    def view(self, peer: int, place: int, like: torch.Tensor) -> torch.Tensor:
        """Returns the peer's bytes at `place` as a contiguous tensor of the type and shape of `like`."""
        start = self.size * PAGE + peer * self.capacity + place
        flat = torch.frombuffer(self._memory, dtype=like.dtype, count=like.numel(), offset=start)
        return flat.view(like.shape)

    def _gap(self, length: int) -> int | None:
        """Returns the next place with room after the last one. Goes all the way around the memory: memory in another processor's
        cache is several times as slow to write, and by then it has left the cache.
        """
        end = self._end
        start = self._laid[0][1] if self._laid else end
        if end < start:
            return end if end + length < start else None
        if end + length <= self.capacity:
            return end
        return 0 if length < start or not self._laid else None

    def _await(self, counter: tuple[Any, int], peer: int, number: int) -> None:
        cell, address = counter
        for _ in range(_SPINS):
            if _reached(cell.value, number):
                return
        until = time.monotonic() + self._timeout_s
        while not _reached(value := cell.value, number):
            wait_while(address, value, _LOOK_S)
            if _reached(cell.value, number):
                return
            if cell.value == value:
                self._look_after(peer, until, cell, number)

    def _look_after(self, peer: int, until: float, cell: Any, number: int) -> None:
        if not self._segment.sees(self._presence + peer) and not _reached(cell.value, number):
            raise PeerLost(f"smddp: {self._names[peer]} has ended while {self._names[self.rank]} waits for it.")
        if time.monotonic() > until:
            raise PeerLost(
                f"smddp: {self._names[peer]} did not come within {self._timeout_s:g} s to where "
                f"{self._names[self.rank]} waits for it."
            )

    def _cell(self, offset: int) -> tuple[Any, int]:
        cell = ctypes.c_uint32.from_buffer(self._memory, offset)
        return cell, ctypes.addressof(cell)

    def _note(self, peer: int, number: int) -> int:
        return peer * PAGE + 128 + number % _NOTES * _NOTE.size


def _reached(count: int, number: int) -> bool:
    return (count - number) & 0xFFFFFFFF < _HALF


def _meet(members: Members, largest: int, smallest: int) -> tuple[Segment, int, int]:
    """Agrees on a part of the job's memory that the whole group uses."""
    store, rank, size = members.store, members.rank, members.size
    try:
        segment = Segment()
        own = segment.identity()
    except (NoSharedMemory, OSError) as error:
        store.set(f"memory/{rank}", f"!{error}")
        raise NoSharedMemory(str(error)) from error
    store.set(f"memory/{rank}", own)
    for peer in range(size):
        theirs = store.get(f"memory/{peer}").decode()
        if theirs != own:
            raise NoSharedMemory(theirs[1:] if theirs.startswith("!") else "not all processes are on one machine")
    if rank == 0:
        try:
            offset, length = segment.take(*(size * _pages(each) for each in (largest, smallest)))
            segment.map(offset, length)[: size * PAGE] = bytes(size * PAGE)
            store.set("part", f"{offset} {length}")
        except (NoSharedMemory, OSError) as error:
            store.set("part", f"!{error}")
    answer = store.get("part").decode()
    if answer.startswith("!"):
        raise NoSharedMemory(answer[1:])
    offset, length = map(int, answer.split())
    segment.use(offset, length)
    return segment, offset, length


def _pages(room: int) -> int:
    """Returns the room in whole pages, plus the page of the process's counters."""
    return PAGE + -(-room // PAGE) * PAGE


def _introduce(members: Members) -> list[str]:
    """Returns descriptions of the processes for messages; all of them are present when it returns."""
    members.store.set(f"name/{members.rank}", f"process {members.rank} on {socket.gethostname()}")
    return [members.store.get(f"name/{peer}").decode() for peer in range(members.size)]
