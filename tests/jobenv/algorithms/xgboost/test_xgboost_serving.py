"""XGBoost as a server: requests in every format, answers in every type, the container's status codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelserver import ModelServer

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import protobuf, record, recordio
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.xgboost import models, serving
from sagewright.algorithms.xgboost.library import xgb
from sagewright.serving.messages import Request

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
CLASSES = np.digitize(ROWS[:, 0], [-0.5, 0.5])


def booster(objective: str, rounds: int = 3, **extra: Any) -> Any:
    labels = CLASSES if objective.startswith("multi:") else CLASSES > 1
    return xgb.train({"objective": objective, "max_depth": 2, **extra}, xgb.DMatrix(ROWS, labels), rounds)


def service(folder: Path, *boosters: Any, **environment: str) -> serving.BoosterService:
    for number, each in enumerate(boosters):
        models.save(each, folder / f"xgboost-model-{number}")
    return serving.BoosterService(serving.load_models(folder, environment), environment)


def csv(rows: np.ndarray) -> bytes:
    return "\n".join(",".join(f"{value:.9g}" for value in row) for row in rows).encode()


def test_every_format_gives_the_same_predictions(tmp_path: Path) -> None:
    model = booster("binary:logistic")
    answer = service(tmp_path, model).invoke
    expected = "".join(f"{value}\n" for value in model.predict(xgb.DMatrix(ROWS)).tolist()).encode()
    from_0 = "\n".join(" ".join(f"{i}:{value:.9g}" for i, value in enumerate(row)) for row in ROWS).encode()
    from_1 = "\n".join("1 " + " ".join(f"{i}:{value:.9g}" for i, value in enumerate(row, 1)) for row in ROWS).encode()
    for body, content_type in (
        (csv(ROWS), "text/csv; charset=utf-8"),
        (from_0, "text/libsvm"),
        (from_0, ""),
        (from_1, "text/x-libsvm"),
        (protobuf.dump(Table(ROWS)), "application/x-recordio-protobuf"),
    ):
        response = answer(body, content_type, "text/csv")
        assert (response.status, response.body) == (200, expected)


def test_a_model_of_one_based_indices_keeps_them(job: Any, run: Callable[[Any], int]) -> None:
    lines = (
        f"{int(label > 1)} " + " ".join(f"{i}:{value:.9g}" for i, value in enumerate(row, 1))
        for label, row in zip(CLASSES, ROWS, strict=True)
    )
    body = "\n".join(lines).encode()
    job.configure({"num_round": "3", "objective": "binary:logistic"}, {"train": "text/libsvm"})
    job.put("train", "x", body)
    assert run(job) == 0, job.output
    answer = serving.BoosterService(serving.load_models(job.model, {}), {}).invoke(body, "text/libsvm", "")
    predicted = np.array([float(line) for line in answer.body.split()])
    assert ((predicted > 0.5) == (CLASSES > 1)).mean() > 0.95


def test_accepted_types(tmp_path: Path) -> None:
    model = booster("binary:logistic")
    answer = service(tmp_path, model).invoke
    scores = model.predict(xgb.DMatrix(ROWS[:2])).tolist()
    body = csv(ROWS[:2])
    assert json.loads(answer(body, "text/csv", "application/json").body) == {
        "predictions": [{"score": s} for s in scores]
    }
    lines = answer(body, "text/csv", "application/jsonlines").body.splitlines()
    assert [json.loads(line) for line in lines] == [{"score": score} for score in scores]
    frames = list(recordio.read_frames(answer(body, "text/csv", "application/x-recordio-protobuf").body, "x"))
    values = [record.decode(frame).labels["score"].values.tolist() for frame in frames]
    assert values == [[score] for score in scores]
    assert answer(body, "text/csv", "*/*").content_type == "text/csv"
    refused = answer(body, "text/csv", "image/png")
    assert refused.status == 406
    assert b"image/png is not supported" in refused.body


def test_probabilities_are_a_line_a_row_and_batches_a_list(tmp_path: Path) -> None:
    model = booster("multi:softprob", num_class=3)
    row = model.predict(xgb.DMatrix(ROWS[:1]))[0].tolist()
    plain = service(tmp_path, model)
    assert plain.invoke(csv(ROWS[:1]), "text/csv", "").body.decode() == ",".join(map(str, row)) + "\n"
    batch = service(tmp_path, SAGEMAKER_BATCH="true")
    assert batch.invoke(csv(ROWS[:1]), "text/csv", "application/json").body.decode() == f"{row}\n"


@pytest.mark.parametrize(
    ("objective", "keys", "line"),
    [
        ("reg:squarederror", "predicted_score", lambda p: f"{p}"),
        ("binary:logistic", "predicted_label, probability", lambda p: f"{int(p > 0.5)},{p}"),
        ("binary:logistic", "labels,probabilities,raw_score", lambda p: f'"[0, 1]","{[1 - p, p]}",{p}'),
        ("binary:logitraw", "predicted_label,probability", lambda p: f"{int(p > 0)},nan"),
        ("binary:hinge", "predicted_label,raw_scores", lambda p: f'{p},"{[1 - p, p]}"'),
        ("multi:softmax", "predicted_label,labels", lambda p: f'{p},"[0, 1, 2]"'),
        ("multi:softprob", "predicted_label,probability", lambda p: f"{int(np.argmax(p))},{max(p)}"),
        ("multi:softprob", "raw_scores", lambda p: f'"{p}"'),
    ],
)
def test_selected_content(tmp_path: Path, objective: str, keys: str, line: Callable[[Any], str]) -> None:
    model = booster(objective, **({"num_class": 3} if objective.startswith("multi:") else {}))
    answer = service(tmp_path, model, SAGEMAKER_INFERENCE_OUTPUT=keys).invoke(csv(ROWS[:1]), "text/csv", "text/csv")
    assert answer.body.decode() == line(model.predict(xgb.DMatrix(ROWS[:1]))[0].tolist())


def test_selected_content_as_json_and_records(tmp_path: Path) -> None:
    chosen = service(tmp_path, booster("binary:logistic"), SAGEMAKER_INFERENCE_OUTPUT="predicted_label,predicted_score")
    rows = json.loads(chosen.invoke(csv(ROWS[:3]), "text/csv", "application/json").body)["predictions"]
    assert [set(row) for row in rows] == [{"predicted_label", "predicted_score"}] * 3
    assert all(np.isnan(row["predicted_score"]) for row in rows)
    body = chosen.invoke(csv(ROWS[:3]), "text/csv", "application/x-recordio-protobuf").body
    assert set(record.decode(next(recordio.read_frames(body, "x"))).labels) == {"predicted_label", "predicted_score"}


@pytest.mark.parametrize("objective", ["binary:logistic", "binary:hinge"])
def test_an_ensemble_answers_together(tmp_path: Path, objective: str) -> None:
    boosters = [booster(objective, rounds, subsample=0.5, seed=rounds) for rounds in (1, 2, 9)]
    each = np.stack([model.predict(xgb.DMatrix(ROWS)) for model in boosters])
    expected = each.mean(0) if objective == "binary:logistic" else (each.mean(0) > 0.5).astype(float)
    body = service(tmp_path, *boosters).invoke(csv(ROWS), "text/csv", "").body
    assert np.allclose([float(line) for line in body.split()], expected)
    alone = service(tmp_path, SAGEMAKER_INFERENCE_ENSEMBLE="false").invoke(csv(ROWS), "text/csv", "").body
    assert np.allclose([float(line) for line in alone.split()], each[0])


@pytest.mark.parametrize(
    ("body", "content_type", "status", "text"),
    [
        (b"1,2,x,4", "text/csv", 415, b"not a number"),
        (b"1,2,3,4", "image/png", 415, b"Content-type image/png is not supported"),
        (b"junk", "application/x-recordio-protobuf", 415, b"RecordIO"),
        (b"1,2,3", "text/csv", 400, b"Unable to evaluate payload provided:"),
    ],
)
def test_faults(tmp_path: Path, body: bytes, content_type: str, status: int, text: bytes) -> None:
    response = service(tmp_path, booster("binary:logistic")).invoke(body, content_type, "")
    assert response.status == status
    assert text in response.body


def test_no_model_and_a_bad_model_are_the_users_fault(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(b"x")
    with pytest.raises(UserError, match="There is no model"):
        serving.load_models(tmp_path, {})
    (tmp_path / "model").write_bytes(b"not a model")
    with pytest.raises(UserError, match="Unable to load model"):
        serving.load_models(tmp_path, {})


def start(model_server: Callable[..., ModelServer], job: Any, **environment: str) -> ModelServer:
    models.save(booster("binary:logistic"), job.model / "xgboost-model")
    return model_server("sagewright.algorithms", "xgboost", "serve", **environment).wait()


def test_http(job: Any, model_server: Callable[..., ModelServer]) -> None:
    server = start(model_server, job)
    assert server.ask("GET", "/ping").body == b""
    parameters = json.loads(server.ask("GET", "/execution-parameters").body)
    assert (parameters["BatchStrategy"], parameters["MaxPayloadInMB"]) == ("MULTI_RECORD", 6)
    assert parameters["MaxConcurrentTransforms"] >= 1
    answer = server.invoke(csv(ROWS[:2]), "text/csv")
    assert (answer.status, len(answer.body.split())) == (200, 2)
    nothing = server.invoke(b"", "text/csv")
    assert (nothing.status, nothing.body) == (204, b"")
    assert server.ask("GET", "/nothing").status == server.ask("POST", "/nothing", b"x").status == 404
    assert server.ask("GET", "/invocations").status == 405
    assert server.stop() == 0


def test_a_body_over_the_limit_is_refused(job: Any, model_server: Callable[..., ModelServer]) -> None:
    server = start(model_server, job, MAX_CONTENT_LENGTH="10")
    assert server.invoke(b"1" * 11, "text/csv").status == 413
    assert server.invoke(b"1" * 3_000_000, "text/csv").status == 413  # it reads why, though it is not done with sending
    assert server.invoke(b"1,2,3,4", "text/csv").status == 200


def test_a_model_that_cannot_be_loaded_ends_the_server(job: Any, model_server: Callable[..., ModelServer]) -> None:
    job.model.mkdir(parents=True)
    (job.model / "xgboost-model").write_bytes(b"not a model")
    server = model_server("sagewright.algorithms", "xgboost", "serve")
    assert server.ended() == 1
    assert "Unable to load model" in server.log


@pytest.mark.parametrize("accept", ["", "application/json", "application/jsonlines", "application/x-recordio-protobuf"])
def test_requests_that_come_together_are_answered_as_alone(tmp_path: Path, accept: str) -> None:
    sparse = "\n".join(" ".join(f"{i}:{value:.9g}" for i, value in enumerate(row)) for row in ROWS[:3]).encode()
    requests = [
        Request(csv(ROWS[:1]), "text/csv", accept),
        Request(csv(ROWS[1:4]), "text/csv", accept),
        Request(b"1,2", "text/csv", accept),
        Request(b"x", "image/png", accept),
        Request(csv(ROWS[4:5]), "text/csv", "image/png"),
        Request(protobuf.dump(Table(ROWS[5:7])), "application/x-recordio-protobuf", accept),
        Request(sparse, "text/libsvm", accept),
    ]
    model = service(tmp_path, booster("multi:softprob", num_class=3))
    for some in (requests, requests[:2], requests[:1], requests[6:] * 2, []):
        alone = [model.invoke(each.body, each.content_type, each.accept) for each in some]
        assert model.invoke_all(some) == alone


def test_a_multi_model_container_answers_csv_in_one_line(tmp_path: Path) -> None:
    model = booster("reg:squarederror")
    expected = ",".join(map(str, model.predict(xgb.DMatrix(ROWS[:3])).tolist()))
    several = service(tmp_path, model, SAGEMAKER_MULTI_MODEL="true")
    assert several.invoke(csv(ROWS[:3]), "text/csv", "").body.decode() == expected
    assert len(json.loads(several.invoke(csv(ROWS[:3]), "text/csv", "application/json").body)["predictions"]) == 3
