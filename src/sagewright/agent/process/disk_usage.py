"""Who has filled the disk: what one host has written, and whether it has to end for it when the disk runs short.

Each agent judges its own host by what it measures, so the disk's state orders them: at first only fast writers end, with less room
slower ones, at last whoever holds much that it has written. A host that writes nothing never ends.
"""

from __future__ import annotations

from collections import deque

from sagewright.model.disk_room import DiskRoom

WINDOW_S = 30.0
_LEAST_BYTES = 64 << 10
"""Less is a log line or a process's own files."""


class Writing:
    """Measurements of one host: bytes in its directories, in deleted files that are open, and of its log."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self._given = 0
        self.used = 0

    def begin(self, given: int | None) -> None:
        """The host's own process starts. `given`: bytes that it was provided with; None: all that the next measurement finds."""
        self._samples.clear()
        self._given = -1 if given is None else given

    def measure(self, used: int, now: float) -> None:
        if self._given < 0:
            self._given = used
        self.used = used
        self._samples.append((now, used))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()

    @property
    def recent(self) -> int:
        """Bytes written within the window."""
        return self.used - min((used for _at, used in self._samples), default=self.used)

    @property
    def held(self) -> int:
        """Bytes written since the process began that are still there."""
        return max(0, self.used - max(self._given, 0))

    def ends(self, room: DiskRoom, floor: int) -> bool:
        """Whether this host has to end for the disk to have room again."""
        if room.free >= floor or not self._samples:
            return False
        if room.free >= floor * 3 // 4:
            return self.recent >= max(_LEAST_BYTES, floor // 8)
        if room.free >= floor // 2:
            return self.recent >= max(_LEAST_BYTES, floor // 64)
        return self.recent >= _LEAST_BYTES or self.held >= max(_LEAST_BYTES, floor // 8)
