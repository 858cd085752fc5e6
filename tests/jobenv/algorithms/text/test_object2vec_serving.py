"""Answers of Object2Vec's models: scores and embeddings, together and alone, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.model import DESCRIPTION, WEIGHTS, Model
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.serving import Object2VecService, devices, serve
from sagewright.algorithms.object2vec.settings import Object2VecSettings
from sagewright.serving.messages import Request

JSON, LINES = "application/json", "application/jsonlines"
SIDES = {
    "enc0_max_seq_len": "4", "enc0_vocab_size": "30", "enc0_token_embedding_dim": "5", "enc0_network": "bilstm",
    "enc1_network": "hcnn", "enc1_max_seq_len": "6", "enc1_vocab_size": "20", "enc1_token_embedding_dim": "7",
    "enc_dim": "8", "mlp_dim": "6", "num_classes": "3",
}  # fmt: skip
ASKED = [
    {"in0": [1, 2, 3], "in1": [4]},
    {"in0": [1, 2, 3], "in1": [4, 5, 6, 7], "label": 2},
    {"in0": [29], "in1": [19, 0]},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that knows nothing."""
    return left(tmp_path, SIDES)


def left(directory: Path, given: dict[str, str]) -> Path:
    torch.manual_seed(3)
    network = Object2VecNetwork(Object2VecSettings.of(DECLARATION.validate_hyperparameters(given)))
    weights.write(directory / WEIGHTS, network.state_dict())
    weights.write_json(directory / DESCRIPTION, network.settings.document())
    return directory


def document(instances: list[Any]) -> bytes:
    return json.dumps({"instances": instances}).encode()


def lines(instances: list[Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in instances).encode()


def said(response: Any) -> list[dict[str, list[float]]]:
    assert response.status == 200, response.body
    if response.content_type == JSON:
        found: list[dict[str, list[float]]] = json.loads(response.body)["predictions"]
        return found
    assert response.content_type == LINES
    return [json.loads(line) for line in response.body.splitlines()]


def same(left: list[dict[str, list[float]]], right: list[dict[str, list[float]]]) -> bool:
    return len(left) == len(right) and all(
        one.keys() == other.keys() and all(np.allclose(one[key], other[key], atol=1e-6) for key in one)
        for one, other in zip(left, right, strict=True)
    )


def test_pairs_are_scored_in_every_form(folder: Path) -> None:
    invoke = serve(folder)
    scores = said(invoke(document(ASKED), JSON, ""))
    assert [list(each) for each in scores] == [["scores"]] * 3
    assert np.allclose([sum(each["scores"]) for each in scores], 1)
    assert {len(each["scores"]) for each in scores} == {3}
    assert scores[0] != scores[1]
    for answer in (
        invoke(document(ASKED), "", "*/*"),
        invoke(document(ASKED), "application/json; charset=utf-8", LINES),
        invoke(lines(ASKED), LINES, LINES),
        invoke(lines(ASKED), LINES, "text/csv, application/json"),
    ):
        assert same(said(answer), scores)
    assert same([said(invoke(document([each]), JSON, ""))[0] for each in ASKED], scores)


def test_a_sequence_alone_gets_its_embedding(folder: Path) -> None:
    invoke = serve(folder)
    both = said(invoke(lines([{"in0": [1, 2, 3]}, {"in1": [4]}, ASKED[0], {"in0": [7]}]), LINES, ""))
    assert [list(each) for each in both] == [["embeddings"], ["embeddings"], ["scores"], ["embeddings"]]
    assert [len(both[number]["embeddings"]) for number in (0, 1, 3)] == [8, 8, 8]
    model = Model.load(folder, Device(torch.device("cpu")), Device(torch.device("cpu")))
    score = model._network.answers(
        model._network.judge(*(torch.tensor([both[number]["embeddings"]]) for number in (0, 1)))
    )
    assert np.allclose(score.tolist(), [both[2]["scores"]], atol=1e-6)


def test_numbers_are_one_score(tmp_path: Path) -> None:
    invoke = serve(left(tmp_path, {**SIDES, "output_layer": "mean_squared_error"}))
    assert [len(each["scores"]) for each in said(invoke(document(ASKED), JSON, ""))] == [1, 1, 1]


def test_the_longest_sequences_are_those_of_training_or_of_the_request(folder: Path) -> None:
    invoke = serve(folder)

    def embeddings(tokens: list[int], length: str = "") -> Any:
        return said(invoke(document([{"in0": tokens}]), f"application/json{length}", ""))

    tokens = [1, 2, 3, 4, 5, 6]
    assert embeddings(tokens) == embeddings(tokens[:4]) != embeddings(tokens[:3])
    assert embeddings(tokens, "; infer_max_seqlens=6,1") != embeddings(tokens)
    assert embeddings(tokens, ";infer_max_seqlens=2,9") == embeddings(tokens[:2])
    for wrong in ("1", "0,5", "5,5001", "a,b", "1,2,3", "-1,2"):
        answer = invoke(document([{"in0": tokens}]), f"application/json; infer_max_seqlens={wrong}", "")
        assert answer.status == 400
        assert b"infer_max_seqlens must be two whole numbers from 1 to 5000" in answer.body


@pytest.mark.parametrize(
    ("instances", "text"),
    [
        ([], "the request contains no instance"),
        ([{"in0": [1]}, {"label": 1}], "instance 1 has neither in0 nor in1"),
        ([3], "instance 0 has neither in0 nor in1"),
        ([{"in0": []}], "instance 0: in0 is empty"),
        ([{"in0": [30]}], "instance 0: in0 has token 30: tokens are from 0 to 29"),
        ([{"in0": [1], "in1": [20]}], "instance 0: in1 has token 20: tokens are from 0 to 19"),
        ([{"in0": "1"}], "instance 0: in0 must be a list of tokens, not '1'"),
        ([{"in0": [1], "in1": None}], "instance 0: in1 must be a list of tokens, not None"),
        ([{"in0": [1e30]}], "instance 0: in0 has 1e+30"),
    ],
)
def test_bad_instances_are_told(folder: Path, instances: list[Any], text: str) -> None:
    answer = serve(folder)(document(instances), JSON, "")
    assert answer.status == 400
    assert text in answer.body.decode()


def test_bad_requests_are_told(folder: Path) -> None:
    invoke = serve(folder)
    assert invoke(b"1,2", "text/csv", "").status == 415
    assert invoke(document(ASKED), JSON, "image/png").status == 406
    for body, media in ((b"{", JSON), (b"[]", JSON), (b"{\n{", LINES), (b"\n", LINES), (b"\xff", JSON)):
        assert invoke(body, media, "").status == 400


def test_requests_that_come_together_are_answered_as_alone(folder: Path) -> None:
    service = serve(folder)
    asked = [
        Request(document(ASKED), JSON, LINES),
        Request(lines([{"in1": [5, 6]}, ASKED[2]]), LINES, JSON),
        Request(document([{"in0": [99]}]), JSON, ""),
        Request(document([{"in0": [1, 2, 3, 4, 5, 6]}]), "application/json; infer_max_seqlens=5,5", ""),
        Request(document([{"in0": [1, 2, 3, 4, 5, 6]}]), JSON, ""),
        Request(b"", "image/png", ""),
    ]
    for together, one in zip(service.invoke_all(asked), asked, strict=True):
        alone = service.invoke(one.body, one.content_type, one.accept)
        assert (together.status, together.content_type) == (alone.status, alone.content_type)
        if alone.status == 200:
            assert same(said(together), said(alone))
        else:
            assert together.body == alone.body


@pytest.mark.parametrize("preferred", ["embedding", "classification"])
def test_both_preferred_modes_answer_both_kinds(folder: Path, monkeypatch: pytest.MonkeyPatch, preferred: str) -> None:
    plain = said(serve(folder)(document([*ASKED, {"in0": [5]}]), JSON, ""))
    monkeypatch.setenv("INFERENCE_PREFERRED_MODE", preferred)
    assert same(said(serve(folder)(document([*ASKED, {"in0": [5]}]), JSON, "")), plain)


def test_what_a_preferred_mode_puts_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = Device(torch.device("cuda", 0))
    monkeypatch.setattr("sagewright.algorithms.object2vec.serving.for_serving", lambda: fast)
    assert devices("") == devices("classification") == (fast, fast)
    assert devices("EMBEDDING") == (fast, Device(torch.device("cpu")))
    with pytest.raises(UserError, match="INFERENCE_PREFERRED_MODE must be classification or embedding, not 'x'"):
        devices("x")


def test_parts_may_be_on_different_devices(folder: Path) -> None:
    """The encoders' answers are brought to where scores are made: here by a device that has no numbers and so can't compute."""
    cpu = Device(torch.device("cpu"))
    service = Object2VecService(Model.load(folder, cpu, cpu))
    assert service.invoke(document(ASKED), JSON, "").status == 200
    apart = Object2VecService(Model.load(folder, cpu, Device(torch.device("meta"))))
    assert apart.invoke(document([{"in0": [1]}]), JSON, "").status == 200
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        apart.invoke(document(ASKED), JSON, "")


def test_models_that_are_none_are_refused(folder: Path) -> None:
    content = json.loads((folder / DESCRIPTION).read_text())
    for change in ({"encoding": 9}, {"mlp_layers": 1}, {"outputs": 2}, {"tied": True}, {"comparators": ["hadamard"]}):
        (folder / DESCRIPTION).write_text(json.dumps({**content, **change}))
        with pytest.raises(UserError, match="belongs to another network"):
            serve(folder)
    (folder / DESCRIPTION).write_text("[]")
    with pytest.raises(UserError, match="none of Object2Vec's"):
        serve(folder)
    (folder / DESCRIPTION).unlink()
    with pytest.raises(UserError, match=r"a file object2vec\.json is expected"):
        serve(folder)
    (folder / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(UserError, match="not a safetensors file"):
        serve(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(UserError, match=r"a file object2vec\.safetensors is expected"):
        serve(folder)


def test_a_description_that_asks_for_all_memory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEWRIGHT_MEMORY_GB", "1")
    content = json.loads((folder / DESCRIPTION).read_text())
    (folder / DESCRIPTION).write_text(json.dumps({**content, "mlp_layers": 10, "mlp_dim": 10_000}))
    with pytest.raises(UserError, match="the network takes"):
        serve(folder)
