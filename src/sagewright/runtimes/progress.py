"""Progress of an installation, read from the output of uv."""

from __future__ import annotations

import re
import threading
import time

_DOWNLOADING = re.compile(r"Downloading (\S+) \(([^)]+)\)")
_DOWNLOADED = re.compile(r"Downloaded (\S+)")
_STEP = re.compile(r"(Resolved|Prepared|Installed) (\d+) packages?\b")
_LONGEST = 80
"""Maximum characters of a package's name that are shown."""


class InstallProgress:
    """Reads uv's lines in one thread, and reports the progress in a few words from another."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._sizes: dict[str, str] = {}
        self._all, self._done = 0, 0
        self._doing = "resolving"

    def take(self, line: str) -> None:
        """Reads one line of uv's output; lines that say nothing of progress are passed over."""
        with self._lock:
            if match := _DOWNLOADING.search(line):
                self._sizes[match[1][:_LONGEST]] = match[2]
                self._all += 1
            elif match := _DOWNLOADED.search(line):
                self._done += self._sizes.pop(match[1][:_LONGEST], None) is not None
            elif match := _STEP.search(line):
                self._sizes.clear()
                self._all = self._done = 0
                named = {"Resolved": "getting", "Prepared": "installing", "Installed": "compiling"}
                self._doing = f"{named[match[1]]} {match[2]} packages"

    def text(self) -> str:
        """Returns the seconds and the step: "34 s: downloading torch (175.6MiB) and 2 more; 5 of 8 downloaded"."""
        with self._lock:
            doing = self._doing
            if self._sizes:
                name, size = next(iter(self._sizes.items()))
                others = f" and {len(self._sizes) - 1} more" if len(self._sizes) > 1 else ""
                doing = f"downloading {name} ({size}){others}; {self._done} of {self._all} downloaded"
            return f"{time.monotonic() - self._begun:.0f} s: {doing}"
