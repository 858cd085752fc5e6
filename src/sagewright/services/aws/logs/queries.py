"""Queries of Logs Insights: Start, results, Stop, Describe. A query has finished by the time StartQuery returns.

Source: the API reference of CloudWatch Logs; "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.members import TypedDocument, member
from sagewright.services import paging
from sagewright.services.aws.logs.groups import scope_of
from sagewright.services.aws.logs.insights.budget import Exceeded, QueryBudget
from sagewright.services.aws.logs.insights.pipeline import MOST_ROWS, Pipeline
from sagewright.services.aws.logs.insights.rows import InsightsRow
from sagewright.services.aws.logs.insights.values import moment, text
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.logs import log_events, logs
from sagewright.store.logs.log_events import LogEvent, Window
from sagewright.store.logs.logs import LogStream
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND, RESULTS = "logs-query", "logs-query-results"
MOST_EVENTS = 10_000
MOST_EVENT_BYTES = 32 << 20
MOST_GROUPS = 50
MOST_QUERIES = 50
"""Number of queries kept per account; the oldest are deleted."""
MOST_RESULT_BYTES = 4 << 20
COMPLETE, TIMEOUT = "Complete", "Timeout"


@dataclass
class QueryResults:
    """The results of a query, in wire format."""

    results: list[list[dict[str, str]]]
    statistics: dict[str, float]
    status: str = COMPLETE


@dataclass(frozen=True, kw_only=True)
class QueryDocument(TypedDocument):
    """A finished query. `searched`: its time range, None in rows of earlier versions."""

    query: str = member("Query")
    searched: str | None = member("Searched", None)
    groups: list[str] = member("Groups")
    statistics: dict[str, float] = member("Statistics")
    duration_ms: int = member("DurationMs")
    principal: str = member("Principal")

    @property
    def whole(self) -> str:
        """Returns the query preceded by its sources, as AWS does; a query stored by an earlier version is returned as requested."""
        if self.searched is None:
            return self.query
        sources = ", ".join(f'"{group}"' for group in self.groups)
        return f"SOURCE {sources} {self.searched} | {self.query}"


@operation("logs", "StartQuery")
def start_query(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    groups = _groups(request)
    if request.get("queryLanguage", "CWLI") != "CWLI":
        raise _invalid(f"Queries in {request['queryLanguage']} are not served.")
    if request["endTime"] < request["startTime"]:
        raise _invalid("End time should not be less than start time.")
    for group in groups:
        _require_searched(context, group)
    pipeline, began_ms = Pipeline(request["queryString"]), now_ms()
    answer = _answer(context, groups, request, pipeline)
    document = QueryDocument(
        query=request["queryString"],
        searched=f"START={request['startTime']}000 END={request['endTime']}999",
        groups=groups,
        statistics=answer.statistics,
        duration_ms=now_ms() - began_ms,
        principal=context.principal.arn,
    ).write({})
    query_id = str(uuid.uuid4())
    with context.store.write() as connection:
        found = New(query_id, {"Results": answer.results}, "", {})
        resources.create_in(connection, _scope(context, RESULTS), found)
        resources.create_in(connection, _scope(context, KIND), New(query_id, document, "", {}, status=answer.status))
    _forget_oldest(context)
    return {"queryId": query_id}


@operation("logs", "GetQueryResults")
def get_query_results(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    query = _require(context, request["queryId"])
    kept = resources.find(context.store, _scope(context, RESULTS), query.name)
    results = kept.document["Results"] if kept else []
    position = paging.decode(request.get("nextToken"), _invalid("The specified nextToken is invalid."))
    begin = int(position[0]) if position and str(position[0]).isdigit() else 0
    end = begin + (request.get("maxItems") or MOST_ROWS)
    answer = {
        "queryLanguage": "CWLI",
        "results": results[begin:end],
        "statistics": QueryDocument.read(query.document).statistics,
        "status": query.status,
    }
    return answer | ({"nextToken": paging.encode([end])} if end < len(results) else {})


@operation("logs", "StopQuery")
def stop_query(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Refuses, as AWS does for finished queries: every query has finished by the time its id is known."""
    query = _require(context, request["queryId"])
    raise _invalid(f"The query has already ended with status {query.status}.")


@operation("logs", "DescribeQueries")
def describe_queries(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _kept(context)
    if group := request.get("logGroupName"):
        found = [query for query in found if group in QueryDocument.read(query.document).groups]
    if status := request.get("status"):
        found = [query for query in found if query.status == status]
    if request.get("queryLanguage", "CWLI") != "CWLI":
        found = []
    after = paging.decode(request.get("nextToken"), _invalid("The specified nextToken is invalid."))
    size = request.get("maxResults", 1000)
    page, token = paging.page_of(found, lambda query: [-query.created_ms, query.name], after, size)
    return {"queries": [_described(query) for query in page], **({"nextToken": token} if token else {})}


def _answer(context: Context, groups: list[str], request: dict[str, Any], pipeline: Pipeline) -> QueryResults:
    start_ms, end_ms = request["startTime"] * 1000, (request["endTime"] + 1) * 1000
    window = Window(start_ms, end_ms, limit=MOST_EVENTS, most_bytes=MOST_EVENT_BYTES)
    streams = [stream for group in groups for stream in logs.streams(context.store, scope_of(context), group, "")]
    budget = QueryBudget()
    try:
        events, cut = log_events.newest(context.store, streams, window, budget.tick)
        skipped = max(1, sum(stream.next_seq for stream in streams) - len(events)) if cut else 0
        statistics = {
            "recordsScanned": float(len(events)),
            "bytesScanned": float(sum(event.size for event in events)),
            "estimatedRecordsSkipped": float(skipped),
            "logGroupsScanned": float(len(groups)),
        }
        named = {stream.id: stream for stream in streams}
        rows = pipeline.run([_row(context, event, named[event.stream_id]) for event in events], budget)
    except Exceeded:
        return QueryResults([], {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0}, TIMEOUT)
    statistics["recordsMatched"] = float(pipeline.matched)
    most = MOST_ROWS if pipeline.limited else min(request.get("limit", MOST_ROWS), MOST_ROWS)
    return QueryResults(_results(rows[:most], pipeline), statistics)


def _row(context: Context, event: LogEvent, stream: LogStream) -> InsightsRow:
    own = {
        "@timestamp": moment(event.at_ms),
        "@ingestionTime": moment(event.ingested_ms),
        "@message": event.message,
        "@logStream": stream.name,
        "@log": f"{context.account}:{stream.group_name}",
        "@ptr": f"{event.stream_id}-{event.seq}",
    }
    return InsightsRow(own, event.at_ms, event.message)


def _results(rows: list[InsightsRow], pipeline: Pipeline) -> list[list[dict[str, str]]]:
    """Returns as many rows as fit."""
    shown = pipeline.shown + ([] if pipeline.grouped else ["@ptr"])
    results: list[list[dict[str, str]]] = []
    size = 0
    for row in rows:
        values = [(name, row.get(name)) for name in shown]
        result = [{"field": name, "value": text(value)} for name, value in values if value is not None]
        size += sum(len(field["field"]) + len(field["value"]) for field in result)
        if size > MOST_RESULT_BYTES and results:
            break
        results.append(result)
    return results


def _described(query: Resource) -> dict[str, Any]:
    document = QueryDocument.read(query.document)
    return {
        "queryLanguage": "CWLI",
        "queryId": query.name,
        "queryString": document.whole,
        "status": query.status,
        "createTime": query.created_ms,
        "logGroupName": document.groups[0],
        "queryDuration": document.duration_ms,
        "bytesScanned": document.statistics["bytesScanned"],
        "userIdentity": document.principal,
    }


def _require_searched(context: Context, group: str) -> None:
    """Raises ResourceNotFoundException, with the wording of this operation."""
    if not logs.group_exists(context.store, scope_of(context), group):
        message = f"Log group '{group}' does not exist for account ID '{context.account}' (Service: AWSLogs; Status Code: 400;"
        message = f"{message} Error Code: ResourceNotFoundException; Request ID: {context.request_id}; Proxy: null)"
        raise AwsError("ResourceNotFoundException", message)


def _groups(request: dict[str, Any]) -> list[str]:
    """Returns the names of the groups to search. Raises InvalidParameterException."""
    given = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if request.get(name)]
    if len(given) != 1:
        raise _invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is required.")
    requested = request[given[0]]
    names = [requested] if isinstance(requested, str) else requested
    if len(names) > MOST_GROUPS:
        raise _invalid(f"A query searches at most {MOST_GROUPS} log groups, not {len(names)}.")
    return list(dict.fromkeys(name.split(":log-group:")[-1].removesuffix(":*") for name in names))


def _kept(context: Context) -> list[Resource]:
    """Returns the stored queries, newest first."""
    return resources.page(context.store, _scope(context, KIND), PageRequest(limit=1000))


def _forget_oldest(context: Context) -> None:
    for query in _kept(context)[MOST_QUERIES:]:
        results = resources.find(context.store, _scope(context, RESULTS), query.name)
        for each in filter(None, (query, results)):
            resources.remove(context.store, each, "")


def _scope(context: Context, kind: str) -> ResourceScope:
    return ResourceScope(kind, context.account, context.region)


def _require(context: Context, query_id: str) -> Resource:
    query = resources.find(context.store, _scope(context, KIND), query_id)
    if query is None:
        raise AwsError("ResourceNotFoundException", "The specified query does not exist.")
    return query


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
