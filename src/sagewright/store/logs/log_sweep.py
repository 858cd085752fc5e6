"""Removal of deleted log streams in slices, so that no request waits for millions of rows.

A deletion marks the streams with names that clients cannot use (`store.logs.logs`), and is then answered. A server that was killed
in the meantime resumes from the marks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import delete, func, select

from sagewright.store.database import Database
from sagewright.store.logs.logs import DELETED
from sagewright.store.schema.logs import log_events, log_streams

SLICE = 2000
SLICE_BYTES = 4 << 20
PAUSE_S = 0.005  # during which other writers get their turn


def sweep(store: Database, stopped: Callable[[], bool] = lambda: False) -> int:
    """Removes everything marked, until it is `stopped`; returns the number of events."""
    removed = 0
    while not stopped():
        with store.read() as connection:
            marked = connection.execute(
                select(log_streams.c.id, log_streams.c.stored_bytes, log_streams.c.next_seq)
                .where(log_streams.c.account == DELETED.account, log_streams.c.region == DELETED.region)
                .limit(1)
            ).first()
        if marked is None:
            break
        mean = max(1, marked.stored_bytes // max(1, marked.next_seq))
        removed += _remove_slice(store, marked.id, max(1, min(SLICE, SLICE_BYTES // mean)))
        time.sleep(PAUSE_S)
    return removed


def _remove_slice(store: Database, stream_id: int, most: int) -> int:
    """Removes the first events of a stream; the stream itself once it has no more."""
    own = log_events.c.stream_id == stream_id
    with store.write() as connection:
        connection.execute(select(log_streams.c.id).where(log_streams.c.id == stream_id).with_for_update())
        first = connection.execute(select(func.min(log_events.c.seq)).where(own)).scalar()
        if first is None:
            connection.execute(delete(log_streams).where(log_streams.c.id == stream_id))
            return 0
        return connection.execute(delete(log_events).where(own, log_events.c.seq < first + most)).rowcount
