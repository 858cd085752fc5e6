"""Scripts that read boosters of old releases, in a Python of a job: see oldmodels/README.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[4] / "src"
OLD = Path(__file__).parents[1] / "oldmodels"
PREDICT = """
import json, pickle, sys
import numpy as np
import xgboost as xgb

expected = json.load(open("expected.json"))
rows = xgb.DMatrix(np.array(expected["rows"]))
for name in sys.argv[1:]:
    booster = pickle.load(open(name, "rb")) if name.startswith("pickle") else xgb.Booster(model_file=name)
    found = booster.predict(rows)
    assert np.allclose(found, expected[name.rpartition("-")[2]], atol=1e-6), (name, found)
    again = pickle.loads(pickle.dumps(booster))
    assert np.array_equal(again.predict(rows), found), name
"""
NAMED = """
import xgboost as xgb

old = xgb.Booster.__new__(xgb.Booster)
old.__setstate__({"handle": HANDLE, "feature_names": list("abcd"), "feature_types": None})
assert old.feature_names == list("abcd"), old.feature_names
"""
DAMAGED = """
import xgboost as xgb

for content in (b"binf" + b"x" * 200, b'{"Model": 1}', b""):
    try:
        xgb.Booster.__new__(xgb.Booster).__setstate__({"handle": bytearray(content)})
    except xgb.core.XGBoostError:
        continue
    raise AssertionError(content)
for name in ("README.md", "not-there"):
    try:
        xgb.Booster(model_file=name)
    except xgb.core.XGBoostError:
        continue
    raise AssertionError(name)
"""


def run(script: str, *words: str) -> None:
    environ = os.environ | {"PYTHONPATH": f"{SOURCE / 'sagewright' / 'door' / 'hook'}:{SOURCE}"}
    command = [sys.executable, "-W", "ignore", "-c", script, *words]
    done = subprocess.run(command, cwd=OLD, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_script_reads_the_boosters_of_its_image_s_time() -> None:
    run(PREDICT, *sorted(path.name for path in OLD.iterdir() if path.name.startswith(("pickle-", "model-"))))


def test_names_of_columns_that_a_pickle_has_beside_the_model() -> None:
    read = "open('model-0.90', 'rb').read()"
    run(NAMED.replace("HANDLE", f"bytearray({read})"))


def test_what_is_no_model_fails_as_without() -> None:
    run(DAMAGED)
