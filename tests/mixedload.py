"""Many requests a second of several kinds, by one thread that costs little: raw sockets, one selector, and one signature for all
requests that are the same. What gets no answer, or a server's error, is sent again as SDKs do it.
"""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.leanrequests import LeanRequest, signed

CONNECTIONS = 40
ATTEMPTS, PAUSE_S, ANSWER_S = 7, 0.05, 20
SIGNED_S = 240
"""How long a signature is used again; servers accept it for 15 minutes."""


@dataclass(frozen=True)
class Kind:
    """`share`: how many of 100 requests are of this kind. `request`: makes one with a name, which it ignores if they are `fixed`.
    `wrong`: says what is wrong with an answer's status and body, or nothing.
    """

    share: int
    request: Callable[[str], LeanRequest]
    fixed: bool
    wrong: Callable[[str, int, bytes], str]


@dataclass(order=True)
class _Task:
    """One request. `due`: when it is sent, and sent again; `begun`: when it was first."""

    due: float
    number: int
    kind: str = field(compare=False)
    name: str = field(compare=False)
    begun: float = field(default=0.0, compare=False)
    attempt: int = field(default=0, compare=False)


class _Connection:
    """At most one request at a time; opened again after an end or an error."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.socket: socket.socket | None = None
        self.task: _Task | None = None
        self.sent = 0.0
        self._data = b""

    def send(self, task: _Task, content: bytes) -> None:
        self.task, self.sent, self._data = task, time.monotonic(), b""
        if self.socket is None:
            self.socket = socket.create_connection(self._address, timeout=5)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(content)

    def receive(self) -> tuple[int, bytes] | None:
        """Returns status and body once they are complete. Raises OSError if the other side ends before."""
        assert self.socket is not None
        part = self.socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the connection ended")
        self._data += part
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return None
        if b"connection: close" in lines:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class MixedLoad:
    """Sends `rate` requests a second until `over`; what it could not send in time it makes up for. `done`: names of what was
    acknowledged, by kind; `refused`: other answers than were due; `longest_s`: the longest time from a first try to its answer.
    """

    def __init__(self, address: tuple[str, int], key: tuple[str, str], kinds: Mapping[str, Kind], rate: float) -> None:
        self._address, self._key, self._kinds, self._rate = address, key, kinds, rate
        self.done: dict[str, list[str]] = defaultdict(list)
        self.refused: list[str] = []
        self.longest_s, self.unanswered = 0.0, 0
        self._signed: dict[str, tuple[float, bytes]] = {}
        self._again: list[_Task] = []
        self._selector = selectors.DefaultSelector()
        self._idle = deque(_Connection(address) for _ in range(CONNECTIONS))
        self._busy: set[_Connection] = set()

    def run(self, over: threading.Event) -> None:
        for task in self._tasks(time.monotonic()):
            while time.monotonic() < task.due or not self._idle:
                self._listen(task.due)
                self._repeat()
            if over.is_set():
                break
            self._send(task)
        deadline = time.monotonic() + 2 * ANSWER_S
        while (self._busy or self._again) and time.monotonic() < deadline:
            self._listen(time.monotonic() + PAUSE_S)
            self._repeat()
        for connection in (*self._idle, *self._busy):
            connection.close()

    def _tasks(self, begun: float) -> Iterator[_Task]:
        kinds = [name for name, kind in self._kinds.items() for _ in range(kind.share)]
        random.Random(0).shuffle(kinds)
        for number, kind in enumerate(itertools.cycle(kinds)):
            due = begun + number / self._rate
            yield _Task(due, number, kind, f"{kind}-lean-{number}")

    def _send(self, task: _Task) -> None:
        connection = self._idle.popleft()
        task.begun = task.begun or time.monotonic()
        self._busy.add(connection)
        fresh = connection.socket is None
        try:
            connection.send(task, self._content(task))
        except OSError:
            self._lost(connection, registered=not fresh)
            return
        if fresh:
            assert connection.socket is not None
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _content(self, task: _Task) -> bytes:
        kind = self._kinds[task.kind]
        at, content = self._signed.get(task.kind, (0.0, b""))
        if kind.fixed and time.monotonic() - at < SIGNED_S:
            return content
        request = kind.request(task.name)
        headers = signed(request, f"{self._address[0]}:{self._address[1]}", self._key, datetime.now(UTC))
        lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        content = "\r\n".join([*lines, f"content-length: {len(request.body)}", "", ""]).encode() + request.body
        self._signed[task.kind] = time.monotonic(), content
        return content

    def _listen(self, until: float) -> None:
        for key, _ in self._selector.select(max(0.0, min(PAUSE_S, until - time.monotonic()))):
            connection: _Connection = key.data
            try:
                answer = connection.receive()
            except OSError:
                self._lost(connection)
                continue
            if connection.socket is None:
                self._selector.unregister(key.fileobj)
            if answer is not None:
                self._answered(connection, *answer)
        for connection in [each for each in self._busy if time.monotonic() - each.sent > ANSWER_S]:
            self._lost(connection)

    def _answered(self, connection: _Connection, status: int, body: bytes) -> None:
        task = self._free(connection)
        if status >= 500:
            self._later(task)
            return
        if wrong := self._kinds[task.kind].wrong(task.name, status, body):
            self.refused.append(f"{task.name}: {status} {wrong}")
            return
        self.longest_s = max(self.longest_s, time.monotonic() - task.begun)
        self.done[task.kind].append(task.name)

    def _lost(self, connection: _Connection, *, registered: bool = True) -> None:
        """Closes it, and sends its request again if it has one; an idle one is opened again when it is used."""
        if registered and connection.socket is not None:
            self._selector.unregister(connection.socket)
        connection.close()
        if connection in self._busy:
            self._later(self._free(connection))

    def _free(self, connection: _Connection) -> _Task:
        task = connection.task
        assert task is not None
        connection.task = None
        self._busy.discard(connection)
        self._idle.append(connection)
        return task

    def _later(self, task: _Task) -> None:
        task.attempt += 1
        if task.attempt == ATTEMPTS:
            self.unanswered += 1
            return
        task.due = time.monotonic() + PAUSE_S * 2**task.attempt
        heapq.heappush(self._again, task)

    def _repeat(self) -> None:
        while self._again and self._idle and self._again[0].due <= time.monotonic():
            self._send(heapq.heappop(self._again))
