"""Log events: put, read in order, filtered."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Any

from sagewright.engine.monitoring import metric_filters
from sagewright.engine.monitoring.filter_patterns import compile_filter
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.logs.groups import group_name, require_group, require_stream, scope_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.logs import log_events, logs
from sagewright.store.logs.log_events import LogEvent, Position, Window
from sagewright.store.logs.logs import LogStream

MAX_EVENTS = 10_000
MAX_BYTES = 1_000_000  # CloudWatch's limit of a response
SCAN = 20_000
SCAN_BYTES = 64 << 20
SCAN_S = 5.0
"""Maximum seconds that one request searches; the next page continues."""
DAY_MS = 86_400_000
OLDEST_MS = 14 * DAY_MS
NEWEST_MS = 2 * 3_600_000
MAX_BATCH_BYTES = 1_048_576
OVERHEAD_BYTES = 26
"""Bytes that CloudWatch counts per event besides its message."""


@operation("logs", "PutLogEvents")
def put_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group, name = request["logGroupName"], request["logStreamName"]
    require_stream(context, group, name)
    events = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    _check_batch(events)
    retention_days = logs.retention(context.store, scope_of(context), group)
    taken, rejected = _taken(events, now_ms(), retention_days)
    if taken:
        with context.store.write() as connection:
            logs.append(connection, logs.ensure_stream(connection, scope_of(context), group, name), taken)
            metric_filters.count_in(context.store, connection, (scope_of(context), group), taken)
    answer = {"nextSequenceToken": str(require_stream(context, group, name).next_seq)}
    return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})


def _check_batch(events: list[tuple[int, str]]) -> None:
    """Raises InvalidParameterException for a batch that CloudWatch rejects as a whole."""
    wrong = ""
    if any(later[0] < earlier[0] for earlier, later in pairwise(events)):
        wrong = "Log events in a single PutLogEvents request must be in chronological order."
    elif events[-1][0] - events[0][0] > DAY_MS:
        wrong = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    elif (size := sum(len(message.encode()) + OVERHEAD_BYTES for _, message in events)) > MAX_BATCH_BYTES:
        wrong = f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}"
    if wrong:
        raise AwsError("InvalidParameterException", wrong)


def _taken(
    events: list[tuple[int, str]], at_ms: int, retention_days: int | None
) -> tuple[list[tuple[int, str]], dict[str, int]]:
    """Returns the accepted events, and the rejected ranges at both ends of the batch: too old, expired, or too far in the
    future."""
    oldest, newest = at_ms - OLDEST_MS, at_ms + NEWEST_MS
    expired = at_ms - retention_days * DAY_MS if retention_days else 0
    times = [moment for moment, _ in events]
    too_old, too_new = bisect_left(times, oldest), bisect_right(times, newest)
    gone = bisect_left(times, expired)
    rejected = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if gone > too_old:
        rejected["expiredLogEventEndIndex"] = gone
    if too_new < len(events):
        rejected["tooNewLogEventStartIndex"] = too_new
    return events[max(too_old, gone) : too_new], rejected


@operation("logs", "GetLogEvents")
def get_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a page of events. Tokens are `f/<seq>` and `b/<seq>`: the events from, or before, that number. At an end the token
    stays the same."""
    stream = require_stream(context, group_name(request), request["logStreamName"])
    window = _window(request)
    events = log_events.read(context.store, stream, window)
    first, after = _ends(events, window, stream)
    return {
        "events": [{"timestamp": e.at_ms, "message": e.message, "ingestionTime": e.ingested_ms} for e in events],
        "nextForwardToken": f"f/{after:056d}",
        "nextBackwardToken": f"b/{first:056d}",
    }


def _ends(events: list[LogEvent], window: Window, stream: LogStream) -> tuple[int, int]:
    if events:
        return events[0].seq, events[-1].seq + 1
    if window.from_seq is not None:
        return window.from_seq, window.from_seq
    if window.before_seq is not None:
        return window.before_seq, window.before_seq
    return (0, 0) if window.forward else (stream.next_seq, stream.next_seq)


def _window(request: dict[str, Any]) -> Window:
    limit = request.get("limit", MAX_EVENTS)
    bounds = {
        "start_ms": request.get("startTime"),
        "end_ms": request.get("endTime"),
        "limit": limit,
        "most_bytes": MAX_BYTES,
    }
    token = request.get("nextToken")
    if token is None:
        return Window(forward=request.get("startFromHead", False), **bounds)
    kind, _, number = token.partition("/")
    if kind not in {"f", "b"} or not (number.isascii() and number.isdigit()):
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    if kind == "f":
        return Window(from_seq=int(number), forward=True, **bounds)
    return Window(before_seq=int(number), forward=False, **bounds)


@operation("logs", "FilterLogEvents")
def filter_log_events(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = group_name(request)
    require_group(context, group)
    streams = _streams(context, group, request)
    names = {stream.id: stream.name for stream in streams}
    position = paging.decode(
        request.get("nextToken"), AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    )
    window = Window(request.get("startTime"), request.get("endTime"))
    events = log_events.merged(context.store, streams, window, _position(position))
    matches, limit = compile_filter(request.get("filterPattern", "")), request.get("limit", MAX_EVENTS)
    found: list[dict[str, Any]] = []
    size = searched = 0
    until = time.monotonic() + SCAN_S
    for scanned, event in enumerate(events, 1):
        searched += event.size
        if matches(event.message):
            found.append(_filtered(event, names))
            size += event.size
        full = len(found) >= limit or size >= MAX_BYTES
        if full or scanned >= SCAN or searched >= SCAN_BYTES or time.monotonic() > until:
            last = paging.encode([event.at_ms, event.stream_id, event.seq])
            more = {"nextToken": last} if next(events, None) else {}
            return {"events": found, "searchedLogStreams": [], **more}
    return {"events": found, "searchedLogStreams": []}


def _position(token: list[Any] | None) -> Position | None:
    if token is None:
        return None
    at_ms, stream_id, seq = token
    return at_ms, stream_id, seq


def _streams(context: Context, group: str, request: dict[str, Any]) -> list[LogStream]:
    prefix, requested = request.get("logStreamNamePrefix"), request.get("logStreamNames")
    if prefix and requested:
        raise AwsError("InvalidParameterException", "logStreamNames and logStreamNamePrefix exclude each other.")
    streams = logs.streams(context.store, scope_of(context), group, prefix or "")
    return [s for s in streams if s.name in requested] if requested else streams


def _filtered(event: LogEvent, names: dict[int, str]) -> dict[str, Any]:
    return {
        "logStreamName": names[event.stream_id],
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": f"{event.stream_id:020d}{event.seq:036d}",
    }
