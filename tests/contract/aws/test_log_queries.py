"""Searches of log groups by boto3: filter patterns on JSON, and Logs Insights."""

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


def query(logs: Any, group: str, text: str, **changes: Any) -> list[dict[str, str]]:
    """Results of a query, one row each, without the pointers."""
    now = int(time.time())
    request = {"logGroupName": group, "startTime": now - 3600, "endTime": now, "queryString": text}
    found = logs.get_query_results(queryId=logs.start_query(**(request | changes))["queryId"])
    assert found["status"] == "Complete"
    return [{field["field"]: field["value"] for field in row if field["field"] != "@ptr"} for row in found["results"]]


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_insights(logs: Any, group: str) -> None:
    events = [{"level": "ERROR" if i % 3 == 0 else "INFO", "latency": 10 * i, "user": {"id": i % 2}} for i in range(9)]
    messages = [json.dumps(event) for event in events]
    began_ms = put(logs, group, [*messages, "user=ann, took=7 ms"])
    times = [time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime(began_ms // 1000 + i)) for i in range(10)]

    newest = query(logs, group, "fields @timestamp, @message | limit 2")
    assert newest == [
        {"@timestamp": times[9], "@message": "user=ann, took=7 ms"},
        {"@timestamp": times[8], "@message": messages[8]},
    ]
    found = query(
        logs, group, 'filter level = "ERROR" and latency > 0 | fields latency, user.id as id | sort latency asc'
    )
    assert found == [{"latency": "30", "id": "1"}, {"latency": "60", "id": "0"}]
    found = query(
        logs, group, "stats count(*) as n, avg(latency), max(latency), pct(latency, 50) by level | sort n desc"
    )
    assert found == [
        {"level": "INFO", "n": "6", "avg(latency)": "45", "max(latency)": "80", "pct(latency, 50)": "40"},
        {"level": "ERROR", "n": "3", "avg(latency)": "30", "max(latency)": "60", "pct(latency, 50)": "30"},
        {"n": "1"},
    ]
    parsed = query(
        logs, group, 'parse @message "user=*, took=* ms" as who, took | filter ispresent(who) | display who, took'
    )
    assert parsed == [{"who": "ann", "took": "7"}]
    parsed = query(logs, group, r"parse @message /took=(?<took>\d+)/ | filter took < 10 | display took")
    assert parsed == [{"took": "7"}]
    assert query(
        logs, group, "filter @message like /ann|bob/ | stats count() by bin(1h) as hour | display `count()`"
    ) == [{"count()": "1"}]
    per_minute = query(logs, group, "stats sum(latency) as total by bin(1d)")
    assert sum(float(row["total"]) for row in per_minute) == 360
    assert len(query(logs, group, "dedup level | fields level")) == 3
    assert len(query(logs, group, "fields @message", limit=4)) == 4
    assert query(logs, group, "fields @message", startTime=1, endTime=2) == []


def test_the_life_of_a_query(logs: Any, group: str) -> None:
    put(logs, group, ["a", "b", "c"])
    now = int(time.time())
    request = {"logGroupNames": [group], "startTime": now - 3600, "endTime": now, "queryString": "fields @message"}
    query_id = logs.start_query(**request)["queryId"]
    described = logs.get_query_results(queryId=query_id)
    assert described["statistics"]["recordsScanned"] == 3
    assert described["statistics"]["recordsMatched"] == 3
    assert {field["field"] for field in described["results"][0]} == {"@message", "@ptr"}
    page = logs.get_query_results(queryId=query_id, maxItems=2)
    rest = logs.get_query_results(queryId=query_id, maxItems=2, nextToken=page["nextToken"])
    assert page["results"] + rest["results"] == described["results"]
    (listed,) = logs.describe_queries(logGroupName=group)["queries"]
    assert (listed["queryId"], listed["status"]) == (query_id, "Complete")
    searched = f'SOURCE "{group}" START={now - 3600}000 END={now}999 | fields @message'
    assert listed["queryString"] == searched
    assert fault(logs.stop_query, queryId=query_id) == "InvalidParameterException"
    assert fault(logs.get_query_results, queryId="absent") == "ResourceNotFoundException"
    assert fault(logs.start_query, **(request | {"queryString": "explode @message"})) == "MalformedQueryException"
    assert fault(logs.start_query, **(request | {"logGroupNames": ["/absent"]})) == "ResourceNotFoundException"
    assert fault(logs.start_query, **(request | {"logGroupName": group})) == "InvalidParameterException"
    assert fault(logs.start_query, **(request | {"endTime": 1})) == "InvalidParameterException"
    assert fault(logs.start_query, **(request | {"queryLanguage": "SQL"})) == "InvalidParameterException"
