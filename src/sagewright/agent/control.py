"""What is wanted of the agent from outside, seen by its main thread."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from sagewright.agent.errors import Gone, JobError, Overdue, Stopped
from sagewright.model.brief import Desired


class Control:
    """Stop or go on. The setters may be called from any thread and from signal handlers.

    `wake_fd` becomes readable when something has changed. `deadline`: when the job's time is over, on time.monotonic()'s clock,
    None for never; `stopped_at`: when a stop was asked for.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.stopped_at: float | None = None
        self.wake_fd, self._signal_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stop = False
        self.gone = False
        self.done = False
        self.failure: JobError | None = None

    def take(self, desired: str) -> None:
        """The server's wish, a Desired; words that are not known here change nothing."""
        if desired in {Desired.STOP, Desired.INTERRUPT}:
            self.ask_stop()
        elif desired in {Desired.GONE, Desired.FINISH}:
            self.gone = True
            self._wake()

    def stop_at(self, number: int) -> None:
        """Have this signal ask for a stop. Call from the main thread.

        A handler of Python's runs between two bytecodes: a signal that comes just before the main thread waits would be
        seen only when it wakes. So the signal itself, too, makes `wake_fd` readable.
        """
        signal.signal(number, lambda _number, _frame: self.ask_stop())
        signal.set_wakeup_fd(self._signal_fd, warn_on_full_buffer=False)

    def ask_stop(self) -> None:
        self.stopped_at = self.stopped_at or time.monotonic()
        self.stop = True
        self._wake()

    def fail(self, failure: JobError) -> None:
        """The job cannot go on: its process is killed, and it fails for this reason. The first one counts."""
        self.failure = self.failure or failure
        self._wake()

    def finish(self) -> None:
        """The job has done what it was for: its process, which would go on, is ended, and that counts as success."""
        self.done = True
        self._wake()

    def check_gone(self) -> None:
        """Raises Gone."""
        if self.gone:
            raise Gone

    def check(self) -> None:
        """Raises Gone, Stopped or the failure if the work is not to go on."""
        if self.failure is not None:
            raise self.failure
        self.check_gone()
        if self.stop:
            raise Stopped
        if self.over_since() is not None:
            raise Overdue

    def over_since(self) -> float | None:
        """Since when the job should be over, by a stop or by its time; None while it may run."""
        late = self.deadline is not None and time.monotonic() >= self.deadline
        times = [at for at in (self.stopped_at, self.deadline if late else None) if at is not None]
        return min(times, default=None)

    def drain(self) -> None:
        """Make `wake_fd` unreadable again."""
        with suppress(BlockingIOError):
            os.read(self.wake_fd, 4096)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._signal_fd, b"x")
