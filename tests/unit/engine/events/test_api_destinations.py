"""API destinations: what is sent, what answers mean, and what hostile ones can't do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sagewright.engine.events import api_destinations
from sagewright.engine.events.api_destinations import (
    CONNECTION,
    DESTINATION,
    Hooks,
    allowed,
    connection_arn,
    destination_arn,
    sealed_auth,
    signature,
)
from sagewright.engine.events.rules import EventRule
from sagewright.engine.events.targets import TargetMessage, Undeliverable
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

SCOPE = ("000000000000", "us-east-1")
KEY = {
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}},
}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Listener:
    """A server of one connection at a time. `answers`: the answer to each, as bytes or as what is done with the socket."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self.answers, self.requests = list(answers), list[bytes]()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while self.answers:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(read(connection))
                answer = self.answers.pop(0)
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)


def read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def listening(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[Listener]:
    made = Listener(*answers)
    made.thread.start()
    yield made
    made.socket.close()


def sealed(store: Database, connection: dict[str, Any]) -> dict[str, Any]:
    """A connection as it is stored under the name that `make` gives it."""
    kept = {name: value for name, value in connection.items() if name != "AuthParameters"}
    text = sealed_auth(store, ResourceScope(CONNECTION, *SCOPE), "n", connection["AuthParameters"])
    return kept | {"SealedAuthParameters": text}


def make(store: Database, kind: str, document: dict[str, Any]) -> Resource:
    return resources.create(store, ResourceScope(kind, *SCOPE), New("n", document, "", {}))


def message(
    store: Database, url: str, method: str = "POST", connection: dict[str, Any] | None = None, **http: Any
) -> TargetMessage:
    made = make(store, CONNECTION, sealed(store, connection or KEY))
    document = {"ConnectionArn": connection_arn(made), "InvocationEndpoint": url, "HttpMethod": method}
    target = {"Id": "t", "Arn": destination_arn(make(store, DESTINATION, document)), "HttpParameters": http}
    rule = EventRule(Resource("id", "event-rule", *SCOPE, "r", 0, "", "ENABLED", 0, 0, {}))
    return TargetMessage(rule, target, {"id": "e-1"}, '{"a": 1}')


def test_a_request_has_the_key_and_a_signature_that_its_owner_can_check(database: Database) -> None:
    with listening(OK) as there:
        shared = {
            "HeaderParameters": [{"Key": "X-Team", "Value": "ml"}],
            "QueryStringParameters": [{"Key": "a", "Value": "b c"}],
        }
        connection = {**KEY, "AuthParameters": {**KEY["AuthParameters"], "InvocationHttpParameters": shared}}  # type: ignore[dict-item]
        url = f"http://127.0.0.1:{there.port}/hooks/*/end?x=y"
        sent = message(
            database, url, connection=connection, PathParameterValues=["one/two"], HeaderParameters={"X-Own": "1"}
        )
        Hooks(database, "any").send(sent)
    head, _, body = there.requests[0].decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == "POST /hooks/one%2Ftwo/end?x=y&a=b+c HTTP/1.1"
    assert json.loads(body) == {"a": 1}
    assert (headers["X-Key"], headers["X-Team"], headers["X-Own"], headers["X-Sagewright-Event-Id"]) == (
        "s3cret",
        "ml",
        "1",
        "e-1",
    )
    at_s = int(headers["X-Sagewright-Signature"].split(",")[0].removeprefix("t="))
    assert abs(at_s - time.time()) < 60
    assert headers["X-Sagewright-Signature"] == signature("s3cret", at_s, body.encode())
    assert signature("other", at_s, body.encode()) != signature("s3cret", at_s, body.encode())


def test_a_name_and_a_password(database: Database) -> None:
    basic = {
        "AuthorizationType": "BASIC",
        "AuthParameters": {"BasicAuthParameters": {"Username": "u", "Password": "p"}},
    }
    with listening(OK) as there:
        Hooks(database, "any").send(message(database, f"http://127.0.0.1:{there.port}", "PUT", basic))
    assert b"Authorization: Basic dTpw\r\n" in there.requests[0]
    assert there.requests[0].startswith(b"PUT / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (400, False), (404, False), (302, False)]
)
def test_what_an_answer_means(database: Database, status: int, again: bool) -> None:
    where = b"Location: http://127.0.0.1:1/\r\n" if status == 302 else b""
    answer = f"HTTP/1.1 {status} x\r\n".encode() + where + b"Content-Length: 0\r\n\r\n"
    with listening(answer) as there, pytest.raises(Undeliverable) as caught:
        Hooks(database, "any").send(message(database, f"http://127.0.0.1:{there.port}"))
    assert (caught.value.again, str(status) in str(caught.value)) == (again, True)
    assert len(there.requests) == 1


def drip(connection: socket.socket) -> None:
    """A header line that never ends."""
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


def flood(connection: socket.socket) -> None:
    """A body without an end."""
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        return


def test_no_destination_takes_longer_than_its_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_destinations, "TOTAL_S", 1.0)
    with listening(drip) as there:
        begun = time.monotonic()
        with pytest.raises(Undeliverable, match="did not answer in 1 s") as caught:
            Hooks(database, "any").send(message(database, f"http://127.0.0.1:{there.port}"))
        assert caught.value.again
        assert time.monotonic() - begun < 20


def test_nothing_of_a_body_is_read(database: Database) -> None:
    with listening(flood) as there:
        begun = time.monotonic()
        Hooks(database, "any").send(message(database, f"http://127.0.0.1:{there.port}"))
        assert time.monotonic() - begun < 20


def test_nobody_there_is_trouble(database: Database) -> None:
    with listening() as there:
        port = there.port
    with pytest.raises(Undeliverable) as caught:
        Hooks(database, "any").send(message(database, f"http://127.0.0.1:{port}"))
    assert caught.value.again


def test_what_is_no_https_is_not_taken_for_it(database: Database) -> None:
    there = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = there.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(OK)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(Undeliverable):
        Hooks(database, "any").send(message(database, f"https://127.0.0.1:{there.getsockname()[1]}"))
    thread.join()
    there.close()


@pytest.mark.parametrize(("address", "public", "any_"), [
    ("127.0.0.1", False, True), ("10.1.2.3", False, True), ("192.168.0.1", False, True), ("::1", False, True),
    ("::ffff:127.0.0.1", False, True), ("169.254.169.254", False, False), ("::ffff:169.254.169.254", False, False),
    ("fe80::1%eth0", False, False), ("0.0.0.0", False, False), ("::", False, False), ("224.0.0.1", False, False),
    ("8.8.8.8", True, True), ("2606:4700::1111", True, True), ("100.64.0.1", False, True),
])  # fmt: skip
def test_which_addresses_are_allowed(address: str, public: bool, any_: bool) -> None:
    assert (allowed(address, "public"), allowed(address, "any")) == (public, any_)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_asked_unless_the_setting_says_so(database: Database, host: str) -> None:
    with listening(OK) as there:
        with pytest.raises(Undeliverable) as caught:
            Hooks(database, "public").send(message(database, f"http://{host}:{there.port}/"))
        assert not caught.value.again or "could not be asked" in str(caught.value)
    assert there.requests == []
