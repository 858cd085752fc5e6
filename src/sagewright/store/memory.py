"""Cache of rows that this process has read and that have not changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

from sagewright.model.budgets import kept_size
from sagewright.store.decoding import size_read

T = TypeVar("T")
SUBJECTS, BYTES = 4_000, 64 << 20  # a described job is about 10 KB
LARGEST = 2 << 20
"""Maximum bytes of a cached value; larger ones are read each time."""
IDENTITIES = "identities"
"""Subject of values derived from users, groups, roles and policies: each change of one of them is declared for it too."""
_PENDING = "sagewright.changed"
_ATTACHED = "sagewright.memory"


class RowMemory:
    """Values by subject (a job's id, for example) and by key within the subject. Safe to use from many threads.

    It is valid only while this process is the only writer of the store, as on SQLite; `Database.recall` ensures that. Writers
    declare in their transaction which subject they change (`changes`); readers see that when it is committed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subjects: dict[str, dict[Hashable, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._generation = 0

    def recall(self, subject: str, what: Hashable, read: Callable[[], T | None]) -> T | None:
        """Returns the cached value, or the result of `read()`, which is cached unless it is None or was overtaken by a change."""
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
        """Returns the cached value, or None."""
        return self._subjects.get(subject, {}).get(what)

    def committed(self, connection: Connection) -> None:
        """Drops the values that the committed transaction has changed, and caches those that it declared."""
        changed: dict[str, dict[Hashable, Any]] | None = connection.info.pop(_PENDING, None)
        if not changed:
            return
        with self._lock:
            self._generation += 1
            for subject, values in changed.items():
                self._drop(subject)
                for what, value in values.items():
                    self._keep(subject, what, value, kept_size(value))

    def clear(self) -> None:
        """Drops everything, after changes that were not declared."""
        with self._lock:
            self._generation += 1
            self._subjects.clear()
            self._sizes.clear()
            self._size = 0

    def discard(self, connection: Connection) -> None:
        """Discards the declared changes of a transaction that was rolled back."""
        connection.info.pop(_PENDING, None)

    def _keep(self, subject: str, what: Hashable, value: Any, size: int) -> None:
        """Caches a value; evicts the oldest subjects if there are too many, or too large ones."""
        if size > LARGEST:
            return
        while self._subjects and (
            self._size + size > BYTES or (subject not in self._subjects and len(self._subjects) >= SUBJECTS)
        ):
            self._drop(next(iter(self._subjects)))
        if subject not in self._subjects:  # the evicted one may be this subject itself
            self._subjects[subject], self._sizes[subject] = {}, 0
        self._subjects[subject][what] = value
        self._sizes[subject] += size
        self._size += size

    def _drop(self, subject: str) -> None:
        self._subjects.pop(subject, None)
        self._size -= self._sizes.pop(subject, 0)


def attach(connection: Connection, memory: RowMemory) -> None:
    """Lets transactions of this connection use cached values; call it where they exclude each other."""
    connection.info[_ATTACHED] = memory


def known(connection: Connection, subject: str, what: Hashable) -> Any:
    """Returns the cached value, for a transaction that has not changed `subject` itself; otherwise None."""
    memory: RowMemory | None = connection.info.get(_ATTACHED)
    if memory is None or subject in connection.info.get(_PENDING, ()):
        return None
    return memory.kept(subject, what)


def changes(connection: Connection, subject: str, **known: Any) -> None:
    """Declares, inside a transaction, that it changes `subject`; `known` are its values once the transaction is committed."""
    connection.info.setdefault(_PENDING, {})[subject] = known
