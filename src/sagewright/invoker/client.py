"""The server's client of the invoker: starts it on first use, and again when it has died."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sagewright.invoker.messages import AsyncInvocation, InvokerObjects, Result
from sagewright.model import process_memory

END_S = 5.0
_SEND_LIMIT = struct.pack("ll", 10, 0)
"""Seconds and microseconds after which a process that reads nothing counts as dead."""
log = logging.getLogger("sagewright.invoker.client")


@dataclass(frozen=True)
class Workshop:
    """The invoker's dependencies. `folder`: for payloads, emptied of the remains of a killed one; `objects()`: see messages."""

    folder: Path
    objects: Callable[[], InvokerObjects]
    disk_stop_mb: int


class InvokerClient:
    """Safe to use from many threads. `ended` gets each result, `lost` the ids of the invocations of a process that died."""

    def __init__(self, workshop: Workshop, ended: Callable[[Result], None], lost: Callable[[list[str]], None]) -> None:
        self._workshop, self._ended, self._lost = workshop, ended, lost
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._held: dict[socket.socket, set[str]] = {}

    def send(self, invocation: AsyncInvocation) -> bool:
        """Returns True if the invocation was started: `ended` or `lost` is called for it later, never in this call."""
        line = json.dumps(invocation.document()).encode() + b"\n"
        with self._lock:
            try:
                connection = self._socket or self._started()
                held = self._held[connection]
            except (OSError, KeyError) as error:
                log.warning("the process of asynchronous invocations can't be started: %s", error)
                return False
            held.add(invocation.id)
            try:
                connection.sendall(line)
            except OSError:
                held.discard(invocation.id)
                return False
        return True

    def _started(self) -> socket.socket:
        workshop = self._workshop
        workshop.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_LIMIT)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "sagewright.invoker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        process_memory.free(process.pid)
        settings = {
            "objects": asdict(workshop.objects()),
            "folder": str(workshop.folder),
            "disk_stop_mb": workshop.disk_stop_mb,
        }
        ours.sendall(json.dumps(settings).encode() + b"\n")
        self._socket, self._held[ours] = ours, set()
        threading.Thread(target=self._listen, args=(ours, process), name="invoker", daemon=True).start()
        return ours

    def _listen(self, connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError), connection.makefile("rb") as lines:
            for line in lines:
                result = Result(**json.loads(line))
                with self._lock:
                    known = result.id in self._held[connection]
                    self._held[connection].discard(result.id)
                if known:
                    self._ended(result)
        with self._lock:
            left = sorted(self._held.pop(connection))
            if self._socket is connection:
                self._socket = None
        connection.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if left:
            log.warning("the process of asynchronous invocations ended with %d", process.returncode)
            self._lost(left)

    def close(self) -> None:
        """Ends the process: the next server repeats its unfinished invocations."""
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
