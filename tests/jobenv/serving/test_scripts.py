"""Script mode's server: the functions that AWS's toolkits know, what they get and give, and what goes wrong in them."""

from __future__ import annotations

import io
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelserver import Answer
from serving.conftest import Served
from sklearn.ensemble import RandomForestClassifier

from sagewright.toolkit.servecommand import fitting_workers

ECHO = """
    def model_fn(model_dir):
        return "model of " + model_dir.rpartition("/")[2]
"""


def numpy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


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


def test_headers_of_the_answer_are_the_scripts_and_those_of_one_request_only(serve: Served) -> None:
    server = serve(
        """
    def model_fn(model_dir): return None
    def transform_fn(model, data, content_type, accept, context):
        if data == b"set":
            context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "trace=7")
            context.set_response_header(0, "Content-Type", "text/mine")
            context.set_response_header(0, "Content-Length", "3")
            context.set_response_header(0, "X-Split", "a\\r\\nX-Smuggled: b")
            context.set_response_header(0, "X-Split: c\\r\\nX-Smuggled", "d")
            context.set_response_header(0, "X-Wide", "\u4e16")
            context.set_response_header(0, "X-Long", "x" * 100_000)
        return "answer"
    """
    )
    answer = server.invoke(b"set", "text/plain", "text/plain")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace=7"
    assert (headers["content-length"], headers["content-type"], answer.body) == ("6", "text/mine", b"answer")
    assert not {name for name in headers if "split" in name or "smuggled" in name or name in ("x-wide", "x-long")}
    assert server.invoke(b"not", "text/plain", "text/plain").headers.keys() == {"content-type", "content-length"}


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


@pytest.mark.parametrize("given", ["{'MaxPayloadInMB': 3}", "worker.Response('{\"MaxPayloadInMB\": 3}')"])
def test_a_script_may_say_how_batch_transform_is_to_ask(serve: Served, given: str) -> None:
    server = serve(
        ECHO
        + f"""
    from sagemaker_containers.beta.framework import worker
    def execution_parameters_fn(): return {given}
    """
    )
    assert json.loads(server.ask("GET", "/execution-parameters").body) == {"MaxPayloadInMB": 3}


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


UNANSWERABLE: list[tuple[bytes, str, str, int]] = [
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
]  # fmt: skip


def test_what_cannot_be_answered_has_its_status(serve: Served, forest: Any) -> None:
    server = serve(SCIKIT, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    found = []
    for body, content_type, accept, _ in UNANSWERABLE:
        found.append((body, content_type, accept, server.invoke(body, content_type, accept).status))
        assert server.invoke(b"1,2,3", "text/csv").body in (b"True\n", b"False\n")
    assert found == UNANSWERABLE


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


def test_a_script_may_import_awss_inference_toolkit(serve: Served) -> None:
    server = serve(
        """
    from sagemaker_inference import content_types, decoder, encoder, errors, utils
    import sagemaker_inference.utils
    from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
    def model_fn(model_dir):
        return DefaultInferenceHandler()
    def input_fn(data, content_type):
        if content_type == "text/x":
            raise errors.UnsupportedFormatError(content_type)
        if content_type == "text/y":
            raise errors.GenericInferenceToolkitError(409, "not now")
        assert content_type in content_types.UTF8_TYPES
        return decoder.decode(data, content_type)
    def predict_fn(data, model):
        return data * 2
    def output_fn(prediction, accept):
        return encoder.encode(prediction, utils.parse_accept(accept)[0])
    """
    )
    assert server.invoke(b"[1, 2]").body == b"[2, 4]"
    assert [server.invoke(b"1", kind).status for kind in ("text/x", "text/y")] == [415, 409]


def test_a_script_may_import_awss_older_toolkit(serve: Served) -> None:
    server = serve(
        """
    from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker
    def model_fn(model_dir):
        return None
    def predict_fn(data, model):
        return data
    def output_fn(prediction, accept):
        if accept == content_types.JSON:
            return worker.Response(encoders.encode(prediction, accept), mimetype=accept, status=202)
        return env.ServingEnv()
    """
    )
    answer = server.invoke(b"[1]")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (202, b"[1.0]", "application/json")
    assert b"a server of its own" in server.invoke(b"[1]", accept="x/y").body


def test_a_script_may_import_awss_xgboost_encoder(serve: Served) -> None:
    server = serve(
        """
    from sagemaker_xgboost_container import encoder
    def model_fn(model_dir):
        return None
    def transform_fn(model, data, content_type, accept):
        return str(encoder.csv_to_dmatrix(data).num_col()) + str(encoder.decode("1 0:1 3:2", "text/libsvm").num_col())
    """,
        "xgboost",
    )
    assert server.invoke(b"1,2,3", "text/csv").body == b"34"


@pytest.mark.parametrize(
    ("megabytes", "memory_gb", "workers"),
    [(0, "8", 4), (900, "8", 2), (4000, "8", 1), (900, "64", 4), (4000, "", 4), (0, "1", 2)],
)
def test_there_are_no_more_workers_than_there_is_memory_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int, memory_gb: str, workers: int
) -> None:
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(megabytes << 20)
    monkeypatch.setenv("SAGEWRIGHT_CPUS", "4")
    monkeypatch.setenv("SAGEWRIGHT_MEMORY_GB", memory_gb)
    assert fitting_workers(tmp_path) == workers
