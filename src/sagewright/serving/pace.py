"""How long an application takes, which decides in which thread its requests are answered."""

from __future__ import annotations

SWIFT_S, SLOW_S = 0.002, 0.02
"""Time of a batch up to which it counts as swift, and above which an application is slow."""
PROOF = 16
"""Swift batches in a row that prove an application to be swift."""


class Pace:
    """The latest batches of one application. Only one thread answers at a time."""

    def __init__(self) -> None:
        self._swift = 0

    def note(self, seconds: float) -> None:
        """Notes the time of a batch: one that is slow ends the proof, others in between leave it as it is once it is complete."""
        if seconds <= SWIFT_S:
            self._swift += 1
        elif seconds > SLOW_S or self._swift < PROOF:
            self._swift = 0

    @property
    def is_swift(self) -> bool:
        return self._swift >= PROOF
