"""Pages of index queries: a condition, an order, and a position to continue from.

There are two ways to find a page: test each of the few subjects that one part of the condition leaves, or walk along the order
until enough are found. `_Search.page` tries the way that should be shorter first, and abandons it if it turns out long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Subquery,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    union_all,
)

from sagewright.store.database import Database
from sagewright.store.resources import properties
from sagewright.store.resources.conditions import AnyCondition, Both, Condition, Holding, Present, Within
from sagewright.store.resources.properties import GRAM, grams
from sagewright.store.resources.sort_keys import text_of
from sagewright.store.schema.properties import index_grams, index_subjects, index_values

FEW = 2000
"""Number of subjects that are tested one by one, or walked along the order, before the other way is tried."""

FARTHER = 8
"""Factor that decides whether the walk continues after finding only a fraction of the page, and by which sources are
distinguished."""

STEP_COST = 0.5  # cost of a step along the order, relative to testing and sorting a subject of a source

MOST_KEYS = 5000  # distinct values that are listed one by one in a text search
MOST_GRAMS = 8
S, V, G = index_subjects.c, index_values.c, index_grams.c
_KEYS = text("""
    WITH RECURSIVE found (one) AS (
        SELECT * FROM (SELECT "key" FROM index_values WHERE path = :path ORDER BY "key" LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT "key" FROM index_values WHERE path = :path AND "key" > found.one ORDER BY "key" LIMIT 1)
        FROM found WHERE found.one IS NOT NULL
    ) SELECT one FROM found WHERE one IS NOT NULL
""")
"""The distinct values at a path, one index step for each."""

_ENDS = select(  # separate subqueries, or SQLite scans all rows
    *(select(end(S.id)).where(S.scope == bindparam("scope")).scalar_subquery() for end in (func.min, func.max))
)

_Test = ColumnElement[bool]


@dataclass(frozen=True)
class PropertyOrder:
    """Orders by the first value at `path`, then by creation; subjects without a value come last.

    `after`: the key (None for no value) and the subject that the previous page ended with.
    """

    path: str
    descending: bool
    after: tuple[bytes | None, int] | None = None


@dataclass(frozen=True)
class Hit:
    """A subject that was found: its source row, and its position in the order."""

    subject: int
    ref: str
    key: bytes | None


def search(store: Database, scope: str, condition: Condition, order: PropertyOrder, limit: int) -> list[Hit]:
    """Returns at most `limit` subjects of the scope, in order. A text that occurs in very many values makes the sources inexact:
    all other subjects found are then tested against the condition.
    """
    requested = _Search(store, scope, order, limit)
    part = requested.resolved(condition)
    with store.read() as connection:
        return requested.page(connection, part)


def position(store: Database, scope: str, condition: Condition, order: PropertyOrder, rows: int) -> Hit | None:
    """Returns the last of the first `rows` matches, at least one, after which a page continues; None if there are fewer."""
    requested = _Search(store, scope, order, 1)
    part = requested.resolved(condition)
    with store.read() as connection:
        return requested.position(connection, part, rows - 1)


def count(store: Database, scope: str, condition: Condition, most: int) -> int:
    """Returns how many subjects of the scope satisfy the condition, counted up to `most`."""
    requested = _Search(store, scope, PropertyOrder("", False), most)
    part = requested.resolved(condition)
    with store.read() as connection:
        return requested.count(connection, part)


def count_all(store: Database, scope: str, condition: Condition) -> int | None:
    """Returns how many subjects of the scope satisfy the condition; None if each would have to be tested."""
    requested = _Search(store, scope, PropertyOrder("", False), 0)
    part = requested.resolved(condition)
    with store.read() as connection:
        return requested.count_all(connection, part)


@dataclass(frozen=True)
class _Part:
    """A condition with the ids of its paths: the test for a subject, and the sources of its subjects, if there are any."""

    test: Any  # from the column of a subject's id to the test
    sources: tuple[Select[Any], ...] | None
    choices: tuple[_Part, ...] = ()  # parts any of which leads to all subjects
    always: bool = False  # the test is true for every subject
    exact: bool = False  # the sources yield only matches: the test is not needed
    others: Select[Any] | None = None  # all subjects except the matches

    def tested(self, subject: Any) -> Sequence[_Test]:
        """Returns the tests that subjects found by the sources still need."""
        return () if self.exact else (self.test(subject),)


class _Search:
    def __init__(self, store: Database, scope: str, order: PropertyOrder, limit: int) -> None:
        self._store, self._scope, self._order, self._limit = store, scope, order, limit
        self._sort = self._id(order.path)

    def _id(self, path: str) -> int | None:
        found = properties.path_of(self._store, self._scope, path)
        return found[0] if found else None

    def resolved(self, condition: Condition) -> _Part:
        match condition:
            case Both(parts):
                inner = tuple(self.resolved(part) for part in parts)
                if len(inner) == 1:
                    return inner[0]
                return _Part(lambda s: and_(true(), *(part.test(s) for part in inner)), None, inner, not inner)
            case AnyCondition(parts):
                inner = tuple(self.resolved(part) for part in parts)
                exact = all(part.exact for part in inner)
                return _Part(
                    lambda s: or_(false(), *(part.test(s) for part in inner)), self._either(inner), exact=exact
                )
            case Within(path, spans, absent):
                number = self._id(path)
                if number is None:
                    return _constant(absent)
                return _values(number, lambda key: or_(*(and_(key >= low, key < high) for low, high in spans)), absent)
            case Holding(path, requested):
                return self._holding(path, requested.lower())
            case Present(path, members, absent):
                numbers = properties.beneath(self._store, self._scope, path, members=members)
                return _found(lambda c, _key: c.path.in_(numbers), absent) if numbers else _constant(absent)

    def _either(self, parts: Sequence[_Part]) -> tuple[Select[Any], ...] | None:
        """Returns the combined sources of all parts, if each has some. (For a part with choices, the first that has.)"""
        found: list[Select[Any]] = []
        for part in parts:
            sources = next(_ways(part), None)
            if sources is None:
                return None
            found += sources
        return tuple(found)

    def _holding(self, path: str, requested: str) -> _Part:
        found = properties.path_of(self._store, self._scope, path)
        if found is None:
            return _constant(False)
        number, nature = found
        if nature == "name":
            return self._named(number, requested)
        with self._store.read() as connection:
            keys = list(connection.execute(_KEYS, {"path": number}).scalars())
        holding = [key for key in keys if requested in text_of(key).lower()]
        if len(holding) > MOST_KEYS:
            return _Part(lambda _s: true(), None)
        return _values(number, lambda key: key.in_(holding), False) if holding else _constant(False)

    def _named(self, number: int, requested: str) -> _Part:
        """Returns a search by name, through the rarest of the text's runs of three characters."""
        names = index_subjects.alias("names")
        test = lambda s: exists().where(names.c.id == s, names.c.folded.contains(requested, autoescape=True))  # noqa: E731
        if len(requested) < GRAM:
            return _Part(test, None)
        every = grams(requested)
        some = every[:: max(1, len(every) // MOST_GRAMS)]
        sources = [select(G.subject).where(G.path == number, G.gram == gram) for gram in some]
        with self._store.read() as connection:
            rarest = min(sources, key=lambda source: _count(connection, [source], FEW))
        return _Part(test, (rarest,))

    def page(self, connection: Connection, part: _Part) -> list[Hit]:
        few, sources = self._narrowest(connection, part, FEW)
        among = sources is not None and few <= FEW
        # Along the order it takes limit x extent / few steps, and more if the sources also lead to others.
        if among and (not part.exact or few * few <= STEP_COST * self._limit * self._extent(connection)):
            return self._among(connection, sources or (), part)
        found, full = self._along(connection, part, None if part.always else FEW)
        if not full and FARTHER * len(found) >= self._limit:
            found, full = self._along(connection, part, FARTHER * FEW)
        if full:
            return found
        if few > FEW:
            sources = self._narrowest(connection, part, FARTHER * FEW)[1]
        return self._among(connection, sources, part) if sources else self._along(connection, part, None)[0]

    def position(self, connection: Connection, part: _Part, skip: int) -> Hit | None:
        few, sources = self._narrowest(connection, part, FARTHER * FEW)
        if sources is not None and few <= FARTHER * FEW:
            return next(iter(self._among(connection, sources, part, skip)), None)
        for steps in [self._valued] * (self._sort is not None) + [self._unvalued]:
            statement, column = steps(None)
            tested = statement if part.always else statement.where(_member(part, column))
            row = connection.execute(tested.offset(skip).limit(1)).first()
            if row is not None:
                return self._hits(connection, [row])[0]
            if steps == self._valued:
                total = self.count_all(connection, part)
                if total is not None and skip >= total:
                    return None
                skip -= _rows(connection, tested.order_by(None), skip)
        return None

    def _extent(self, connection: Connection) -> int:
        """Returns an upper bound of the scope's number of subjects, from the lowest and highest id."""
        first, last = connection.execute(_ENDS, {"scope": self._scope}).one()
        return 0 if first is None else int(last - first) + 1

    def count(self, connection: Connection, part: _Part) -> int:
        few, sources = self._narrowest(connection, part, FARTHER * FEW)
        if sources is not None and (part.exact or few <= FARTHER * FEW):
            chosen = _chosen(sources)
            return _rows(connection, select(chosen.c.subject).where(*part.tested(chosen.c.subject)), self._limit)
        return _rows(connection, select(S.id).where(S.scope == self._scope, part.test(S.id)), self._limit)

    def count_all(self, connection: Connection, part: _Part) -> int | None:
        every = select(func.count()).select_from(index_subjects).where(S.scope == self._scope)
        if part.always:
            return int(connection.execute(every).scalar_one())
        counted = part.others if part.others is not None else part.sources[0] if part.sources and part.exact else None
        if counted is None or (part.sources and len(part.sources) > 1):
            return None
        number = connection.execute(select(func.count(counted.subquery().c.subject.distinct()))).scalar_one()
        return int(connection.execute(every).scalar_one() - number if part.others is not None else number)

    def _narrowest(self, connection: Connection, part: _Part, most: int) -> tuple[int, tuple[Select[Any], ...] | None]:
        """Returns the sources with the fewest subjects, counted up to `most`."""
        best: tuple[int, tuple[Select[Any], ...] | None] = (most + 1, None)
        for sources in _ways(part):
            count = _count(connection, sources, most)
            if best[1] is None or count < best[0]:
                best = count, sources
            if count <= self._limit:
                break
        return best

    def _among(self, connection: Connection, sources: Sequence[Select[Any]], part: _Part, skip: int = 0) -> list[Hit]:
        """Tests every subject of the sources and sorts the matches; returns those after the first `skip`."""
        chosen, first = _chosen(sources), index_values.alias("first")
        subject, key = chosen.c.subject, first.c.key
        own = and_(first.c.subject == subject, first.c.path == self._sort, first.c.position == 0)
        order = (key.desc(), subject.desc()) if self._order.descending else (key, subject)
        statement = (
            select(subject, key)
            .select_from(chosen.outerjoin(first, own))
            .where(*part.tested(subject))
            .order_by(key.is_(None), *order)
            .limit(self._limit)
            .offset(skip)
        )
        if self._order.after is not None:
            statement = statement.where(self._beyond(key, subject, self._order.after))
        return self._hits(connection, connection.execute(statement).all())

    def _beyond(self, key: ColumnElement[Any], number: ColumnElement[Any], after: tuple[bytes | None, int]) -> _Test:
        last, subject = after
        later = number < subject if self._order.descending else number > subject
        if last is None:
            return and_(key.is_(None), later)
        further = key < last if self._order.descending else key > last
        return or_(key.is_(None), further, and_(key == last, later))

    def _along(self, connection: Connection, part: _Part, most: int | None) -> tuple[list[Hit], bool]:
        """Walks along the order, over at most `most` subjects. Returns the matches, and False if others may follow on this page."""
        found: list[Hit] = []
        after = self._order.after
        valued = self._sort is not None and (after is None or after[0] is not None)
        for steps in [self._valued] * valued + [self._unvalued]:
            start, after = after, None
            statement, column = steps(start)
            bound = None
            if most is not None:
                bound = connection.execute(statement.offset(most).limit(1)).first()
            tested = statement.where(part.test(column))
            if bound is not None:
                tested = tested.where(self._not_beyond(bound))
            rows = connection.execute(tested.limit(self._limit - len(found))).all()
            found += self._hits(connection, rows)
            if len(found) == self._limit:
                return found, True
            if bound is not None:
                return found, False
        return found, True

    def _valued(self, after: tuple[bytes | None, int] | None) -> tuple[Select[Any], ColumnElement[Any]]:
        pair = tuple_(V.key, V.subject)
        statement = select(V.subject, V.key).where(V.path == self._sort, V.position == 0)
        if after is not None:
            last = tuple_(literal(after[0], LargeBinary), literal(after[1]))
            statement = statement.where(pair < last if self._order.descending else pair > last)
        order = (V.key.desc(), V.subject.desc()) if self._order.descending else (V.key, V.subject)
        return statement.order_by(*order), V.subject

    def _unvalued(self, after: tuple[bytes | None, int] | None) -> tuple[Select[Any], ColumnElement[Any]]:
        statement = select(S.id).where(S.scope == self._scope)
        if self._sort is not None:
            own = index_values.alias("own")
            has = (own.c.subject == S.id, own.c.path == self._sort, own.c.position == 0)
            statement = statement.where(~exists().where(*has))
        if after is not None:
            statement = statement.where(S.id < after[1] if self._order.descending else S.id > after[1])
        return statement.order_by(S.id.desc() if self._order.descending else S.id), S.id

    def _not_beyond(self, row: Any) -> _Test:
        if len(row) == 1:
            own: _Test = S.id >= row[0] if self._order.descending else S.id <= row[0]
            return own
        pair, last = tuple_(V.key, V.subject), tuple_(literal(row[1], LargeBinary), literal(row[0]))
        within: _Test = pair >= last if self._order.descending else pair <= last
        return within

    def _hits(self, connection: Connection, rows: Sequence[Any]) -> list[Hit]:
        keys = {row[0]: row[1] if len(row) > 1 else None for row in rows}
        refs = connection.execute(select(S.id, S.ref).where(S.id.in_(list(keys)))) if keys else ()
        names = {row.id: row.ref for row in refs}
        return [Hit(subject, names[subject], key) for subject, key in keys.items()]


def _constant(value: bool) -> _Part:
    """Returns a condition that is true for no subject, or for all."""
    if value:
        return _Part(lambda _s: true(), None)
    return _Part(lambda _s: false(), (select(V.subject).where(false()),), exact=True)


def _values(path: int, test: Callable[[Any], _Test], absent: bool) -> _Part:
    return _found(lambda columns, key: and_(columns.path == path, test(key)), absent)


def _found(test: Callable[[Any, Any], _Test], absent: bool) -> _Part:
    """Returns a condition on subjects that have a value (or none, if `absent`) whose columns and key pass the test."""
    own = index_values.alias()
    having = test(own.c, func.coalesce(own.c.key, own.c.key))  # makes SQLite search by subject rather than by key
    found = select(V.subject).where(test(V, V.key))
    if absent:
        return _Part(lambda s: ~exists().where(own.c.subject == s, having), None, others=found)
    return _Part(lambda s: exists().where(own.c.subject == s, having), (found,), exact=True)


def _chosen(sources: Sequence[Select[Any]]) -> Subquery:
    """Selects each subject of the sources once."""
    every = sources[0] if len(sources) == 1 else union_all(*sources)
    return select(every.subquery().c.subject).distinct().subquery()


def _member(part: _Part, column: ColumnElement[Any]) -> _Test:
    """Returns the test of a subject by a set of all matches where there is one: for many subjects, quicker than a look at each."""
    if part.exact and part.sources is not None and len(part.sources) == 1:
        return column.in_(part.sources[0])
    if part.others is not None:
        return column.not_in(part.others)
    return and_(true(), *(_member(one, column) for one in part.choices)) if part.choices else _tested(part, column)


def _tested(part: _Part, column: ColumnElement[Any]) -> _Test:
    test: _Test = part.test(column)
    return test


def _ways(part: _Part) -> Iterator[tuple[Select[Any], ...]]:
    """Yields alternative sources, each of which leads to all subjects of a part."""
    if part.sources is not None:
        yield part.sources
    for one in part.choices:
        yield from _ways(one)


def _count(connection: Connection, sources: Sequence[Select[Any]], most: int) -> int:
    """Returns how many subjects the sources have, counted only up to the number that matters."""
    return reduce(
        lambda total, source: total if total > most else total + _rows(connection, source, most + 1 - total), sources, 0
    )


def _rows(connection: Connection, source: Select[Any], most: int) -> int:
    number: int = connection.execute(select(func.count()).select_from(source.limit(most).subquery())).scalar_one()
    return number
