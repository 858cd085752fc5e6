"""Disk usage of one host: the bytes it has written, and whether it must end when the disk runs short.

Each agent judges its own host by its own measurements. The state of the disk sets the order: fast writers end first,
slower ones when less space is left, and finally every host that has written much data. A host that writes nothing
is never ended.
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
        """Starts measuring the host's own process. `given`: bytes that it was provided with; None: all that the next measurement
        finds."""
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
        """Returns the bytes written within the window."""
        return self.used - min((used for _at, used in self._samples), default=self.used)

    @property
    def held(self) -> int:
        """Returns the bytes written since the process began that still exist."""
        return max(0, self.used - max(self._given, 0))

    def ends(self, room: DiskRoom, floor: int) -> bool:
        """True if this host must end to free disk space."""
        if room.free >= floor or not self._samples:
            return False
        if room.free >= floor * 3 // 4:
            return self.recent >= max(_LEAST_BYTES, floor // 8)
        if room.free >= floor // 2:
            return self.recent >= max(_LEAST_BYTES, floor // 64)
        return self.recent >= _LEAST_BYTES or self.held >= max(_LEAST_BYTES, floor // 8)
