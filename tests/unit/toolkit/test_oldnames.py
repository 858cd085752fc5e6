"""Old names of scikit-learn's modules, with packages that stand for it and joblib."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
FILES = {
    "sklearn/__init__.py": "",
    "sklearn/externals/__init__.py": "",
    "sklearn/ensemble/__init__.py": "",
    "sklearn/ensemble/_forest.py": "class RandomForestClassifier: pass",
    "joblib/__init__.py": "from joblib import numpy_pickle",
    "joblib/numpy_pickle.py": "class NumpyArrayWrapper: pass",
}
OLD = """
from sklearn.externals import joblib
import joblib as real
from sklearn.externals.joblib import numpy_pickle
from sklearn.externals.joblib.numpy_pickle import NumpyArrayWrapper
from sklearn.ensemble.forest import RandomForestClassifier
from sklearn.ensemble._forest import RandomForestClassifier as today
assert joblib is real and joblib.__spec__.name == "joblib"
assert NumpyArrayWrapper is real.numpy_pickle.NumpyArrayWrapper
assert RandomForestClassifier is today
try:
    import sklearn.ensemble.wood
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def python(packages: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    places = (SOURCE / "sagewright" / "door" / "hook", SOURCE, packages)
    environ = {**os.environ, **variables, "PYTHONPATH": ":".join(map(str, places))}
    return subprocess.run([sys.executable, "-c", script], env=environ, check=False, capture_output=True, text=True)


def test_scripts_of_old_images_find_what_they_import(packages: Path) -> None:
    done = python(packages, OLD, SAGEWRIGHT_OLD_NAMES="sklearn")
    assert done.returncode == 0, done.stderr
    assert "No module named 'sklearn.ensemble.wood'" in done.stdout


@pytest.mark.parametrize("variables", [{}, {"SAGEWRIGHT_OLD_NAMES": "other"}])
def test_other_images_have_today_s_names_alone(packages: Path, variables: dict[str, str]) -> None:
    done = python(packages, "from sklearn.externals import joblib", **variables)
    assert "cannot import name 'joblib' from 'sklearn.externals'" in done.stderr
