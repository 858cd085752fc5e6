"""The server itself: workers that die, hang and end, streams, large bodies, and invalid HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from modelserver import Answer
from serving.conftest import Served

ECHO = """
    def model_fn(model_dir):
        return "model of " + model_dir.rpartition("/")[2]
"""
LATE = """
    import time
    def model_fn(model_dir):
        return None
    def transform_fn(model, data, content_type, accept):
        time.sleep({s})
        return data
"""
SLOW = """
    import os, time
    def model_fn(model_dir):
        return None
    def transform_fn(model, data, content_type, accept):
        time.sleep(float(data))
        return str(os.getpid())
"""


def in_threads(count: int, call: Callable[[], Answer]) -> list[Answer]:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_ping_is_answered_while_a_prediction_takes_its_time(serve: Served) -> None:
    server = serve(SLOW)
    thread = threading.Thread(target=server.invoke, args=(b"1.5", "text/plain"))
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert server.ask("GET", "/ping").status == 200
    assert time.monotonic() - began < 1.0
    thread.join()


def test_connections_go_to_the_worker_that_is_free(serve: Served) -> None:
    server = serve(SLOW, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    assert len(server.workers()) == 2
    answers = in_threads(2, lambda: server.invoke(b"1", "text/plain"))
    assert {int(answer.body) for answer in answers} == set(server.workers())


def test_a_worker_that_is_killed_is_replaced_and_the_other_goes_on(serve: Served) -> None:
    server = serve(SLOW, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    before = server.workers()

    os.kill(before[0], signal.SIGKILL)
    answers = [server.invoke(b"0", "text/plain") for _ in range(20)]
    assert all(answer.status == 200 for answer in answers)
    deadline = time.monotonic() + 20
    while len(server.workers()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(set(server.workers()) - {before[0]}) == 2
    assert "A worker ended with signal 9; another one replaces it." in server.log


def test_the_only_worker_that_is_killed_keeps_nobody_waiting_for_ever(serve: Served) -> None:
    server = serve(SLOW)

    os.kill(server.workers()[0], signal.SIGKILL)
    assert server.invoke(b"0", "text/plain").status == 200


def test_a_request_that_takes_too_long_costs_its_worker(serve: Served) -> None:
    server = serve(SLOW, SAGEMAKER_MODEL_SERVER_TIMEOUT="1")
    (before,) = server.workers()
    answer = server.invoke(b"60", "text/plain")
    assert answer.status == 500
    assert json.loads(answer.body)["message"].startswith("The model did not answer within 1 seconds")
    assert int(server.invoke(b"0", "text/plain").body) != before
    assert "in transform_fn" in server.log  # where it was


def test_sigterm_answers_what_has_come_and_ends_with_0(serve: Served) -> None:
    server = serve(SLOW, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(server.invoke(b"0.8", "text/plain"))) for _ in range(2)]
    idle = server.connection()
    assert idle.ask("GET", "/ping").status == 200
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200, 200]
    idle.close()


def test_sigterm_ends_a_server_that_is_still_loading(serve: Served) -> None:
    server = serve.start(
        "import time\nprint('begun', flush=True)\ntime.sleep(600)\n", SAGEMAKER_MODEL_SERVER_WORKERS="2"
    )
    deadline = time.monotonic() + 30
    while server.log.count("begun") < 2:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)
    waiting = server.ask("GET", "/ping")
    assert waiting.status == 503
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5


def test_a_prediction_that_never_ends_does_not_hold_up_the_end(serve: Served) -> None:
    server = serve(SLOW, SAGEMAKER_MODEL_SERVER_TIMEOUT="0")
    client = server.connection()
    client.request("POST", "/invocations", b"1000", {"Content-Type": "text/plain"})
    time.sleep(0.3)
    assert server.stop() == 0
    client.close()


STREAM = (
    ECHO
    + """
    import time
    def predict_fn(data, model):
        def parts():
            for number in range(int(data.sum())):
                yield f"part {number};"
                time.sleep(0.3)
                if number == 4: raise RuntimeError("broken")
        return parts()
"""
)


WAITING = (
    ECHO
    + """
    import os, time
    def predict_fn(data, model):
        for number in range(int(data.sum())):
            yield f"part {number};"
            while not os.path.exists(f"PLACE/read-{number}"):
                time.sleep(0.01)
"""
)


def test_a_generator_is_a_stream_of_parts_as_they_come(serve: Served, tmp_path: Path) -> None:
    with closing(serve(WAITING.replace("PLACE", str(tmp_path))).connection()) as client:
        client.request("POST", "/invocations", b"[3]", {"Content-Type": "application/json", "Accept": "text/plain"})
        answer = client.getresponse()
        for number in range(3):
            assert answer.read(7) == f"part {number};".encode()
            (tmp_path / f"read-{number}").touch()  # the next part is not made before
        assert answer.read() == b""
        assert answer.getheader("transfer-encoding") == "chunked"
        assert client.invoke(b"[1]").body == b"part 0;"  # on the same connection


def test_a_stream_that_breaks_is_not_taken_for_a_whole_one(serve: Served) -> None:
    server = serve(STREAM)
    with pytest.raises(Exception, match="IncompleteRead"):
        server.invoke(b"[9]")
    assert "RuntimeError: broken" in server.log
    assert server.invoke(b"[1]").body == b"part 0;"


def test_a_client_that_leaves_ends_its_stream(serve: Served) -> None:
    server = serve(STREAM.replace("number == 4", "False"))
    client = server.connection()
    client.request("POST", "/invocations", b"[100]", {"Content-Type": "application/json"})
    client.getresponse().read(7)
    client.close()
    began = time.monotonic()
    assert server.invoke(b"[1]").status == 200
    assert time.monotonic() - began < 5


def test_bodies_of_many_megabytes(serve: Served) -> None:
    server = serve(ECHO + "    def transform_fn(model, data, content_type, accept): return data * 2\n")
    body = bytes(24 << 20)
    answer = server.invoke(body, "application/octet-stream")
    assert (answer.status, len(answer.body)) == (200, 48 << 20)
    client = server.connection()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(3):  # refused by its length, before it is sent
            client.request("POST", "/invocations", bytes(26 << 20), {"Content-Type": "x/y"})
            assert client.getresponse().status == 413
            raise BrokenPipeError
    client.close()
    assert server.invoke(b"ab", "x/y").body == b"abab"


def test_batch_transform_may_send_what_it_says(serve: Served) -> None:
    script = ECHO + "    def transform_fn(model, data, content_type, accept): return str(len(data))\n"
    server = serve(script, SAGEMAKER_BATCH="true", SAGEMAKER_MAX_PAYLOAD_IN_MB="40")
    assert server.invoke(bytes(40 << 20), "x/y").body == str(40 << 20).encode()


@pytest.mark.parametrize(
    "sent",
    [
        b"NONSENSE\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_harms_nobody(serve: Served, sent: bytes) -> None:
    server = serve(ECHO)
    client = server.connection()
    client.connect()
    assert isinstance(client.sock, socket.socket)
    client.sock.sendall(sent)
    assert client.sock.recv(9)[:9] == b"HTTP/1.1 "
    client.close()
    assert server.ask("GET", "/ping").status == 200


def test_requests_in_a_row_on_one_connection_are_answered_in_their_order(serve: Served) -> None:
    server = serve(ECHO + "    def transform_fn(model, data, content_type, accept): return data\n")
    client = server.connection()
    client.connect()
    client.sock.sendall(
        b"".join(b"POST /invocations HTTP/1.1\r\ncontent-length: 1\r\n\r\n%d" % number for number in range(9))
    )
    got = b""
    while got.count(b"\r\n\r\n") < 9 or not got.endswith(b"8"):
        got += client.sock.recv(1 << 16)
    assert [part[:1] for part in got.split(b"\r\n\r\n")[1:]] == [b"%d" % number for number in range(9)]
    client.close()


def test_a_client_that_has_closed_its_side_gets_all_its_answers(serve: Served) -> None:
    server = serve(LATE.format(s=0.05))
    client = server.connection()
    client.connect()
    for number in range(3):  # one in progress, one that arrives meanwhile, and a last one
        client.sock.sendall(b"POST /invocations HTTP/1.1\r\ncontent-length: 1\r\n\r\n%d" % number)
        time.sleep(0.01)
    client.sock.shutdown(socket.SHUT_WR)
    got = b""
    while part := client.sock.recv(1 << 16):
        got += part
    assert [part[:1] for part in got.split(b"\r\n\r\n")[1:]] == [b"0", b"1", b"2"]
    client.close()


def test_what_is_sent_before_an_answer_is_left_to_the_kernel(serve: Served) -> None:
    server = serve(LATE.format(s=3))
    with closing(server.connection()) as client:
        client.connect()
        client.sock.sendall(b"POST /invocations HTTP/1.1\r\ncontent-length: 1\r\n\r\n1")
        time.sleep(0.2)
        client.sock.setblocking(False)
        taken = 0
        head = b"POST /invocations HTTP/1.1\r\ncontent-length: 9000000\r\n\r\n"
        for part in [head, *[bytes(1 << 16)] * 400]:
            with contextlib.suppress(BlockingIOError):
                taken += client.sock.send(part)
            if select.select([client.sock], [], [], 0.001)[0]:  # answered: from here on it is read
                break
        assert taken < 4_000_000  # buffers of sockets, not of the server


def test_a_port_where_no_socket_is_named(serve: Served) -> None:

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(ECHO, SAGEWRIGHT_SERVE_SOCKET="", SAGEMAKER_BIND_TO_PORT=str(port))
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
                assert answer.status == 200
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_stale_socket_is_replaced(serve: Served, tmp_path: Path) -> None:
    place = tmp_path / "ml" / "serving" / "http.sock"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    assert serve(ECHO).ask("GET", "/ping").status == 200
