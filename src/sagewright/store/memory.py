"""What this process has read from the store and nobody has changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
SUBJECTS = 4_000  # a described job is some 10 KB
_PENDING = "sagewright.changed"
_ATTACHED = "sagewright.memory"


class Memory:
    """Values by subject (a job's id, say) and by what they are of it. Safe to use from many threads.

    It holds only while this process alone writes the store, as on SQLite; `Database.recall` sees to that.
    Writers say in their transaction which subject they change (`changes`); readers see that when it is committed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subjects: dict[str, dict[Hashable, Any]] = {}
        self._generation = 0

    def recall(self, subject: str, what: Hashable, read: Callable[[], T | None]) -> T | None:
        """The value kept, or what `read()` gives now, which is kept unless it is None or was overtaken by a change."""
        try:
            kept: T = self._subjects[subject][what]
            return kept
        except KeyError:
            pass
        generation = self._generation
        value = read()
        if value is not None:
            with self._lock:
                if generation == self._generation:
                    self._of(subject)[what] = value
        return value

    def kept(self, subject: str, what: Hashable) -> Any:
        """The value, None if there is none."""
        return self._subjects.get(subject, {}).get(what)

    def committed(self, connection: Connection) -> None:
        """Forget what the transaction that just ended has changed, and keep what it said of it."""
        changed: dict[str, dict[Hashable, Any]] | None = connection.info.pop(_PENDING, None)
        if not changed:
            return
        with self._lock:
            self._generation += 1
            for subject, values in changed.items():
                self._subjects.pop(subject, None)
                if values:
                    self._of(subject).update(values)

    def discard(self, connection: Connection) -> None:
        """The transaction changed nothing after all."""
        connection.info.pop(_PENDING, None)

    def _of(self, subject: str) -> dict[Hashable, Any]:
        found = self._subjects.get(subject)
        if found is None:
            if len(self._subjects) >= SUBJECTS:
                del self._subjects[next(iter(self._subjects))]
            found = self._subjects[subject] = {}
        return found


def attach(connection: Connection, memory: Memory) -> None:
    """Let transactions of this connection use what is remembered: to be called where they exclude each other."""
    connection.info[_ATTACHED] = memory


def known(connection: Connection, subject: str, what: Hashable) -> Any:
    """What is remembered, for a transaction that has not changed `subject` itself; else None."""
    memory: Memory | None = connection.info.get(_ATTACHED)
    if memory is None or subject in connection.info.get(_PENDING, ()):
        return None
    return memory.kept(subject, what)


def changes(connection: Connection, subject: str, **known: Any) -> None:
    """To be called in a transaction that changes `subject`; `known` are values of it that hold once it is committed."""
    connection.info.setdefault(_PENDING, {})[subject] = known
