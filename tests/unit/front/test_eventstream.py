"""Event streams, read back by botocore's own parser."""

from __future__ import annotations

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sagewright.front import eventstream


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_what_is_written_is_read(payloads: list[bytes]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(eventstream.event("PayloadPart", payload) for payload in payloads))
    events = list(buffer)
    assert [event.payload for event in events] == payloads
    assert all(event.headers[":event-type"] == "PayloadPart" for event in events)


def test_an_exception_is_one() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.exception("ModelStreamError", b'{"Message": "x"}'))
    (event,) = buffer
    assert event.headers[":message-type"] == "exception"
    assert event.headers[":exception-type"] == "ModelStreamError"
