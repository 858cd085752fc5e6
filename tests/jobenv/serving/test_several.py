"""Several models in one server: AWS's contract of multi-model endpoints, for scripts and for built-in algorithms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelserver import Answer, ModelServer

from sagewright.algorithms.xgboost import models
from sagewright.algorithms.xgboost.library import xgb

Start = Callable[..., ModelServer]
SCRIPT = """
import helper
def model_fn(model_dir):
    return helper.NAME
def transform_fn(model, data, content_type, accept):
    import late  # of its own code too
    return f"{model} {late.NAME} {helper.NAME}"
"""


def add(server: ModelServer, name: str, url: Path) -> Answer:
    return server.ask("POST", "/models", json.dumps({"model_name": name, "url": str(url)}).encode())


def script(place: Path, name: str) -> Path:
    (place / "code").mkdir(parents=True)
    (place / "code" / "inference.py").write_text(SCRIPT)
    for module in ("helper", "late"):
        (place / "code" / f"{module}.py").write_text(f"NAME = '{name}'\n")
    return place


@pytest.mark.parametrize("workers", ["1", "2"])
def test_scripts_of_several_models_do_not_see_each_other(tmp_path: Path, model_server: Start, workers: str) -> None:
    server = model_server(
        "sagewright.toolkit", "serve", "sklearn", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_MODEL_SERVER_WORKERS=workers
    ).wait()
    assert json.loads(server.ask("GET", "/models").body) == {"models": []}
    places = {name: script(tmp_path / "models" / name, name) for name in ("one", "two", "a b/ü")}
    for name, place in places.items():
        assert add(server, name, place).status == 200
    assert add(server, "one", places["one"]).status == 409
    listed = {each["modelName"]: each["modelUrl"] for each in json.loads(server.ask("GET", "/models").body)["models"]}
    assert listed == {name: str(place) for name, place in places.items()}
    for _ in range(4):
        for name, quoted in (("one", "one"), ("two", "two"), ("a b/ü", "a%20b%2F%C3%BC")):
            answer = server.ask("POST", f"/models/{quoted}/invoke", b"x", Content_Type="text/plain")
            assert (answer.status, answer.body.decode()) == (200, f"{name} {name} {name}")
    assert json.loads(server.ask("GET", "/models/two").body)["modelUrl"] == str(places["two"])
    assert server.ask("DELETE", "/models/two").status == 200
    for method, path in (("DELETE", "/models/two"), ("GET", "/models/two"), ("POST", "/models/two/invoke")):
        assert server.ask(method, path, b"x").status == 404
    assert server.ask("POST", "/models/one/invoke", b"x", Content_Type="text/plain").status == 200


def test_a_model_without_a_script_has_the_one_of_the_container(tmp_path: Path, model_server: Start) -> None:
    shared = script(tmp_path / "shared", "shared") / "code"
    (shared / "inference.py").write_text(SCRIPT.replace("helper.NAME", "model_dir[-3:] + helper.NAME", 1))
    server = model_server(
        "sagewright.toolkit",
        "serve",
        "sklearn",
        SAGEMAKER_MULTI_MODEL="true",
        SAGEMAKER_PROGRAM="inference",
        SAGEMAKER_SUBMIT_DIRECTORY=str(shared),
    ).wait()
    places = {name: tmp_path / "models" / name for name in ("one", "two")}
    for place in places.values():
        (place / "code").mkdir(parents=True)  # as training leaves it, with what is no script
    places["own"] = script(tmp_path / "models" / "own", "own")
    for name, place in places.items():
        assert add(server, name, place).status == 200
    expected = {"one": "oneshared shared shared", "own": "own own own", "two": "twoshared shared shared"}
    for _ in range(2):
        for name, said in expected.items():
            answer = server.ask("POST", f"/models/{name}/invoke", b"x", Content_Type="text/plain")
            assert (answer.status, answer.body.decode()) == (200, said)


def test_what_cannot_be_loaded_leaves_the_others_alone(tmp_path: Path, model_server: Start) -> None:
    server = model_server("sagewright.toolkit", "serve", "sklearn", SAGEMAKER_MULTI_MODEL="true").wait()
    assert add(server, "good", script(tmp_path / "good", "good")).status == 200
    bad = script(tmp_path / "bad", "bad")
    (bad / "code" / "helper.py").write_text("raise RuntimeError('out of order')\n")
    answer = add(server, "bad", bad)
    assert answer.status == 500
    assert "out of order" in json.loads(answer.body)["message"]
    big = script(tmp_path / "big", "big")
    (big / "code" / "helper.py").write_text("raise MemoryError\n")
    assert add(server, "big", big).status == 507
    assert add(server, "none", tmp_path / "none").status == 404
    assert server.ask("POST", "/models", b"{").status == 400
    assert server.ask("PUT", "/models", b"{").status == server.ask("POST", "/models/good/other", b"").status == 404
    listed = [each["modelName"] for each in json.loads(server.ask("GET", "/models").body)["models"]]
    assert listed == ["good"]
    assert server.ask("POST", "/models/good/invoke", b"x", Content_Type="text/plain").status == 200


def test_models_of_a_built_in_algorithm(tmp_path: Path, model_server: Start) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    boosters: dict[str, Any] = {}
    server = model_server("sagewright.algorithms", "xgboost", "serve", SAGEMAKER_MULTI_MODEL="true").wait()
    for number, name in enumerate(("north", "south")):
        boosters[name] = xgb.train({"objective": "reg:squarederror"}, xgb.DMatrix(rows, rows[:, number]), 3)
        models.save(boosters[name], tmp_path / name / "xgboost-model")
        assert add(server, name, tmp_path / name).status == 200
    for name, booster in boosters.items():
        answer = server.ask("POST", f"/models/{name}/invoke", b"0.5,-0.5", Content_Type="text/csv")
        expected = booster.predict(xgb.DMatrix(np.array([[0.5, -0.5]], np.float32)))[0]
        assert float(answer.body) == pytest.approx(float(expected))
