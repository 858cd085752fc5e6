"""Outlines of long metric series: the least and greatest value of consecutive spans, read from an index and kept.

A series that grows is read from its last span on, so a chart that is drawn again every second costs only the added values.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from sagewright.store.database import Database
from sagewright.store.logs.metrics import MetricSeries, series_is
from sagewright.store.schema.metrics import metric_data

KEPT, KEPT_S = 128, 60.0
"""Series whose outline is kept, and for how long: values that arrive with an earlier time are seen after that."""
DENSE = 8
"""A span with this many times its share of the values is divided further."""
AT_ONCE = 50
"""Spans that one statement reads, each by a step of the index: grouping all values would sort them."""
_SPANS = text(
    " UNION ALL ".join(
        f"SELECT {at} AS number, COUNT(*), MIN(total / NULLIF(samples, 0)), MAX(total / NULLIF(samples, 0)) FROM metric_data "  # noqa: S608
        "WHERE account = :account AND region = :region AND namespace = :namespace AND name = :name AND dimensions = :dimensions "
        f"AND at_ms >= :since + {at} * CAST(:width AS BIGINT) AND at_ms < :since + {at + 1} * CAST(:width AS BIGINT)"
        for at in range(AT_ONCE)
    )
)
_AT, _ID = metric_data.c.at_ms, metric_data.c.id
_VALUE = metric_data.c.total / func.nullif(metric_data.c.samples, 0)


@dataclass(frozen=True)
class Outline:
    """`positions`: the position of each value among the `count` values of the series. `times`: milliseconds."""

    count: int
    positions: tuple[int, ...]
    times: tuple[int, ...]
    values: tuple[float, ...]


class _Span(NamedTuple):
    """Values from `at_ms` up to the next span."""

    at_ms: int
    size: int
    least: float
    greatest: float


class _End(NamedTuple):
    at_ms: int
    id: int
    value: float


@dataclass
class _Kept:
    """Spans of a series; `until_ms` is the end of the last one, `width_ms` that of spans to be added."""

    read_s: float
    width_ms: int
    first: _End
    last: _End
    spans: list[_Span]


class Outlines:
    """Reads outlines, and keeps those of long series. Thread-safe."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[MetricSeries, int], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, series: MetricSeries, most: int) -> Outline:
        """Returns all values of a series, or an outline of at most `most` where there are more. `most` is at least 8."""
        key = series, most
        with self._lock:
            kept = self._kept.get(key)
        with self._store.read(streamed=True) as connection:
            if kept is None and (whole := _whole(connection, series, most)) is not None:
                return whole
            ends = _ends(connection, series)
            if ends is None:
                return Outline(0, (), (), ())
            kept = _current(connection, series, most, kept, ends)
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return _drawn(kept)


def names(store: Database, series: MetricSeries, most: int) -> list[str]:
    """Returns the names of the metrics with exactly these dimensions, among the first `most` names of the namespace.

    One index step for each name of the namespace, however many series it has. `series.name` is ignored.
    """
    own = metric_data.c
    namespace = (own.account == series.account, own.region == series.region, own.namespace == series.namespace)
    found = select(func.min(own.name).label("name")).where(*namespace).cte("found", recursive=True)
    following = select(func.min(own.name)).where(*namespace, own.name > found.c.name).scalar_subquery()
    found = found.union_all(select(following).where(found.c.name.is_not(None)))
    listed = select(found.c.name).where(found.c.name.is_not(None)).limit(most).subquery()
    has = select(_ID).where(*namespace, own.name == listed.c.name, own.dimensions == series.dimensions).exists()
    with store.read() as connection:
        return list(connection.execute(select(listed.c.name).where(has)).scalars())


def _whole(connection: Connection, series: MetricSeries, most: int) -> Outline | None:
    """Returns all values; None if there are more than `most`."""
    statement = select(_AT, _VALUE).where(*series_is(series)).order_by(_AT, _ID).limit(most + 1)
    rows = connection.execute(statement).all()
    if len(rows) > most:
        return None
    return Outline(
        len(rows), tuple(range(len(rows))), tuple(row[0] for row in rows), tuple(float(row[1] or 0.0) for row in rows)
    )


def _ends(connection: Connection, series: MetricSeries) -> tuple[_End, _End] | None:
    every = select(_AT, _ID, _VALUE).where(*series_is(series)).limit(1)
    first = connection.execute(every.order_by(_AT, _ID)).first()
    last = connection.execute(every.order_by(_AT.desc(), _ID.desc())).first()
    if first is None or last is None:
        return None
    return _End(first[0], first[1], first[2] or 0.0), _End(last[0], last[1], last[2] or 0.0)


def _current(
    connection: Connection, series: MetricSeries, most: int, kept: _Kept | None, ends: tuple[_End, _End]
) -> _Kept:
    """Returns the spans of a series, of which only those since the last known one are read."""
    now, (first, last), spans = time.monotonic(), ends, most // 4
    if kept is None or now - kept.read_s > KEPT_S or kept.first != first or kept.last[:2] > last[:2]:
        width = (last.at_ms - first.at_ms) // spans + 1
        read = _Kept(now, width, first, last, [])
        read.spans = _read(connection, series, (first.at_ms, last.at_ms), width, spans)
    elif kept.last == last:
        return kept
    else:
        since = kept.spans[-1].at_ms
        head = [span for span in kept.spans if span.at_ms < since]
        read = _Kept(kept.read_s, kept.width_ms, first, last, head)
        while (last.at_ms - since) // read.width_ms > spans:
            read.width_ms *= 2
        read.spans = head + _read(connection, series, (since, last.at_ms), read.width_ms, spans)
    while len(read.spans) > most // 2 - 1:
        read.spans = [_joined(read.spans[at : at + 2]) for at in range(0, len(read.spans), 2)]
        read.width_ms *= 2
    return read


def _read(
    connection: Connection, series: MetricSeries, window: tuple[int, int], width_ms: int, spans: int
) -> list[_Span]:
    """Returns the spans of a window, whose end is a value's time. Those with far more values than others are divided."""
    rows: list[Any] = []
    for since in range(window[0], window[1] + 1, width_ms * AT_ONCE):
        own = {**vars(series), "since": since, "width": width_ms}
        rows += [(since + at * width_ms, *row) for at, *row in connection.execute(_SPANS, own) if row[0]]
    most = max(DENSE * sum(row[1] for row in rows) // spans, DENSE)
    found: list[_Span] = []
    for begin, size, least, greatest in rows:
        if size > most:
            found += _divided(connection, series, (begin, begin + width_ms), most // 2)
        else:
            found.append(_Span(begin, size, least or 0.0, greatest or 0.0))
    return found


def _divided(connection: Connection, series: MetricSeries, window: tuple[int, int], size: int) -> Iterator[_Span]:
    """Yields spans of `size` values each, of a burst; the values are read one after the other."""
    statement = (
        select(_AT, _VALUE).where(*series_is(series), window[0] <= _AT, window[1] > _AT).order_by(_AT, _ID)
    ).execution_options(yield_per=1000)
    rows = enumerate(connection.execute(statement))
    for _, part in groupby(rows, key=lambda row: row[0] // size):
        yield _joined([_Span(at, 1, value or 0.0, value or 0.0) for _, (at, value) in part])


def _joined(spans: Sequence[_Span]) -> _Span:
    return _Span(
        spans[0].at_ms,
        sum(span.size for span in spans),
        min(span.least for span in spans),
        max(span.greatest for span in spans),
    )


def _drawn(kept: _Kept) -> Outline:
    """Returns the least and greatest value of each span, in the direction in which the curve goes, between its two ends."""
    count = sum(span.size for span in kept.spans)
    points: list[tuple[int, int, float]] = [(0, kept.first.at_ms, kept.first.value)]
    begin, before = 0, kept.first.value
    for span in kept.spans:
        middle = (span.least + span.greatest) / 2
        pair: Iterable[float] = (span.least, span.greatest) if middle >= before else (span.greatest, span.least)
        places = (begin + span.size // 3, begin + 2 * span.size // 3)
        points += [(at, span.at_ms, value) for at, value in zip(places, pair, strict=True) if 0 < at < count - 1]
        begin, before = begin + span.size, middle
    points.append((count - 1, kept.last.at_ms, kept.last.value))
    columns: Any = zip(*points, strict=True)
    positions, times, values = columns
    return Outline(count, positions, times, values)
