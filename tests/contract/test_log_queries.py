"""Searches of log groups by boto3: filter patterns on JSON."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer


@pytest.fixture(scope="module")
def logs(server: RunningServer) -> Any:
    return server.boto("logs")


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = f"/queries/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def put(logs: Any, group: str, messages: list[str]) -> int:
    """Lines a second apart, which began a minute ago; when they began, in milliseconds."""
    began_ms = int(time.time()) * 1000 - 60_000
    events = [{"timestamp": began_ms + i * 1000, "message": message} for i, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    return began_ms


def test_filter_patterns_on_json(logs: Any, group: str) -> None:
    levels = ["INFO", "ERROR", "ERROR", "WARN", "ERROR"]
    messages = [json.dumps({"level": level, "latency": 60 * i}) for i, level in enumerate(levels)]
    put(logs, group, [*messages, "no JSON with ERROR"])
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern='{ $.level = "ERROR" && $.latency > 100 }', PaginationConfig={"PageSize": 1}
    )
    assert [event["message"] for page in pages for event in page["events"]] == [messages[2], messages[4]]
    with pytest.raises(ClientError) as caught:
        logs.filter_log_events(logGroupName=group, filterPattern="{ $.level = }")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
