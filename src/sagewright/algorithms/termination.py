"""SIGTERM: the platform stops the job or reclaims the spot host, and kills the process after a grace period.

Source: the contract's training.md, section 3. Process 1 of a sandbox ignores SIGTERM unless it handles it, and a Python handler
waits until the main thread leaves native code, which may be executing a round of boosting or waiting for a silent host. A thread
therefore listens too, and ends the process at once if there is nothing to save.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

EXIT_CODE = 128 + signal.SIGTERM


class Termination:
    """Reports whether the job was asked to stop, as a context manager for the main thread.

    With `graceful` the algorithm polls `requested`; otherwise the process ends with `EXIT_CODE`.
    """

    def __init__(self, graceful: bool) -> None:
        self.graceful = graceful
        self.requested = False

    def __enter__(self) -> Termination:
        reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._handler_before = signal.signal(signal.SIGTERM, self._on_signal)
        self._listener = threading.Thread(target=self._listen, args=(reading,), daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGTERM, self._handler_before)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._writing)
        self._listener.join()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self.graceful:
            logging.info("SIGTERM received: training ends after this round.")

    def _listen(self, reading: int) -> None:
        with os.fdopen(reading, "rb", buffering=0) as stream:
            while numbers := stream.read(1):
                if numbers[0] == signal.SIGTERM and not self.graceful:
                    sys.stdout.flush()
                    os._exit(EXIT_CODE)
