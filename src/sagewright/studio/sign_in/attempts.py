"""Failed attempts to sign in, counted so that secrets cannot be guessed."""

from __future__ import annotations

import time
from collections import OrderedDict

MOST_ATTEMPTS = 20
"""Maximum number of failed sign-in attempts per minute and IP address."""
MOST_ADDRESSES = 4096


class SignInAttempts:
    """The failed attempts of each IP address."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def begin(self, address: str) -> bool:
        """Counts an attempt before it is checked, so that simultaneous ones count too; returns False if it is one too many."""
        times = [at for at in self._times.pop(address, []) if time.monotonic() - at < 60]
        allowed = len(times) < MOST_ATTEMPTS
        self._times[address] = [*times, time.monotonic()] if allowed else times
        if len(self._times) > MOST_ADDRESSES:
            self._times.popitem(last=False)
        return allowed

    def succeeded(self, address: str) -> None:
        self._times.pop(address, None)
