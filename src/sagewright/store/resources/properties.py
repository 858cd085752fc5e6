"""Storage of the property index: a queue of changes, and the values of each subject by path.

Triggers queue changes in the transaction that makes them; `waiting` and `project` process them after the request. A server that is
killed in between leaves the queue intact, and projecting twice has the same result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select

from sagewright.store.absent import insert_absent
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources.sort_keys import TIME
from sagewright.store.schema.properties import index_grams, index_paths, index_queue, index_subjects, index_values

GRAM = 3
MOST_KNOWN = 10_000
_QUEUE = PreparedStatement(
    select(index_queue.c.id, index_queue.c.source, index_queue.c.ref)
    .order_by(index_queue.c.id)
    .limit(bindparam("most"))
)
_DEQUEUE = PreparedStatement(delete(index_queue).where(index_queue.c.id == bindparam("number")))
_SUBJECTS = PreparedStatement(
    select(index_subjects.c.ref, index_subjects.c.id, index_subjects.c.scope, index_subjects.c.folded).where(
        index_subjects.c.source == bindparam("of"), among(index_subjects.c.ref, "refs")
    )
)
_PATH = select(index_paths.c.id, index_paths.c.nature).where(
    index_paths.c.scope == bindparam("scope"), index_paths.c.path == bindparam("path")
)
_OLD = PreparedStatement(
    select(index_values.c.path, index_values.c.position, index_values.c.key).where(
        index_values.c.subject == bindparam("of")
    )
)
_DELETE_VALUE = PreparedStatement(
    delete(index_values).where(
        index_values.c.subject == bindparam("of"),
        index_values.c.path == bindparam("at"),
        index_values.c.position == bindparam("number"),
    )
)
_DELETE_GRAM = PreparedStatement(
    delete(index_grams).where(
        index_grams.c.path == bindparam("at"),
        index_grams.c.gram == bindparam("text"),
        index_grams.c.subject == bindparam("of"),
    )
)
_INSERT_VALUE = PreparedStatement(insert(index_values), ["subject", "path", "position", "key"])
_INSERT_GRAM = PreparedStatement(insert(index_grams), ["path", "gram", "subject"])
_INSERT_SUBJECT = PreparedStatement(insert(index_subjects), ["scope", "source", "ref", "folded"])

Ref = tuple[str, str]
"""Source and reference of a changed row."""
QueueRow = tuple[int, Ref]
"""A row of the queue: its number, and the changed subject."""


@dataclass(frozen=True)
class IndexedSubject:
    """One subject of the index. `name` is its value at `name_path`; `properties`: keys by path."""

    ref: Ref
    scope: str
    name_path: str
    name: str
    properties: Mapping[str, Sequence[bytes]]


_known_paths: WeakKeyDictionary[Database, dict[tuple[str, str], tuple[int, str | None]]] = WeakKeyDictionary()


def waiting(store: Database, limit: int) -> list[QueueRow]:
    """Returns the first rows of the queue, oldest first."""
    with store.read() as connection:
        return [(number, (source, ref)) for number, source, ref in _QUEUE.all(connection, {"most": limit})]


def project(store: Database, taken: Sequence[int], subjects: Sequence[IndexedSubject], gone: Sequence[Ref]) -> None:
    """Updates `subjects` in the index, removes those that were deleted, and takes the rows off the queue."""
    paths = {
        scope: _paths(store, scope, [s for s in subjects if s.scope == scope]) for scope in {s.scope for s in subjects}
    }
    with store.write() as connection:
        known = _known(connection, [*(s.ref for s in subjects), *gone])
        for ref in gone:
            if ref in known:
                _forget(connection, *known[ref])
        _write(connection, subjects, known, paths)
        _DEQUEUE.many(connection, ("number",), [(number,) for number in taken])


def indexed(store: Database, refs: Sequence[Ref]) -> list[Ref]:
    """Returns those of `refs` that are in the index. Each of the others has a row in the queue, if it exists."""
    with store.read() as connection:
        return list(_known(connection, refs))


def _known(connection: Connection, refs: Sequence[Ref]) -> dict[Ref, tuple[int, str, str]]:
    """Returns id, scope and folded name of the indexed subjects."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, ref in refs:
        by_source[source].append(ref)
    return {
        (source, ref): (number, scope, folded)
        for source, some in by_source.items()
        for ref, number, scope, folded in _SUBJECTS.all(connection, {"of": source, "refs": some})
    }


def _forget(connection: Connection, subject: int, scope: str, folded: str) -> None:
    connection.execute(delete(index_values).where(index_values.c.subject == subject))
    connection.execute(delete(index_subjects).where(index_subjects.c.id == subject))
    names = select(index_paths.c.id).where(index_paths.c.scope == scope, index_paths.c.nature == "name")
    for path in connection.execute(names).scalars().all():
        _delete_grams(connection, path, subject, folded)


def _delete_grams(connection: Connection, path: int, subject: int, folded: str) -> None:
    _DELETE_GRAM.many(connection, ("at", "text", "of"), [(path, gram, subject) for gram in grams(folded)])


def _write(
    connection: Connection,
    subjects: Sequence[IndexedSubject],
    known: Mapping[Ref, tuple[int, str, str]],
    paths: Mapping[str, Mapping[str, int]],
) -> None:
    added_now = _add(connection, {s.ref: s for s in subjects if s.ref not in known}, paths)
    ids = {ref: subject for ref, (subject, _, _) in {**known, **added_now}.items()}
    old: dict[int, dict[tuple[int, int], bytes]] = {}
    for number in {ids[s.ref] for s in subjects if s.ref in known}:
        old[number] = {(path, at): key for path, at, key in _OLD.all(connection, {"of": number})}
    added: list[tuple[int, int, int, bytes]] = []
    removed: list[tuple[int, int, int]] = []
    for subject in subjects:
        number, own = ids[subject.ref], paths[subject.scope]
        new = [(number, own[p], at, key) for p, keys in subject.properties.items() for at, key in enumerate(keys)]
        if before := old.get(number):
            now = {(p, at): key for _, p, at, key in new}
            removed += [(number, *place) for place, key in before.items() if now.get(place) != key]
            new = [value for value in new if before.get(value[1:3]) != value[3]]
        added += new
    _DELETE_VALUE.many(connection, ("of", "at", "number"), removed)
    _INSERT_VALUE.many(connection, ("subject", "path", "position", "key"), added)


def _add(
    connection: Connection, new: Mapping[Ref, IndexedSubject], paths: Mapping[str, Mapping[str, int]]
) -> dict[Ref, tuple[int, str, str]]:
    """Adds subjects that are not indexed yet, with their names; returns id, scope and folded name of each."""
    rows = [(one.scope, *ref, one.name.lower()) for ref, one in new.items()]
    _INSERT_SUBJECT.many(connection, ("scope", "source", "ref", "folded"), rows)
    added = _known(connection, list(new))
    runs: list[tuple[int, str, int]] = []
    for ref, (number, scope, folded) in added.items():
        path = paths[scope][new[ref].name_path]
        runs += [(path, gram, number) for gram in grams(folded)]
    _INSERT_GRAM.many(connection, ("path", "gram", "subject"), runs)
    return added


def grams(folded: str) -> list[str]:
    """Returns all runs of three characters, each once."""
    return sorted({folded[at : at + GRAM] for at in range(len(folded) - GRAM + 1)})


def _paths(store: Database, scope: str, subjects: Sequence[IndexedSubject]) -> dict[str, int]:
    """Returns the ids of all paths of these subjects; new ones are inserted in a separate transaction."""
    requested = {path: keys[0] for subject in subjects for path, keys in subject.properties.items()}
    names = {subject.name_path for subject in subjects}
    found = {
        path: known[0] for path in {*requested, *names} if (known := _known_paths.get(store, {}).get((scope, path)))
    }
    for path in sorted({*requested, *names} - found.keys()):
        known = path_of(store, scope, path)
        if known is None:
            nature = "name" if path in names else "time" if requested[path][:1] == TIME else None
            with store.write() as connection:
                insert_absent(connection, index_paths, {"scope": scope, "path": path, "nature": nature})
            known = path_of(store, scope, path)
        assert known is not None
        found[path] = known[0]
    return found


def path_of(store: Database, scope: str, path: str) -> tuple[int, str | None] | None:
    """Returns id and nature of a path, None before a subject has it. They never change, so they are cached."""
    known = _known_paths.setdefault(store, {})
    found = known.get((scope, path))
    if found is None:
        with store.read() as connection:
            row = connection.execute(_PATH, {"scope": scope, "path": path}).first()
        if row is None:
            return None
        if len(known) > MOST_KNOWN:
            known.clear()
        found = known[scope, path] = (row.id, row.nature)
    return found


def beginning(store: Database, scope: str, prefix: str, limit: int) -> list[str]:
    """Returns at most `limit` paths with the prefix, ascending."""
    statement = select(index_paths.c.path).where(
        index_paths.c.scope == scope, index_paths.c.path.startswith(prefix, autoescape=True)
    )
    with store.read() as connection:
        found = connection.execute(statement.order_by(index_paths.c.path).limit(limit))
        return [row[0] for row in found if row[0].startswith(prefix)]


def beneath(store: Database, scope: str, path: str, *, members: bool) -> list[int]:
    """Returns the ids of a path and, if `members`, of those beneath it."""
    own = index_paths.c.path == path
    inner = and_(index_paths.c.path >= f"{path}.", index_paths.c.path < f"{path}/")
    statement = select(index_paths.c.id).where(index_paths.c.scope == scope, or_(own, inner) if members else own)
    with store.read() as connection:
        return list(connection.execute(statement).scalars())
