"""Reports to the server: batched, numbered, resent until they are accepted.

A report is numbered when it enters the spool, and the spool is sent strictly in order, so the server stores each line exactly once
(docs/explanation/agent-contract.md).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from sagewright.agent.parallel import WorkThread, start_thread
from sagewright.agent.reports.server import ServerAway, ServerConnection
from sagewright.agent.reports.spool import ReportSpool
from sagewright.agent.reports.truncation import slimmer
from sagewright.model.jobs.brief import Desired

BATCH_S = (0.005, 0.1)  # interval of reports while lines flow: the first soon, then fewer
BATCH_BYTES = 256 * 1024  # lines kept in memory before they are spooled
HEARTBEAT_S = 1.0
RELEASE_S = 0.005  # for which reports are still held after a process was started
QUIET_S = 0.05  # the same if the process says nothing: if it ends by then, its phases and its end are one report
POLL_S = 0.1  # interval of reports while waiting for the server's decision
FULL_BYTES = 32 << 20  # bytes of waiting reports above which no more lines should be read while the server accepts them
FULL_AWAY_BYTES = 512 << 20  # the same while the server is away
GIVE_UP_S = 24 * 3600  # an agent with nothing left to do waits this long for its server to come back
BACKOFF_S = (0.05, 2.0)  # first and longest wait while the server is away

FAULTS = (30, 600)  # number of 500 answers before a report is slimmed, and again before it is slimmed further

_GONE = {401, 403, 404, 410}
_AWAY = {408, 429, 502, 503, 504, 507}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Reporter:
    """Sends reports from a separate thread. Safe to use from many threads.

    `on_desired(word)` is called from that thread when the server's desired state changes. `deserted(away_since)`: True if the agent
    should end without the server, which has not answered since then; waiting reports stay in the spool.
    """

    def __init__(
        self,
        connection: ServerConnection,
        spool: Path,
        on_desired: Callable[[str], None],
        deserted: Callable[[float], bool] = lambda _away_since: False,
    ) -> None:
        self._connection = connection
        self._spool_path = spool
        self._spool = ReportSpool(spool)
        self._on_desired = on_desired
        self._changed = threading.Condition()
        self._logs: list[tuple[int, str]] = []
        self._metrics: list[tuple[str, float, int]] = []
        self.usage: Callable[[], list[tuple[str, float]]] = list
        """Returns samples of the host's use of its share; see process.usage."""
        self._bytes = 0
        self._seq = 0
        self._answered = 0
        self._interval = HEARTBEAT_S
        self._last_batch = time.monotonic()
        self._pause = BATCH_S[0]
        self._held_until = self._quiet_until = 0.0
        self._lines_held = 0
        self._phases: list[tuple[str, int]] = []  # held back, with their times
        self._ended = False
        self._faults, self._slimmed = 0, 0
        self._heard = time.monotonic()
        self.away = False
        self._deserted, self._away_since, self._abandoned = deserted, 0.0, False
        self.desired: str = Desired.RUN
        self._thread: WorkThread | None = None

    @property
    def full(self) -> bool:
        """True if more reports wait than should."""
        return self._spool.choked or len(self._spool) > (FULL_AWAY_BYTES if self.away else FULL_BYTES)

    def start(self) -> None:
        self._thread = start_thread("reporter", self._run)

    def hold(self, seconds: float) -> None:
        """Sends nothing for `seconds`, or until `release`: current work needs the processor more. Reported times are unaffected."""
        with self._changed:
            self._held_until = self._quiet_until = time.monotonic() + seconds
            self._changed.notify_all()

    def release(self) -> None:
        """Ends a `hold` in a moment: the process that was just started needs the processor more. What was held waits a little
        longer for the process's first line, or for its end if it is short."""
        with self._changed:
            now = time.monotonic()
            if self._held_until > now:
                self._held_until, self._quiet_until = min(self._held_until, now + RELEASE_S), now + QUIET_S
                self._lines_held = len(self._logs)
            self._changed.notify_all()

    def _notify(self) -> None:
        """Wakes the thread, unless it may send nothing yet; called under the lock."""
        if not self._is_held():
            self._changed.notify_all()

    def _is_held(self) -> bool:
        return not self._ended and self._held_until > time.monotonic()

    def log(self, line: str) -> None:
        at = now_ms()
        with self._changed:
            self._logs.append((at, line))
            self._bytes += len(line) + 16
            if self._bytes > BATCH_BYTES:
                self._spool_batch({})
            if len(self._logs) in {1, self._lines_held + 1}:
                self._notify()

    def metric(self, name: str, value: float) -> None:
        with self._changed:
            self._metrics.append((name, value, now_ms()))

    def send(self, **members: Any) -> None:
        """Reports these members (phase, message, exited, failed, finished) at once, with the lines before them."""
        with self._changed:
            if self._is_held() and members.keys() == {"phase"}:
                self._phases.append((members["phase"], now_ms()))
                return
            self._spool_batch(members)
            self._notify()

    def await_desired(self, *words: str) -> str:
        """Waits until the server's desired state is one of `words` (or gone); returns it."""
        with self._changed:
            self._interval = POLL_S
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.desired in {*words, Desired.GONE} or self._abandoned)
            self._interval = HEARTBEAT_S
            return self.desired

    def ask(self) -> str:
        """Sends a report and returns the desired state in its answer."""
        with self._changed:
            self._spool_batch({})
            number = self._seq
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answered >= number or self.desired == Desired.GONE or self._abandoned)
            return self.desired

    def finish(self) -> None:
        """Returns once everything is accepted, or the job is gone."""
        with self._changed:
            if self._logs or self._metrics or self._phases:
                self._spool_batch({})
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._connection.close()
        self._spool.close()

    def _spool_batch(self, members: dict[str, Any]) -> None:
        """Numbers and queues the collected reports; called under the lock. Phases that were held back are in the same report."""
        if self._phases and not members:
            self._spool_phases()
            return
        earlier, self._phases = self._phases, []
        self._spool_report({"at_ms": now_ms(), **members, **({"earlier": earlier} if earlier else {})})

    def _spool_phases(self) -> None:
        """Queues one report of all phases that were held back."""
        *earlier, (phase, at_ms) = self._phases
        self._phases = []
        self._spool_report({"at_ms": at_ms, "phase": phase, **({"earlier": earlier} if earlier else {})})

    def _spool_report(self, members: dict[str, Any]) -> None:
        self._seq += 1
        report: dict[str, Any] = {"seq": self._seq, **members}
        if self._logs:
            report["logs"] = self._logs
        if self._metrics:
            report["metrics"] = self._metrics
        if used := self.usage():
            report["usage"] = used
        self._spool.append(report)
        self._logs, self._metrics, self._bytes, self._lines_held = [], [], 0, 0
        now = time.monotonic()
        quiet = now - self._last_batch > 10 * BATCH_S[1]
        self._pause = BATCH_S[0] if quiet else min(2 * self._pause, BATCH_S[1])
        self._last_batch = now

    def _run(self) -> None:
        backoff = BACKOFF_S[0]
        while (report := self._next()) is not None:
            try:
                status, body = self._connection.request("POST", "report", report)
                desired = self._read(status, body)
            except ServerAway:
                self._away_since = self._away_since if self.away else time.monotonic()
                self.away = True
                if self._is_orphaned():
                    self._want(Desired.GONE)
                    return
                self._connection.turn()
                time.sleep(backoff)
                backoff = min(2 * backoff, BACKOFF_S[1])
                continue
            backoff, self.away = BACKOFF_S[0], False
            self._heard = time.monotonic()
            if desired is None:
                self._slim(status, body)
            else:
                self._want(desired, answered=True)
            if self.desired == Desired.GONE:
                return

    def _read(self, status: int, body: bytes) -> str | None:
        """Returns the desired state in an answer; None if the server rejects the report as it is. Raises ServerAway."""
        if status in _GONE:
            return Desired.GONE
        if status == 200:
            try:
                answer = orjson.loads(body)
                self._connection.know(answer.get("servers", ()))
                return str(answer["desired"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ServerAway(f"an answer that does not come from Sagewright: {body[:100]!r}") from error
        self._faults += status >= 500 and status not in _AWAY
        if status in _AWAY or (status >= 500 and self._faults < FAULTS[min(self._slimmed, 1)]):
            raise ServerAway(f"status {status}")
        return None

    def _slim(self, status: int, body: bytes) -> None:
        """Handles an internal fault: sends the essential part of the report, or nothing, but never the same again."""
        head = self._spool.head()
        rest = slimmer(orjson.loads(head)) if head else None
        done = "left out" if rest is None else f"sent again with {sorted(rest)} alone"
        sys.stderr.write(f"the server refused a report with status {status}; it is {done}: {body[:500]!r}\n")
        if rest is None:
            self._want(self.desired, answered=True)
            return
        with self._changed:
            self._faults, self._slimmed = 0, self._slimmed + 1
            self._spool.replace_head(rest)

    def _next(self) -> bytes | None:
        """Waits for the next report to send; returns None at the end."""
        with self._changed:
            while True:
                held = self._held_for_s()
                if held > 0 and not self._ended:
                    self._changed.wait(held)
                    continue
                if self._phases:
                    self._spool_phases()
                head = self._spool.head()
                if head is not None:
                    return head
                if self._ended:
                    return None
                wait = self._due_in()
                if wait <= 0:
                    self._spool_batch({})
                else:
                    self._changed.wait(wait)

    def _held_for_s(self) -> float:
        """Returns for how long nothing may be sent: longer if nothing has happened since the reports were released."""
        quiet = bool(self._phases) and len(self._logs) <= self._lines_held and not (self._metrics or len(self._spool))
        return (self._quiet_until if quiet else self._held_until) - time.monotonic()

    def _due_in(self) -> float:
        """Returns the seconds until a report is due: soon if lines wait, otherwise the heartbeat."""
        waiting = self._logs or self._metrics
        return self._last_batch + (self._pause if waiting else self._interval) - time.monotonic()

    def _want(self, desired: str, *, answered: bool = False) -> None:
        with self._changed:
            if answered:
                self._spool.drop_head()
                self._answered += 1
                self._faults = self._slimmed = 0
            changed = desired != self.desired
            self.desired = desired
            self._changed.notify_all()
        if changed:
            self._on_desired(desired)

    def _is_orphaned(self) -> bool:
        """True if, while the server is away, its data was deleted, or the work is done and no server has returned for long."""
        with self._changed:
            if self._deserted(self._away_since):
                self._abandoned = True
                self._changed.notify_all()
            too_long = self._ended and (self._abandoned or time.monotonic() - self._heard > GIVE_UP_S)
        return too_long or not self._spool_path.exists()
