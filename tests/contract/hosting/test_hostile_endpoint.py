"""An endpoint whose container answers as it likes: it costs itself its requests, and nobody else theirs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from tests.hosting import Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

HOSTILE = r"""
    import os, socket, threading, time

    FINE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"
    CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def act(one, how):
        if how == "stall":
            one.sendall(CHUNKED + b"4\r\nfine\r\n")
            time.sleep(3600)
        elif how == "header":
            one.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                one.sendall(b"x" * 65536)
        elif how == "refusal":
            one.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        elif how == "status":
            one.sendall(b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n")
        else:
            one.sendall(FINE)

    def serve(one):
        with one:
            while True:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = one.recv(65536)
                    if not more:
                        return
                    data += more
                lines = data.split(b"\r\n\r\n")[0].lower().split(b"\r\n")
                headers = dict(line.split(b": ", 1) for line in lines[1:])
                left = int(headers.get(b"content-length", b"0")) - len(data.split(b"\r\n\r\n", 1)[1])
                while left > 0:
                    left -= len(one.recv(65536))
                act(one, headers.get(b"x-amzn-sagemaker-custom-attributes", b"").decode())

    def listen(listener):
        while True:
            one, _ = listener.accept()
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    def model_fn(directory):
        path = os.environ["SAGEWRIGHT_SERVE_SOCKET"]
        os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(128)
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        return "hostile"
"""
STREAMS = 70
"""More than there are connections to one container."""


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        made.endpoint("hostile", made.variant("v", made.model("hostile", HOSTILE)))
        made.endpoint("bystander", made.variant("v", made.model("bystander")))
        assert made.ask("hostile") == "fine"
        yield made


def begin(hosting: Hosting, how: str) -> Any:
    return hosting.runtime.invoke_endpoint_with_response_stream(EndpointName="hostile", Body=b"x", CustomAttributes=how)


def test_a_stream_whose_client_leaves_gives_its_place_back(hosting: Hosting) -> None:
    for _ in range(STREAMS):
        answer = begin(hosting, "stall")
        assert next(iter(answer["Body"]))["PayloadPart"]["Bytes"] == b"fine"
        answer["Body"].close()
    started = time.monotonic()
    assert hosting.ask("hostile") == "fine"
    assert time.monotonic() - started < 20


def test_an_invocation_whose_client_leaves_gives_its_place_back(hosting: Hosting, server: RunningServer) -> None:
    config = Config(read_timeout=0.3, retries={"total_max_attempts": 1}, max_pool_connections=STREAMS)
    impatient = server.boto("sagemaker-runtime", config=config)

    def leave(_number: int) -> None:
        with pytest.raises(ReadTimeoutError):
            impatient.invoke_endpoint(EndpointName="hostile", Body=b"x", CustomAttributes="stall")

    with ThreadPoolExecutor(STREAMS) as pool:
        list(pool.map(leave, range(STREAMS)))
    started = time.monotonic()
    assert hosting.ask("hostile") == "fine"
    assert time.monotonic() - started < 20


def test_a_large_refusal_of_a_stream_is_told(hosting: Hosting) -> None:
    with pytest.raises(ClientError) as caught:
        begin(hosting, "refusal")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 400  # type: ignore[typeddict-item]


def test_an_answer_with_an_impossible_status_ends_at_once(hosting: Hosting) -> None:
    started = time.monotonic()
    with pytest.raises(ClientError) as caught:
        hosting.ask("hostile", CustomAttributes="status")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert time.monotonic() - started < 20


def test_headers_without_end_cost_the_others_nothing(hosting: Hosting) -> None:
    over = threading.Event()

    def attack(_number: int) -> int:
        count = 0
        while not over.is_set():
            with pytest.raises(ClientError) as caught:
                hosting.ask("hostile", CustomAttributes="header")
            assert caught.value.response["Error"]["Code"] == "ModelError", caught.value
            count += 1
        return count

    hosting.ask("bystander")
    with ThreadPoolExecutor(4) as pool:
        attacks = [pool.submit(attack, number) for number in range(4)]
        times = []
        try:
            for _ in range(40):
                started = time.monotonic()
                assert hosting.ask("bystander") == "bystander x"
                times.append(time.monotonic() - started)
        finally:
            over.set()
        counts = [one.result() for one in attacks]
    assert all(counts), counts
    assert sorted(times)[len(times) // 2] < 1
    assert max(times) < 5
