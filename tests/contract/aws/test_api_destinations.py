"""Connections and API destinations driven by boto3, and a rule that calls one."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.engine.events.api_destinations import signature

if TYPE_CHECKING:
    from conftest import RunningServer

KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}


class Receiver(http.server.BaseHTTPRequestHandler):
    """Remembers what it is sent, and fails the first time."""

    received: list[tuple[dict[str, str], bytes]]
    statuses: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((dict(self.headers), body))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[int, type[Receiver]]]:
    handler = type("Own", (Receiver,), {"received": [], "statuses": [503]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], handler
    server.shutdown()
    thread.join()
    server.server_close()


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_lives_of_connections_and_destinations(server: RunningServer) -> None:
    events = server.boto("events")
    made = events.create_connection(Name="life", AuthorizationType="API_KEY", AuthParameters=KEY)
    assert made["ConnectionState"] == "AUTHORIZED"
    assert (
        fault(events.create_connection, Name="life", AuthorizationType="API_KEY", AuthParameters=KEY)[0]
        == "ResourceAlreadyExistsException"
    )
    described = events.describe_connection(Name="life")
    assert described["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}
    assert "s3cret" not in str(described)
    events.update_connection(
        Name="life", Description="d", AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "X-Other"}}
    )
    described = events.describe_connection(Name="life")
    assert (described["Description"], described["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyName"]) == (
        "d",
        "X-Other",
    )
    assert "life" in [one["Name"] for one in events.list_connections(NamePrefix="li")["Connections"]]
    request = {"Name": "to", "ConnectionArn": made["ConnectionArn"], "HttpMethod": "POST"}
    for url in ("ftp://host/", "http://user@host/"):
        code = fault(events.create_api_destination, **request, InvocationEndpoint=url)[0]
        assert code in {"ValidationException"}
    events.create_api_destination(**request, InvocationEndpoint="https://example.com/hook")
    events.update_api_destination(Name="to", HttpMethod="PUT")
    described = events.describe_api_destination(Name="to")
    assert (described["HttpMethod"], described["InvocationEndpoint"], described["ApiDestinationState"]) == (
        "PUT",
        "https://example.com/hook",
        "ACTIVE",
    )
    assert [
        one["Name"] for one in events.list_api_destinations(ConnectionArn=made["ConnectionArn"])["ApiDestinations"]
    ] == ["to"]
    assert fault(events.delete_connection, Name="life")[0] == "ValidationException"
    events.delete_api_destination(Name="to")
    events.delete_connection(Name="life")
    for call in (events.describe_connection, events.delete_connection, events.describe_api_destination):
        assert fault(call, Name="life")[0] == "ResourceNotFoundException"
    for kind, parameters in (("BASIC", KEY), ("OAUTH_CLIENT_CREDENTIALS", KEY), ("API_KEY", {})):
        code = fault(events.create_connection, Name="bad", AuthorizationType=kind, AuthParameters=parameters)[0]
        assert code == "ValidationException"


def calling(server: RunningServer, port: int) -> Any:
    """A rule that calls a port of this machine, and the client of its server."""
    events = server.boto("events")
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=KEY)["ConnectionArn"]
    arn = events.create_api_destination(
        Name="d", ConnectionArn=connection, HttpMethod="POST", InvocationEndpoint=f"http://127.0.0.1:{port}/hook"
    )["ApiDestinationArn"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["tests"]}))
    targets = [{"Id": "hook", "Arn": arn, "InputPath": "$.detail", "RetryPolicy": {"MaximumRetryAttempts": 3}}]
    assert events.put_targets(Rule="r", Targets=targets)["FailedEntryCount"] == 0
    events.put_events(
        Entries=[{"Source": "tests", "DetailType": "t", "Detail": json.dumps({"n": n})} for n in range(3)]
    )
    return events


def test_a_rule_calls_a_url_again_until_it_answers(
    server_with: Callable[..., RunningServer], receiver: tuple[int, type[Receiver]]
) -> None:
    port, handler = receiver
    calling(server_with(SAGEWRIGHT_HOOK_NETWORKS="any"), port)
    deadline = time.monotonic() + 30
    while len(handler.received) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [json.loads(body)["n"] for _, body in handler.received] == [0, 0, 1, 2]
    for headers, body in handler.received:
        assert headers["X-Key"] == "s3cret"
        at_s = int(headers["X-Sagewright-Signature"].split(",")[0].removeprefix("t="))
        assert headers["X-Sagewright-Signature"] == signature("s3cret", at_s, body)
    first, second = (headers["X-Sagewright-Event-Id"] for headers, _ in handler.received[:2])
    assert first == second


def test_a_rule_does_not_reach_this_machine_by_itself(
    server_with: Callable[..., RunningServer], receiver: tuple[int, type[Receiver]]
) -> None:
    port, handler = receiver
    server = server_with()
    calling(server, port)
    logs, lines = server.boto("logs"), list[str]()
    deadline = time.monotonic() + 30
    while len(lines) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        try:
            lines = [
                one["message"] for one in logs.filter_log_events(logGroupName="/aws/events/dead-letters")["events"]
            ]
        except logs.exceptions.ResourceNotFoundException:
            continue
    assert all("hook_networks" in json.loads(line)["ERROR_MESSAGE"] for line in lines)
    assert handler.received == []
