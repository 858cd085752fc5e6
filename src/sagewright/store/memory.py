"""What this process has read from the store and nobody has changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

from sagewright.model.budgets import kept_size
from sagewright.store.decoding import size_read

T = TypeVar("T")
SUBJECTS, BYTES = 4_000, 64 << 20  # a described job is some 10 KB
LARGEST = 2 << 20
"""Bytes of a value that is remembered; what is larger is read each time."""
_PENDING = "sagewright.changed"
_ATTACHED = "sagewright.memory"


class RowMemory:
    """Values by subject (a job's id, say) and by what they are of it. Safe to use from many threads.

    It holds only while this process alone writes the store, as on SQLite; `Database.recall` sees to that.
    Writers say in their transaction which subject they change (`changes`); readers see that when it is committed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subjects: dict[str, dict[Hashable, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._generation = 0

    def recall(self, subject: str, what: Hashable, read: Callable[[], T | None]) -> T | None:
        """The value kept, or what `read()` gives now, which is kept unless it is None or was overtaken by a change."""
        try:
            kept: T = self._subjects[subject][what]
            return kept
        except KeyError:
            pass
        generation = self._generation
        before = size_read()
        value = read()
        if value is not None:
            size = size_read() - before or kept_size(value)
            with self._lock:
                if generation == self._generation:
                    self._keep(subject, what, value, size)
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
                self._drop(subject)
                for what, value in values.items():
                    self._keep(subject, what, value, kept_size(value))

    def discard(self, connection: Connection) -> None:
        """The transaction changed nothing after all."""
        connection.info.pop(_PENDING, None)

    def _keep(self, subject: str, what: Hashable, value: Any, size: int) -> None:
        """Forgets the subjects that were remembered first where there are too many, or too large ones."""
        if size > LARGEST:
            return
        while self._subjects and (
            self._size + size > BYTES or (subject not in self._subjects and len(self._subjects) >= SUBJECTS)
        ):
            self._drop(next(iter(self._subjects)))
        if subject not in self._subjects:  # it may have been the first itself
            self._subjects[subject], self._sizes[subject] = {}, 0
        self._subjects[subject][what] = value
        self._sizes[subject] += size
        self._size += size

    def _drop(self, subject: str) -> None:
        self._subjects.pop(subject, None)
        self._size -= self._sizes.pop(subject, 0)


def attach(connection: Connection, memory: RowMemory) -> None:
    """Let transactions of this connection use what is remembered: to be called where they exclude each other."""
    connection.info[_ATTACHED] = memory


def known(connection: Connection, subject: str, what: Hashable) -> Any:
    """What is remembered, for a transaction that has not changed `subject` itself; else None."""
    memory: RowMemory | None = connection.info.get(_ATTACHED)
    if memory is None or subject in connection.info.get(_PENDING, ()):
        return None
    return memory.kept(subject, what)


def changes(connection: Connection, subject: str, **known: Any) -> None:
    """To be called in a transaction that changes `subject`; `known` are values of it that hold once it is committed."""
    connection.info.setdefault(_PENDING, {})[subject] = known
