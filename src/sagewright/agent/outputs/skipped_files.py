"""Files that are not uploaded: counted, and reported once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_SHOWN = 200


class NamedFile(Protocol):
    """A file with a lazily computed `path`, which can be slow."""

    @property
    def path(self) -> str: ...


class LeftOut:
    """Files that are left out. `what`: the directory's name as shown to the user; `log` writes a line to the job's log. For one
    thread."""

    def __init__(self, what: str, log: Callable[[str], None]) -> None:
        self._what, self._log = what, log
        self._found: dict[str, list[int | str]] = {}

    def add(self, reason: str, entry: NamedFile) -> None:
        found = self._found.setdefault(reason, [0, ""])
        if found[0] == 0:
            found[1] = entry.path[:_SHOWN]
        found[0] = int(found[0]) + 1

    def forget(self) -> None:
        self._found.clear()

    def tell(self) -> None:
        for reason, (count, first) in self._found.items():
            files = "1 entry" if count == 1 else f"{count} entries"
            self._log(f"{self._what}: {files} left out of the upload, {reason}; the first: {first!r}.")
        self._found.clear()
