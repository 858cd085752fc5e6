"""Script mode's server: the functions that AWS's toolkits know, what they get and give, and what goes wrong in them."""

from __future__ import annotations

import io
import json
import pickle
import signal
import socket
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelserver import Answer, ModelServer
from sklearn.ensemble import RandomForestClassifier

Start = Callable[..., ModelServer]
ECHO = """
    def model_fn(model_dir):
        return "model of " + model_dir.rpartition("/")[2]
"""


def numpy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


class Served:
    """`serve("the script")` starts it and waits for it."""

    def __init__(self, tmp_path: Path, start: Start) -> None:
        self.model = tmp_path / "ml" / "model"
        self.code = self.model / "code"
        self.code.mkdir(parents=True)
        self._start = start

    def start(self, script: str, framework: str = "sklearn", **environment: str) -> ModelServer:
        if script:
            (self.code / "inference.py").write_text(textwrap.dedent(script))
        environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", **environment}
        return self._start("sagewright.toolkit", "serve", framework, **environment)

    def __call__(self, script: str, framework: str = "sklearn", **environment: str) -> ModelServer:
        return self.start(script, framework, **environment).wait()


@pytest.fixture
def serve(tmp_path: Path, model_server: Start) -> Served:
    return Served(tmp_path, model_server)


FUNCTIONS = """
    import json
    import helper  # beside it
    def model_fn(model_dir):
        return {"factor": helper.FACTOR}
    def input_fn(data, content_type):
        assert content_type == "application/json; charset=utf-8" and isinstance(data, str), (data, content_type)
        return json.loads(data)
    def predict_fn(data, model):
        return [each * model["factor"] for each in data]
    def output_fn(prediction, accept):
        return json.dumps({"answer": prediction, "accept": accept}), "application/vnd.mine"
"""


def test_the_users_functions_are_called_in_turn(serve: Served) -> None:
    (serve.code / "helper.py").write_text("FACTOR = 3\n")
    server = serve(FUNCTIONS)
    answer = server.invoke(b"[1, 2]", "application/json; charset=utf-8", "text/x")
    assert (answer.status, json.loads(answer.body)) == (200, {"answer": [3, 6], "accept": "text/x"})
    assert answer.headers["content-type"] == "application/vnd.mine"


def test_transform_fn_does_it_all(serve: Served) -> None:
    server = serve(
        ECHO
        + """
    def transform_fn(model, data, content_type, accept):
        return f"{model}|{data!r}|{content_type}|{accept}".encode(), "text/plain"
    """
    )
    answer = server.invoke("zwölf".encode(), "text/plain", "x/y")
    assert answer.body.decode() == f"model of model|{'zwölf'.encode()!r}|text/plain|x/y"


def test_functions_may_take_the_context(serve: Served) -> None:
    server = serve(
        """
    def model_fn(model_dir, context):
        return context.system_properties["model_dir"] == model_dir
    def transform_fn(model, data, content_type, accept, context):
        header = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
        context.set_response_content_type(0, "text/mine")
        return f"{model} {header} {context.request_processor[0].get_request_properties()['content-type']}"
    """
    )
    answer = server.invoke(b"x", "text/plain", X_Amzn_SageMaker_Custom_Attributes="tenant=7")
    assert (answer.body, answer.headers["content-type"]) == (b"True tenant=7 text/plain", "text/mine")


def test_warm_up_functions_are_called_before_the_first_request(serve: Served) -> None:
    server = serve(
        """
    said = []
    def pre_model_fn(model_dir): said.append("pre")
    def model_fn(model_dir): return said.append("model") or said
    def model_warmup_fn(model_dir, model): model.append("warm")
    def transform_fn(model, data, content_type, accept): return ",".join(model)
    """
    )
    assert server.invoke(b"x").body == b"pre,model,warm"


SCIKIT = """
    import pickle, os
    def model_fn(model_dir):
        with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
            return pickle.load(file)
"""


@pytest.fixture
def forest(serve: Served) -> Any:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    model = RandomForestClassifier(5, random_state=0).fit(rows, rows[:, 0] > 0)
    (serve.model / "model.pkl").write_bytes(pickle.dumps(model))
    return model


def test_the_defaults_of_scikit_learn_read_and_write_every_type(serve: Served, forest: Any) -> None:
    server = serve(SCIKIT)
    rows = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    expected = forest.predict(rows).tolist()
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    for body, kind in (
        (text, "text/csv"),
        (text, "text/csv; charset=utf-8"),
        (json.dumps(rows.tolist()).encode(), "application/json"),
        (numpy_bytes(rows), "application/x-npy"),
    ):
        answer = server.invoke(body, kind)
        assert (answer.status, json.loads(answer.body)) == (200, expected), answer.body
        assert answer.headers["content-type"] == "application/json"
    assert server.invoke(text, "text/csv", "text/csv").body == "".join(f"{each}\n" for each in expected).encode()
    npy = server.invoke(text, "text/csv", "application/x-npy")
    assert np.load(io.BytesIO(npy.body)).tolist() == expected
    assert npy.headers["content-type"] == "application/x-npy"
    assert json.loads(server.invoke(text.split(b"\n")[0], "text/csv", "*/*").body) == expected[:1]
    assert json.loads(server.invoke(text, "text/csv", "image/png, application/json").body) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status"),
    [
        (b"1,2,3", "image/png", "", 415),
        (b"1,2,3", "", "", 415),
        (b"1,2,3", "text/csv", "image/png", 406),
        (b"{", "application/json", "", 400),
        (b"[" * 100_000, "application/json", "", 400),
        (b"\xff\xfe", "text/csv", "", 400),
        (b"no npy", "application/x-npy", "", 400),
        (pickle.dumps([1]), "application/x-npy", "", 400),
        (b"1,2", "text/csv", "", 500),
        (b"", "text/csv", "", 500),
        ("ä,ö,ü".encode(), "text/csv", "", 400),
        (b"1,2,3\n4,5\n", "text/csv", "", 400),
        (b"1;2;3", "text/csv", "", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_has_its_status(
    serve: Served, forest: Any, body: bytes, content_type: str, accept: str, status: int
) -> None:
    server = serve(SCIKIT, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    assert server.invoke(body, content_type, accept).status == status
    assert server.invoke(b"1,2,3", "text/csv").body in (b"True\n", b"False\n")


def test_an_exception_in_the_users_code_is_a_500_with_its_traceback(serve: Served) -> None:
    server = serve(
        ECHO
        + """
    class Mine(Exception):
        status_code = 422
    def predict_fn(data, model):
        if data.sum() == 1: raise ValueError("no \\N{SNOWMAN} today")
        if data.sum() == 2: raise SystemExit(3)
        if data.sum() == 3: raise Mine("mine")
        return {1, 2} if data.sum() == 4 else data
    """
    )
    first = server.invoke(b"[1]")
    assert (first.status, first.body.decode().splitlines()[0]) == (500, "no ☃ today")
    assert "Traceback" in first.body.decode()
    assert "ValueError: no ☃ today" in server.log
    assert server.invoke(b"[2]").status == 500
    assert server.invoke(b"[3]").status == 422
    assert server.invoke(b"[4]").status == 500
    assert server.invoke(b"[5]").body == b"[5.0]"
    assert len(server.workers()) == 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("def model_fn(model_dir): raise RuntimeError('no such weights')", "no such weights"),
        ("import nowhere", "No module named 'nowhere'"),
        ("def model_fn(: pass", "SyntaxError"),
        ("def model_fn(model_dir): 1\ndef transform_fn(a, b, c, d): 1\ndef predict_fn(a, b): 1", "Cannot use transform_fn"),
        ("def model_fn(): pass", "model_fn takes 0 arguments"),
        ("import os\nos._exit(9)", "ended with status 9"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("", "Please provide a model_fn"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_loaded_ends_the_server_and_says_why(serve: Served, script: str, message: str) -> None:
    server = serve.start(script, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    assert server.ended() == 1
    assert message in server.log


def test_a_program_that_is_named_must_be_there(serve: Served) -> None:
    server = serve.start(ECHO, SAGEMAKER_PROGRAM="other.py")
    assert server.ended() == 1
    assert "SAGEMAKER_PROGRAM names other.py" in server.log


def test_a_program_may_lie_in_a_directory_of_the_code(serve: Served) -> None:
    (serve.code / "deep").mkdir()
    (serve.code / "deep" / "my-server.py").write_text(
        "def model_fn(d): return len\ndef predict_fn(d, m): return m(d)\n"
    )
    server = serve("", SAGEMAKER_PROGRAM="deep/my-server.py")
    assert server.invoke(b"[1, 2, 3]").body == b"3"


def test_a_wrong_setting_ends_the_server_with_its_name(serve: Served) -> None:
    server = serve.start(ECHO, SAGEMAKER_MODEL_SERVER_WORKERS="many")
    assert server.ended() == 1
    assert "SAGEMAKER_MODEL_SERVER_WORKERS must be a number" in server.log


def test_requirements_are_asked_of_the_agent(serve: Served, tmp_path: Path) -> None:
    (serve.code / "requirements.txt").write_text("humanize\n")
    server = serve.start(ECHO, SAGEWRIGHT_REQUIREMENTS="ask")
    assert server.ended() == 93
    assert (tmp_path / "ml" / ".sagewright" / "requirements.txt").read_text() == "humanize\n"
    assert serve(ECHO, SAGEWRIGHT_REQUIREMENTS="installed").ask("GET", "/ping").status == 200


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
    import os

    os.kill(before[0], signal.SIGKILL)
    answers = [server.invoke(b"0", "text/plain") for _ in range(20)]
    assert all(answer.status == 200 for answer in answers)
    deadline = time.monotonic() + 20
    while len(server.workers()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(set(server.workers()) - {before[0]}) == 2
    assert "A worker ended with signal 9; another one takes its place." in server.log


def test_the_only_worker_that_is_killed_keeps_nobody_waiting_for_ever(serve: Served) -> None:
    server = serve(SLOW)
    import os

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


def test_a_generator_is_a_stream_of_parts_as_they_come(serve: Served) -> None:
    client = serve(STREAM).connection()
    client.request("POST", "/invocations", b"[3]", {"Content-Type": "application/json", "Accept": "text/plain"})
    began = time.monotonic()
    answer = client.getresponse()
    assert answer.read(7) == b"part 0;"
    assert time.monotonic() - began < 0.25
    assert answer.read() == b"part 1;part 2;"
    assert answer.getheader("transfer-encoding") == "chunked"
    assert client.invoke(b"[1]").body == b"part 0;"  # on the same connection
    client.close()


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


def test_requests_to_scikit_learns_own_models_are_joined_and_answered_as_alone(serve: Served, forest: Any) -> None:
    server = serve(SCIKIT)
    rows = np.random.default_rng(2).normal(size=(64, 3)).astype(np.float32)
    expected = forest.predict(rows).tolist()
    answers: dict[int, Answer] = {}

    def ask(number: int) -> None:
        body = b"1,2" if number % 16 == 5 else ",".join(map(repr, rows[number].tolist())).encode()
        answers[number] = server.invoke(body, "text/csv")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, answer in answers.items():
        assert answer.status == (500 if number % 16 == 5 else 200)
        if answer.status == 200:
            assert json.loads(answer.body) == [expected[number]]


def test_a_tensorflow_script_with_a_handler(serve: Served) -> None:
    server = serve(
        """
    def model_fn(model_dir): return None
    def handler(data, context):
        return f"{data.read().decode()} {context.request_content_type} {context.custom_attributes}", context.accept_header
    """,
        "",
    )
    answer = server.invoke(b"abc", "text/x", "text/y", X_Amzn_SageMaker_Custom_Attributes="c")
    assert (answer.body, answer.headers["content-type"]) == (b"abc text/x c", "text/y")


def test_a_port_where_no_socket_is_named(serve: Served) -> None:
    import urllib.request

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
