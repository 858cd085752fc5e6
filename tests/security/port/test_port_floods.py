"""Floods by clients without a key: connections, requests, guesses."""

from __future__ import annotations

import base64
import statistics
import threading
import time
from collections.abc import Callable

import pytest
from tests.security.port.conftest import BUCKET, PATIENCE_S, Meanwhile, Siege, ended, status
from tests.security.port.fuzzing.client import Client, Request, sign

HOST = b"host: 127.0.0.1\r\n"
ASKED = b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: SageMaker.ListTrainingJobs\r\ncontent-length: 2\r\n\r\n{}"


def connections(siege: Siege) -> None:
    """More than a stranger may have: old ones make room for new ones."""
    for _ in range(1500):
        siege.connect()


def heads_that_stop(siege: Siege) -> None:
    for _ in range(1200):
        siege.send(b"GET / HTTP/1.1\r\nx: y")


def connections_opened_and_left(siege: Siege) -> None:
    for _ in range(3000):
        siege.connect().close()
    siege.sockets.clear()


def bodies_up_to_what_is_read(siege: Siege) -> None:
    """60 KiB each of a stranger's body are read: on 1,200 connections more than all of them together may hold."""
    body = (
        b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: SageMaker.ListTrainingJobs\r\ncontent-length: 61000\r\n\r\n"
        + bytes(60_000)
    )
    for _ in range(1200):
        siege.send(body)


def requests_sent_ahead(siege: Siege) -> None:
    """Tens of thousands on a connection, without a look at the answers."""
    for line in (b"GET / HTTP/1.1\r\n\r\n", ASKED, b"GET /_sagewright/health HTTP/1.1\r\nhost: x\r\n\r\n"):
        for _ in range(20):
            made = siege.connect()
            made.setblocking(False)
            left = line * 20_000
            try:
                while left:
                    left = left[made.send(left) :]
            except OSError:
                pass


def answers_that_nobody_reads(siege: Siege) -> None:
    for _ in range(50):
        made = siege.send(ASKED * 20)
        for _ in range(50):
            if not siege.push(made, ASKED) or ended(made):
                break


def flood(request: bytes, wanted: set[int], seconds: float = 2, clients: int = 16) -> Callable[[Siege], None]:
    """The same request again and again, by several at once."""

    def attempt(siege: Siege) -> None:
        end, faults = time.monotonic() + seconds, []

        def work() -> None:
            client = Client(*siege.address)
            while time.monotonic() < end:
                try:
                    found = client.ask(request).status
                except Exception as error:
                    faults.append(repr(error))
                    break
                if found not in wanted:
                    faults.append(str(found))
            client.close()

        threads = [threading.Thread(target=work) for _ in range(clients)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert not faults, faults[:3]

    return attempt


def signed(key: str, body: bytes = b"{}") -> bytes:
    request = Request(
        b"POST", b"/", headers=[(b"host", b"x"), (b"x-amz-target", b"SageMaker.ListTrainingJobs")], body=body
    )
    sign(request, (key, "no secret"), "sagemaker")
    return request.wire()


BASIC = base64.b64encode(b"AWS:" + base64.urlsafe_b64encode(b'["AKIAAAAAAAAAAAAAAAAA",99999999999999,"x"]'))


def line(text: str, *more: str, body: str = "") -> bytes:
    """A request, of which `text` is the method and the target."""
    lines = [f"{text} HTTP/1.1", "host: x", *more, f"content-length: {len(body)}"]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


FORM, LOGIN = "content-type: multipart/form-data; boundary=B", "content-type: application/x-www-form-urlencoded"
PREFLIGHT = ("origin: a", "access-control-request-method: PUT")
LINK = f"/{BUCKET}/x?AWSAccessKeyId=AKIAAAAAAAAAAAAAAAAA&Expires=9999999999&Signature=x"
FLOODS = {
    "of nobody": flood(ASKED, {400}),
    "of an unknown key": flood(signed("AKIAAAAAAAAAAAAAAAAA"), {400}),
    "of forged links": flood(line(f"GET {LINK}"), {403}),
    "of anybody's objects": flood(line(f"GET /{BUCKET}/kept"), {403}),
    "of anybody's lists": flood(line(f"GET /{BUCKET}?list-type=2"), {403, 503}, clients=64),
    "of preflights": flood(line(f"OPTIONS /{BUCKET}/x", *PREFLIGHT), {403, 503}, clients=64),
    "of passwords of the registry": flood(line("GET /v2/", f"authorization: Basic {BASIC.decode()}"), {401}),
    "of hosts' tokens": flood(
        line("POST /_sagewright/hosts/h/report", "authorization: Bearer guess", body="{}"), {200}
    ),
    "of parts": flood(line("GET /_sagewright/hosts/h/parts/model/algo-1"), {403}),
    "of forms": flood(line(f"POST /{BUCKET}", FORM, body="--B--"), {400}),
    "of logins": flood(line("POST /", LOGIN, body="Action=GetCallerIdentity&Version=2011-06-15"), {403}),
    "of health": flood(line("GET /_sagewright/health"), {200}),
}


def what_a_wrong_secret_and_no_key_take(siege: Siege) -> None:
    """Whether a key exists can't be told from how long its refusal takes, beyond what a network hides."""
    known = siege.server.key()[0]
    client = Client(*siege.address)
    took: dict[str, list[float]] = {known: [], "AKIAAAAAAAAAAAAAAAAA": []}
    for _ in range(300):
        for key, times in took.items():
            request = signed(key)
            begin = time.perf_counter()
            assert client.ask(request).status == 400
            times.append(time.perf_counter() - begin)
    client.close()
    medians = [statistics.median(times) for times in took.values()]
    assert abs(medians[0] - medians[1]) < 0.001


def tokens_guessed(siege: Siege) -> None:
    """A host's token by its beginning, its length, its absence, in other forms: none gets further than another."""
    for token in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic x",
        "Bearer \xe9",
        "Bearer " + "a" * 8000,
        "bearer x",
        "Bearer null",
    ):
        line = b"authorization: " + token.encode("latin-1") + b"\r\n"
        for method, path in ((b"POST", b"objects"), (b"PUT", b"parts/model"), (b"GET", b"parts/model/algo-1")):
            head = (
                method
                + b" /_sagewright/hosts/%27%20OR%201=1/"
                + path
                + b" HTTP/1.1\r\n"
                + HOST
                + line
                + b"content-length: 2\r\n\r\n{}"
            )
            assert siege.status(head) == 403


ATTEMPTS = [
    connections, heads_that_stop, connections_opened_and_left, bodies_up_to_what_is_read, requests_sent_ahead,
    answers_that_nobody_reads, what_a_wrong_secret_and_no_key_take, tokens_guessed,
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_somebody_without_a_key_sends(siege: Siege, attempt: Callable[[Siege], None]) -> None:
    with Meanwhile(siege):
        attempt(siege)
        time.sleep(1)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", FLOODS)
def test_floods(siege: Siege, kind: str) -> None:
    with Meanwhile(siege):
        FLOODS[kind](siege)


def test_a_stranger_s_connections_end(siege: Siege) -> None:
    """All of them, as many as there may be."""
    silent = [siege.connect() for _ in range(900)]
    time.sleep(PATIENCE_S + 3)
    assert sum(not ended(one) for one in silent) == 0
    assert status(siege.send(ASKED)) == 400
