"""The job's log on its way to the reporter: limits how much of it is kept, and reports the rest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sagewright.agent.reports.metrics import MetricScanner
from sagewright.agent.reports.report import Reporter

_TAIL_LINES = 1000
_TAIL_BYTES = 512 * 1024
_LAST_LINES = 30
_MIB = 1 << 20
_SLICE_S = 0.05  # lines are processed for this long before the process is attended to again
_CLOSE_S = 5.0  # the same at the end


class LogBook:
    """Sends lines to the reporter until `limit_mb` MiB were sent (0: no limit); after that it keeps only the last
    lines and writes them at the end. Lines are also dropped while the server is away and too many are waiting for it.

    The log says how much was dropped. Metrics are extracted from every line. For one thread; each call takes a bounded
    time: lines whose metrics take longer wait, and so does the process (`ready`). `last`: the last few lines.
    """

    def __init__(
        self,
        reporter: Reporter,
        metrics: MetricScanner,
        limit_mb: int,
        kept: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """`kept(size)`: called with the number of additional bytes kept."""
        self._kept = kept
        self._reporter, self._metrics = reporter, metrics
        self._limit = limit_mb * _MIB
        self._written = 0
        self._skipped = 0
        self._tail: deque[list[str]] = deque()
        self._tail_lines = self._tail_bytes = 0
        self._pending: deque[str] = deque()
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self._say_notes()

    def ready(self) -> bool:
        """True if lines should be read from the process now: it waits while the server, or the metrics, are slower."""
        self._work(_SLICE_S)
        return not self._pending and (not self._reporter.full or self._reporter.away)

    def lines(self, texts: list[str]) -> None:
        self.last.extend(texts[-_LAST_LINES:])
        if self._pending or self._metrics:
            self._pending.extend(texts)
            self._work(_SLICE_S)
        elif self._beyond():
            self._set_aside(texts)  # gigabytes may arrive, and no line of them means anything
        else:
            for text in texts:
                self._keep(text)

    def line(self, text: str) -> None:
        for name, value in self._metrics.scan(text):
            self._reporter.metric(name, value)
        self._keep(text)
        self._say_notes()

    def _work(self, seconds: float) -> None:
        """Processes waiting lines for at most `seconds` (and one line more)."""
        if not self._pending:
            return
        until = time.monotonic() + seconds
        while self._pending and time.monotonic() < until:
            self.line(self._pending.popleft())

    def _say_notes(self) -> None:
        for note in self._metrics.notes():
            self._reporter.log(note)

    def _keep(self, text: str) -> None:
        if self._beyond() or (self._reporter.full and self._reporter.away):
            self._set_aside([text])
            return
        if self._tail:
            self._write_tail()
        self._written += len(text) + 1
        self._kept(len(text) + 1)
        self._reporter.log(text)
        if self._beyond():
            self._reporter.log(
                f"This host has logged {self._limit // _MIB} MiB, all that is kept of a host (setting log_limit_mb): "
                "of the rest, only the end will be kept."
            )

    def close(self) -> None:
        """Writes the lines that were set aside: the last lines describe the end best."""
        self._work(_CLOSE_S)
        if self._pending:
            self._metrics.give_up()
            self._say_notes()
        while self._pending:
            self._keep(self._pending.popleft())
        self._write_tail()

    def _beyond(self) -> bool:
        return bool(self._limit) and self._written >= self._limit

    def _set_aside(self, texts: list[str]) -> None:
        self._tail.append(texts)
        self._tail_lines += len(texts)
        self._tail_bytes += _size(texts)
        while len(self._tail) > 1 and self._is_enough_without(self._tail[0]):
            self._drop(self._tail.popleft())

    def _is_enough_without(self, texts: list[str]) -> bool:
        return self._tail_lines - len(texts) >= _TAIL_LINES or self._tail_bytes - _size(texts) >= _TAIL_BYTES

    def _drop(self, texts: list[str]) -> None:
        self._tail_lines -= len(texts)
        self._tail_bytes -= _size(texts)
        self._skipped += len(texts)

    def _write_tail(self) -> None:
        kept = deque(text for texts in self._tail for text in texts)
        size = self._tail_bytes
        while len(kept) > _TAIL_LINES or size > _TAIL_BYTES:
            size -= len(kept.popleft()) + 1
            self._skipped += 1
        if self._skipped:
            reason = "" if self._beyond() else ", because the server was unreachable"
            self._reporter.log(f"{self._skipped} lines were left out{reason}.")
        for text in kept:
            self._reporter.log(text)
        self._tail.clear()
        self._tail_lines = self._tail_bytes = self._skipped = 0


def _size(texts: list[str]) -> int:
    return sum(map(len, texts)) + len(texts)
