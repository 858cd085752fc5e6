"""Models that old releases wrote: see oldmodels/README.md."""

from __future__ import annotations

import base64
import json
import os
import pickle
import shutil
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost import binarymodels, serving
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.oldmodels import load_old

OLD = Path(__file__).parents[1] / "oldmodels"
EXPECTED = json.loads((OLD / "expected.json").read_text())


def loaded(tmp_path: Path, name: str) -> serving.BoosterService:
    shutil.copy(OLD / name, tmp_path / "xgboost-model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XGBoost's own, about old files
        return serving.BoosterService(serving.load_models(tmp_path, {}), {})


@pytest.mark.parametrize(
    "name",
    ["pickle-0.90", "pickle-1.0.2", "pickle-1.3.3", "pickle-1.7.6", "model-0.90", "model-1.7.6", "model-json-1.7.6"],
)
def test_what_can_be_read_predicts_as_it_did(tmp_path: Path, name: str) -> None:
    service = loaded(tmp_path, name)
    body = "\n".join(",".join(map(str, row)) for row in EXPECTED["rows"]).encode()
    answer = service.invoke(body, "text/csv", "text/csv")
    assert np.allclose([float(line) for line in answer.body.split()], EXPECTED[name.rpartition("-")[2]], atol=1e-6)


OBJECTIVES = json.loads((OLD / "objectives-1.7.6.json").read_text())


@pytest.mark.parametrize("name", OBJECTIVES["models"])
def test_the_binary_format_of_every_objective_and_booster(name: str) -> None:
    booster = load_old(base64.b64decode(OBJECTIVES["models"][name]["model"]))
    rows = np.array(OBJECTIVES["rows"], dtype=float)
    assert np.array_equal(booster.predict(xgb.DMatrix(rows)), np.float32(OBJECTIVES["models"][name]["predicted"]))
    assert set(booster.attributes()) <= {"who", "best_iteration", "best_ntree_limit"} and booster.attr("who") == "me"
    assert json.loads(booster.save_config())["learner"]["objective"]["name"] == name.partition(" ")[0]


def test_a_pickle_of_python_2() -> None:
    """As XGBoost 0.72's image of AWS left it: protocol 0, with a bytearray from text."""
    handle = "".join(
        f"\\u{ord(one):04x}" if one in "\\\0\n\r\x1a" else one
        for one in (OLD / "model-0.90").read_bytes().decode("latin-1")
    )
    content = (
        b"ccopy_reg\n_reconstructor\n(cxgboost.core\nBooster\nc__builtin__\nobject\nNtR(dS'handle'\nc__builtin__\nbytearray\n(V"
        + handle.encode("latin-1")
        + b"\nS'latin-1'\ntRsb."
    )
    predicted = load_old(content).predict(xgb.DMatrix(np.array(EXPECTED["rows"])))
    assert np.allclose(predicted, EXPECTED["0.90"], atol=1e-6)


@pytest.mark.parametrize("name", ["model-0.90", "model-1.7.6"])
def test_a_damaged_file_in_the_binary_format_is_the_users_fault(name: str) -> None:
    """Cut off anywhere, and with any word of its heads and trees changed."""
    content = (OLD / name).read_bytes()
    for cut in range(160, len(content) - 100, 7):
        with pytest.raises(UserError, match="Unable to load model"):
            load_old(content[:cut])
    for place in range(0, len(content) - 4, 4):
        for word in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"):
            with suppress(UserError):  # a value may be another one; nothing else may come of it
                binarymodels.document(content[:place] + word + content[place + 4 :])


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("value", [Evil(), {"handle": Evil()}, [1, 2], np.zeros(3)])
def test_a_pickle_of_anything_else_is_refused_and_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "xgboost-model").write_bytes(pickle.dumps(value))
    with pytest.raises(UserError, match=r"only XGBoost's boosters|no trained booster"):
        serving.load_models(tmp_path / "model", {})
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("cut", [1, 2, 40, 400])
def test_a_pickle_that_is_cut_off_is_the_users_fault(tmp_path: Path, cut: int) -> None:
    (tmp_path / "xgboost-model").write_bytes((OLD / "pickle-1.7.6").read_bytes()[:cut])
    with pytest.raises(UserError, match="Unable to load model"):
        serving.load_models(tmp_path, {})


@pytest.mark.parametrize(
    ("version", "pickled"),
    [("0.90-2", True), ("1", True), ("1.0-1", True), ("1.2-2", True), ("1.3-1", False), ("1.7-1", False), ("", False)],
)
def test_the_artifact_has_the_form_of_its_image(job: Any, run: Any, version: str, pickled: bool) -> None:
    rows = np.random.default_rng(1).normal(size=(60, 3)).round(3)
    job.configure({"num_round": "3"}, {"train": "text/csv"})
    job.put("train", "a.csv", "\n".join(",".join(map(str, row)) for row in rows).encode())
    assert run(job, f"sagemaker-xgboost:{version}") == 0
    content = (job.model / "xgboost-model").read_bytes()
    booster = pickle.loads(content) if pickled else xgb.Booster(model_file=bytearray(content))
    service = serving.BoosterService(serving.load_models(job.model, {}), {})
    answer = service.invoke("\n".join(",".join(map(str, row[1:])) for row in rows).encode(), "text/csv", "text/csv")
    expected = booster.predict(xgb.DMatrix(rows[:, 1:]))
    assert np.allclose([float(line) for line in answer.body.split()], expected, atol=1e-6)
