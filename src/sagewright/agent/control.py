"""External requests to the agent, as its main thread sees them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from sagewright.agent.errors import JobError, JobGone, JobStopped, Overdue
from sagewright.model.jobs.brief import Desired

LEAVE_S = 60.0
"""Time that an agent ended by a signal waits for an unreachable server: a server that is being replaced is back by then."""


AGAIN_S = 3.0
"""The same after another signal: a server that sent it right after its start is reachable by then."""


class Control:
    """Requests to stop or go on. The setters may be called from any thread and from signal handlers.

    `wake_fd` becomes readable when something has changed. `deadline`: end of the job's time limit on time.monotonic()'s clock, None
    for never; `stopped_at`: when a stop was requested; `worked_at`: when the job's process ended; `leaving`: True if outputs that
    cannot be sent to the server are abandoned.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.stopped_at: float | None = None
        self.wake_fd, self._signal_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stop = False
        self.gone = False
        self.done = False
        self.failure: JobError | None = None
        self.leaving = False
        self.worked_at: float | None = None
        self._signals: list[float] = []

    def take(self, desired: str) -> None:
        """Applies the server's desired state; unknown words change nothing."""
        if desired in {Desired.STOP, Desired.INTERRUPT}:
            self.ask_stop()
        elif desired in {Desired.GONE, Desired.FINISH}:
            self.gone = True
            self._wake()

    def stop_at(self, number: int) -> None:
        """Makes this signal request a stop. Call it from the main thread.

        Python runs a signal handler between two bytecodes: a signal that arrives just before the main thread waits would be noticed
        only when it wakes. So the signal itself also makes `wake_fd` readable.
        """
        signal.signal(number, lambda _number, _frame: self._signalled())
        signal.set_wakeup_fd(self._signal_fd, warn_on_full_buffer=False)

    def _signalled(self) -> None:
        self._signals = [*self._signals[-7:], time.monotonic()]
        self.ask_stop()

    def leave_if_deserted(self, away_since: float) -> bool:
        """True if the agent ends without its unreachable server: once its process has ended, `LEAVE_S` after a signal asked it to
        end, or `AGAIN_S` after another signal."""
        if self._signals and self.worked_at is not None and not self.leaving:
            now, last = time.monotonic(), self._signals[-1]
            again = len(self._signals) > 1 and last > away_since and now - last > AGAIN_S
            self.leaving = again or now - max(away_since, self._signals[0], self.worked_at) > LEAVE_S
        return self.leaving

    def ask_stop(self) -> None:
        self.stopped_at = self.stopped_at or time.monotonic()
        self.stop = True
        self._wake()

    def fail(self, failure: JobError) -> None:
        """Fails the job for this reason and kills its process. The first failure counts."""
        self.failure = self.failure or failure
        self._wake()

    def finish(self) -> None:
        """Ends the job successfully: its process, which would go on, is stopped."""
        self.done = True
        self._wake()

    def check_gone(self) -> None:
        """Raises JobGone if the job is gone."""
        if self.gone:
            raise JobGone

    def check(self) -> None:
        """Raises JobGone, JobStopped or the failure if the work must not go on."""
        if self.failure is not None:
            raise self.failure
        self.check_gone()
        if self.stop:
            raise JobStopped
        if self.over_since() is not None:
            raise Overdue

    def over_since(self) -> float | None:
        """Returns since when the job should be over, by a stop or by its time limit; None while it may run."""
        late = self.deadline is not None and time.monotonic() >= self.deadline
        times = [at for at in (self.stopped_at, self.deadline if late else None) if at is not None]
        return min(times, default=None)

    def drain(self) -> None:
        """Makes `wake_fd` unreadable again."""
        with suppress(BlockingIOError):
            os.read(self.wake_fd, 4096)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._signal_fd, b"x")
