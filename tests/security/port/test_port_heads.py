"""Attacks before a request is complete, by clients without a key: its line, its headers, its framing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.security.port.conftest import BUCKET, PATIENCE_S, Meanwhile, Siege, ended, ends, status

SOON_S = PATIENCE_S + 6
HOST = b"host: x\r\n"
MIB = bytes(1024 * 1024).replace(b"\0", b"a")


def endless(siege: Siege, begun: bytes, more: bytes, most: int = 64) -> None:
    """Much more than a head may have: the server hangs up long before it has all of it."""
    made, sent = siege.send(begun), 0
    begin = time.monotonic()
    while sent < most and siege.push(made, more) and not ended(made):
        sent += 1
    assert sent < most
    assert time.monotonic() - begin < SOON_S


def a_header_without_end(siege: Siege) -> None:
    endless(siege, b"GET / HTTP/1.1\r\nx: ", MIB)


def a_header_without_end_in_small_pieces(siege: Siege) -> None:
    endless(siege, b"GET / HTTP/1.1\r\nx: ", b"a" * 1000, 5000)


def a_header_name_without_end(siege: Siege) -> None:
    endless(siege, b"GET / HTTP/1.1\r\n", MIB)


def headers_without_end(siege: Siege) -> None:
    endless(siege, b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 20_000)


def a_target_without_end(siege: Siege) -> None:
    endless(siege, b"GET /", MIB)


def a_method_without_end(siege: Siege) -> None:
    endless(siege, b"P", b"O" * 100_000)


def empty_lines_without_end(siege: Siege) -> None:
    endless(siege, b"", b"\r\n" * 100_000)


def a_large_head(siege: Siege) -> None:
    assert siege.status(b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n") == 431


def many_headers(siege: Siege) -> None:
    assert siege.status(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 1000 + b"\r\n") == 431


def slow_heads(siege: Siege) -> None:
    """A byte now and then, on many connections: each is refused for taking too long."""
    slow = [siege.send(b"GET / HTTP/1.1\r\nx: ") for _ in range(100)]
    deadline = time.monotonic() + SOON_S
    while slow and time.monotonic() < deadline:
        slow = [one for one in slow if siege.push(one, b"a") and not ended(one)]
        time.sleep(0.1)
    assert not slow


def silence(siege: Siege) -> None:
    silent = [siege.connect() for _ in range(100)]
    assert all(ends(one, SOON_S) for one in silent)


def an_empty_line_now_and_then(siege: Siege) -> None:
    assert siege.drip(siege.connect(), b"\r\n", SOON_S + 5) < SOON_S


def a_head_that_stops(siege: Siege) -> None:
    made = siege.send(b"GET / HTTP/1.1\r\nhost: x\r\n")
    assert status(made) == 408
    assert ends(made, 5)


def refused(*heads: bytes) -> Callable[[Siege], None]:
    """Requests of which it isn't clear where they end: one answer that refuses, and no second one."""

    def attempt(siege: Siege) -> None:
        for head in heads:
            made = siege.send(head + b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
            assert status(made) in {400, 403, 405, 408, 411, 501}, head
            assert ends(made, SOON_S), head

    return attempt


LENGTH, CHUNKED = b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
two_lengths = refused(POST + LENGTH + b"content-length: 6\r\n\r\nabcde", POST + b"content-length: 5, 5\r\n\r\nabcde")
a_length_and_chunks = refused(
    POST + LENGTH + CHUNKED + b"\r\n0\r\n\r\n", POST + CHUNKED + LENGTH + b"\r\n0\r\n\r\n",
)  # fmt: skip
odd_codings = refused(
    POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", POST + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
)  # fmt: skip
odd_lengths = refused(
    POST + b"content-length: -1\r\n\r\n", POST + b"content-length: +5\r\n\r\nabcde", POST + b"content-length: 5 5\r\n\r\n",
    POST + b"content-length: 0x5\r\n\r\nabcde", POST + b"content-length: 99999999999999999999999\r\n\r\n",
    POST + b"content-length: \xb2\r\n\r\n",
)  # fmt: skip
folded_headers = refused(POST + b"x: y\r\n z\r\n\r\n", POST + b"content-length: 5\r\n 5\r\n\r\nabcde")
odd_chunks = refused(
    POST + CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n", POST + CHUNKED + b"\r\n-1\r\n\r\n",
    POST + CHUNKED + b"\r\nfffffffffffffffff\r\n", POST + CHUNKED + b"\r\n3\r\nabcde\r\n0\r\n\r\n",
)  # fmt: skip
odd_lines = refused(
    b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    b"GET / HTTP/1.1\r\nx\x00y: z\r\n\r\n", b"GET / HTTP/1.1\r\nx: y\x00z\r\n\r\n", b"GET / HTTP/1.1\r\n: y\r\n\r\n",
)  # fmt: skip


def tunnels(siege: Siege) -> None:
    assert siege.status(b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n") == 405
    assert siege.status(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 400


def another_protocol(siege: Siege) -> None:
    """An offer to change it is passed over; what follows is the body, and no request of its own."""
    for offer in (b"websocket", b"h2c"):
        inner = b"GET /_sagewright/health HTTP/1.1\r\nhost: x\r\n\r\n"
        head = POST + b"connection: Upgrade\r\nupgrade: " + offer + b"\r\ncontent-length: %d\r\n\r\n" % len(inner)
        made = siege.send(head + inner)
        time.sleep(0.5)
        answers = made.recv(65536)
        assert answers.count(b"HTTP/1.1 ") == 1
        assert not answers.startswith(b"HTTP/1.1 101")
        assert b'"ok"' not in answers


def headers_behind_the_body(siege: Siege) -> None:
    """A trailer does not count as a header: credentials and targets in it are ignored."""
    target = b"x-amz-target: SageMaker.ListTrainingJobs\r\n"
    made = siege.send(POST + CHUNKED + b"\r\n0\r\n" + target + b"authorization: AWS4-HMAC-SHA256 x\r\n\r\n")
    time.sleep(0.3)
    answer = made.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"IncompleteSignature" not in answer
    assert b"x-amz-json" not in answer


def headers_behind_the_body_without_end(siege: Siege) -> None:
    made = siege.send(
        b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: SageMaker.ListTrainingJobs\r\n" + CHUNKED + b"\r\n0\r\n"
    )
    assert siege.drip(made, b"x: " + b"y" * 60_000 + b"\r\n", SOON_S + 5, 0.01) < SOON_S


def odd_targets(siege: Siege) -> None:
    paths = (
        b"http://other/_sagewright/health", b"*", b"//", b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/%00", b"/%",
        b"/?" + b"a=b&" * 5000, b"/" + b"a/" * 20_000, b"/%5fsagewright/hosts/x/report", b"/_sagewright/../v2/", b"/v2/../../x",
        b"/_sagewright//hosts", b"/./_sagewright/health", b"/_SAGEWRIGHT/health", b"/v2/%2e%2e/blobs/uploads/",
    )  # fmt: skip
    for path in paths:
        for method in (b"GET", b"PUT", b"POST", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND", b"TRACE"):
            found = siege.status(method + b" " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            assert found is not None, (method, path)
            assert found < 500, (method, path)
            if method != b"OPTIONS" and not path.endswith((b"/health", b"/report")):
                assert found >= 300, (method, path)


def two_hosts(siege: Siege) -> None:
    head = f"GET /x HTTP/1.1\r\nhost: {BUCKET}.localhost\r\nhost: other.localhost\r\n\r\n".encode()
    assert siege.status(head) == 400


def what_is_signed_sent_twice(siege: Siege) -> None:
    """One could be checked and the other read."""
    for name in (b"authorization", b"content-type", b"x-amz-date", b"x-amz-content-sha256", b"x-amz-target"):
        made = siege.send(POST + b"content-length: 0\r\n" + (name + b": a\r\n") * 2 + b"\r\n")
        answer = made.recv(65536)
        assert answer.startswith(b"HTTP/1.1 400"), name
        assert b"The header " + name + b" was sent twice." in answer, name


ATTEMPTS = [
    a_header_without_end, a_header_without_end_in_small_pieces, a_header_name_without_end, headers_without_end,
    a_target_without_end, a_method_without_end, empty_lines_without_end, a_large_head, many_headers, slow_heads, silence,
    an_empty_line_now_and_then, a_head_that_stops, tunnels, another_protocol, headers_behind_the_body,
    headers_behind_the_body_without_end, odd_targets, two_hosts, what_is_signed_sent_twice,
]  # fmt: skip
FRAMINGS = {
    "two_lengths": two_lengths, "a_length_and_chunks": a_length_and_chunks, "odd_codings": odd_codings,
    "odd_lengths": odd_lengths, "folded_headers": folded_headers, "odd_chunks": odd_chunks, "odd_lines": odd_lines,
}  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_somebody_without_a_key_sends(siege: Siege, attempt: Callable[[Siege], None]) -> None:
    with Meanwhile(siege):
        attempt(siege)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_nobody_can_tell_where_it_ends(siege: Siege, framing: str) -> None:
    with Meanwhile(siege):
        FRAMINGS[framing](siege)
