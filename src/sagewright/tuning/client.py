"""The engine's interface to the searchers: those that learn run in a separate process, so that the server loads no numerics.

JSON lines go over a socket that is the process's standard input and output. The process ends when this one does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from sagewright.tuning.strategies import plain_searcher, stopper
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",  # reuses the heap for large temporaries instead of asking the kernel: a quarter of the time
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
}


class SearchFailed(RuntimeError):
    """A searcher returned no suggestion: it timed out, its process died twice, or it can't search this space."""


class _Died(Exception):
    """The process ended without an answer."""


class SearcherClient:
    """Searchers and stoppers of all studies. Safe to use from many threads; the process answers one request at a time.

    The process is started at the first request and restarted if it has died; it ends by itself after `idle_s` without requests.
    """

    def __init__(self, timeout_s: float = 30.0, idle_s: float = 60.0) -> None:
        self._timeout_s, self._idle_s = timeout_s, idle_s
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def suggest(self, study: Study, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        """Raises SearchFailed."""
        try:
            plain = plain_searcher(study)
        except ValueError as error:
            raise SearchFailed(str(error)) from error
        if plain is not None:
            return plain.suggest(trials, count)
        request = {
            "study": study.document(),
            "trials": [trial.document() for trial in trials],
            "count": count,
        }
        answer = self._ask(json.dumps(request).encode() + b"\n")
        if "error" in answer:
            raise SearchFailed(answer["error"])
        return [Suggestion.read(each) for each in answer["suggestions"]]

    def stops(self, study: Study, trials: Sequence[Trial]) -> list[int]:
        return stopper(study).stops(trials)

    def close(self) -> None:
        """Pending requests for suggestions raise SearchFailed."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()  # without the lock, which is held by a thread that waits for an answer
        with self._lock:
            self._end()

    def _ask(self, request: bytes) -> dict[str, Any]:
        with self._lock:
            for _ in range(2):
                if self._closed:
                    raise SearchFailed("the searchers were closed")
                try:
                    return self._exchange(request)
                except TimeoutError as error:
                    self._end()
                    raise SearchFailed(f"no suggestion within {self._timeout_s:g} s") from error
                except (_Died, OSError):
                    self._end()
            raise SearchFailed("the searchers' process died twice")

    def _exchange(self, request: bytes) -> dict[str, Any]:
        connection, end = self._connection(), time.monotonic() + self._timeout_s
        connection.settimeout(self._timeout_s)
        connection.sendall(request)
        answer = bytearray()
        while not answer.endswith(b"\n"):
            connection.settimeout(max(end - time.monotonic(), 0.001))
            part = connection.recv(1 << 16)
            if not part:
                raise _Died
            answer += part
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def _connection(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        self._end()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sagewright.tuning.process", str(self._idle_s)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                env=os.environ | _ENVIRONMENT,
                start_new_session=True,
                cwd="/",
            )
        self._socket = ours
        # The process can end by itself without a later request: a waiting thread keeps it from becoming a zombie.
        threading.Thread(target=self._process.wait, daemon=True).start()
        return ours

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            self._process = None
