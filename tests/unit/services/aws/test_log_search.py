"""The newest events of a group; FilterLogEvents searches so many bytes for a page, and its pages tell everything once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.model.settings import Settings
from sagewright.services.aws.logs import events
from sagewright.services.aws.logs.events import filter_log_events
from sagewright.services.aws.logs.groups import create_log_group, create_log_stream, scope_of
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.store.database import Database
from sagewright.store.logs import log_events, logs
from sagewright.store.logs.log_events import Window
from sagewright.store.logs.logs import LogScope


def test_the_newest_events_of_several_streams(database: Database) -> None:
    scope = LogScope("000000000000", "us-east-1")
    logs.create_group(database, scope, "g")
    for name, moments in (("old", range(1, 9)), ("even", range(10, 30, 2)), ("odd", range(11, 30, 2))):
        logs.create_stream(database, scope, "g", name)
        logs.put(database, scope, ("g", name), [(at, f"{at:03d}") for at in moments])
    streams = logs.streams(database, scope, "g", "")

    def newest(**window: int) -> tuple[list[int], bool]:
        found, cut = log_events.newest(database, streams, Window(**window), lambda: None)
        return [event.at_ms for event in found], cut

    assert newest(limit=5) == ([29, 28, 27, 26, 25], True)
    assert newest(limit=100) == ([*range(29, 9, -1), *range(8, 0, -1)], False)
    assert newest(limit=28)[1] is False
    assert newest(limit=27) == ([*range(29, 9, -1), *range(8, 1, -1)], True)
    assert newest(limit=100, start_ms=5, end_ms=12) == ([11, 10, 8, 7, 6, 5], False)
    assert newest(limit=100, most_bytes=100) == ([29, 28, 27], True), "29 bytes each"


def test_a_page_searches_a_bounded_part(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = cast("Any", None)
    platform = Platform(Settings(data=tmp_path / "data"), database, engine, engine)
    context = Context("", "000000000000", "us-east-1", ANONYMOUS, platform)
    create_log_group(context, {"logGroupName": "g"})
    create_log_stream(context, {"logGroupName": "g", "logStreamName": "s"})
    lines = [(1000 + i, f"{i:04d}" + "x" * 100) for i in range(20)]
    logs.put(database, scope_of(context), ("g", "s"), lines)
    monkeypatch.setattr(events, "SCAN_BYTES", 390)

    request: dict[str, Any] = {"logGroupName": "g", "filterPattern": "%^00.[05]%"}
    sizes, found = [], []
    while True:
        page = filter_log_events(context, request)
        sizes.append(len(page["events"]))
        found += [event["message"][:4] for event in page["events"]]
        if "nextToken" not in page:
            break
        request["nextToken"] = page["nextToken"]
    assert found == ["0000", "0005", "0010", "0015"]
    assert len(sizes) == 7, "three of the twenty lines a page"
    assert 0 in sizes
