"""Events of log streams, read batch by batch: a request needs a page, and a stream may have millions of events."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, and_, or_, select

from sagewright.store.database import Database
from sagewright.store.logs.logs import OVERHEAD_BYTES, LogStream
from sagewright.store.schema.logs import log_events

BATCH_BYTES = 1 << 20  # approximate size of a batch
BATCH = (20, 2000)


@dataclass(frozen=True)
class LogEvent:
    stream_id: int
    seq: int
    at_ms: int
    ingested_ms: int
    message: str

    @property
    def size(self) -> int:
        """Returns the bytes that CloudWatch counts for it."""
        return len(self.message.encode()) + OVERHEAD_BYTES


@dataclass(frozen=True)
class Window:
    """A slice of a stream: times (inclusive, exclusive), bounding sequence numbers, direction, size."""

    start_ms: int | None = None
    end_ms: int | None = None
    from_seq: int | None = None
    before_seq: int | None = None
    forward: bool = True
    limit: int = 10_000
    most_bytes: int | None = None


Position = tuple[int, int, int]
"""Position of an event among those of several streams: at_ms, stream_id, seq."""

_EVENT = [log_events.c[name] for name in LogEvent.__dataclass_fields__]


def read(store: Database, stream: LogStream, window: Window) -> list[LogEvent]:
    """Returns the events of a window in the stream's order, from whichever end it was limited; at least one, if there
    are any."""
    found: list[LogEvent] = []
    size = 0
    for event in _in_order(store, stream, window):
        size += event.size
        if found and window.most_bytes is not None and size > window.most_bytes:
            break
        found.append(event)
        if len(found) >= window.limit:
            break
    return found if window.forward else found[::-1]


def _in_order(store: Database, stream: LogStream, window: Window) -> Iterator[LogEvent]:
    size = min(window.limit, _batch(stream))
    while True:
        order = log_events.c.seq.asc() if window.forward else log_events.c.seq.desc()
        rows = _fetched(store, _of(stream, window).order_by(order).limit(size))
        yield from rows
        if len(rows) < size:
            return
        last = rows[-1].seq
        window = replace(window, from_seq=last + 1) if window.forward else replace(window, before_seq=last)


def merged(store: Database, streams: Sequence[LogStream], window: Window, after: Position | None) -> Iterator[LogEvent]:
    """Yields events of several streams by time, then stream; `after` is the position of the last event already returned.

    A stream is read only when its first event can be next.
    """
    waiting = [
        (_earliest(stream, window, after), stream.id, -1, stream) for stream in streams if _may_have(stream, window)
    ]
    heapq.heapify(waiting)
    heads: list[tuple[int, int, int, LogEvent, Iterator[LogEvent]]] = []
    while waiting or heads:
        if waiting and (not heads or waiting[0][:3] <= heads[0][:3]):
            *_, stream = heapq.heappop(waiting)
            _push(heads, _by_time(store, stream, window, after))
            continue
        *_, event, rest = heapq.heappop(heads)
        yield event
        _push(heads, rest)


def newest(
    store: Database, streams: Sequence[LogStream], window: Window, tick: Callable[[], None]
) -> tuple[list[LogEvent], bool]:
    """Returns the newest events of several streams, newest first, as many as fit in `window`, and whether there are older ones.

    `tick` is called for each event that is read; an exception from it ends the search.
    """
    held: list[tuple[int, int, int, LogEvent]] = []
    size, cut = 0, False
    for stream in sorted(streams, key=lambda each: each.last_ms or 0, reverse=True):
        if not _may_have(stream, window):
            continue
        if cut and stream.last_ms is not None and stream.last_ms < held[0][0]:
            break
        since = max(window.start_ms or 0, held[0][0]) if cut else window.start_ms
        more = window.most_bytes and 2 * window.most_bytes  # so that the existence of more is noticed below
        part = replace(window, start_ms=since, forward=False, limit=window.limit + 1, most_bytes=more)
        for event in read(store, stream, part):
            tick()
            heapq.heappush(held, (event.at_ms, event.stream_id, event.seq, event))
            size += event.size
            while len(held) > window.limit or (len(held) > 1 and window.most_bytes and size > window.most_bytes):
                size -= heapq.heappop(held)[3].size
                cut = True
    return [event for *_, event in sorted(held, reverse=True)], cut


def _push(heads: list[tuple[int, int, int, LogEvent, Iterator[LogEvent]]], events: Iterator[LogEvent]) -> None:
    event = next(events, None)
    if event is not None:
        heapq.heappush(heads, (event.at_ms, event.stream_id, event.seq, event, events))


def _may_have(stream: LogStream, window: Window) -> bool:
    if stream.first_ms is None or stream.last_ms is None:
        return False
    begun = window.end_ms is None or stream.first_ms < window.end_ms
    return begun and (window.start_ms is None or stream.last_ms >= window.start_ms)


def _earliest(stream: LogStream, window: Window, after: Position | None) -> int:
    assert stream.first_ms is not None
    return max(stream.first_ms, window.start_ms or 0, after[0] if after else 0)


def _by_time(store: Database, stream: LogStream, window: Window, after: Position | None) -> Iterator[LogEvent]:
    size, last = _batch(stream), after
    while True:
        statement = _of(stream, window)
        if last is not None:
            at_ms, stream_id, seq = last
            same = log_events.c.at_ms == at_ms
            if stream_id == stream.id:
                same = and_(same, log_events.c.seq > seq)
            beyond = log_events.c.at_ms > at_ms
            statement = statement.where(
                log_events.c.at_ms >= at_ms, or_(beyond, same) if stream_id <= stream.id else beyond
            )
        rows = _fetched(store, statement.order_by(log_events.c.at_ms, log_events.c.seq).limit(size))
        yield from rows
        if len(rows) < size:
            return
        last = (rows[-1].at_ms, stream.id, rows[-1].seq)


def _of(stream: LogStream, window: Window) -> Select[Any]:
    bounds: list[tuple[int | None, Callable[[int], Any]]] = [
        (window.start_ms, lambda v: log_events.c.at_ms >= v),
        (window.end_ms, lambda v: log_events.c.at_ms < v),
        (window.from_seq, lambda v: log_events.c.seq >= v),
        (window.before_seq, lambda v: log_events.c.seq < v),
    ]
    conditions = [condition(value) for value, condition in bounds if value is not None]
    return select(*_EVENT).where(log_events.c.stream_id == stream.id, *conditions)


def _fetched(store: Database, statement: Select[Any]) -> list[LogEvent]:
    with store.read() as connection:
        return [LogEvent(*row) for row in connection.execute(statement)]


def _batch(stream: LogStream) -> int:
    """Returns how many of the stream's events make about BATCH_BYTES."""
    mean = max(1, stream.stored_bytes // max(1, stream.next_seq))
    return min(max(BATCH_BYTES // mean, BATCH[0]), BATCH[1])
