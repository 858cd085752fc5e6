"""`sagewright env list | prebuild | prune`, as users run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
NEURON = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference-neuronx:2.1"


def env(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SAGEWRIGHT, "env", *words, "--data", str(data)], capture_output=True, text=True, check=False, timeout=280
    )


def listed(data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(env(data, "list", "--json").stdout)
    return found


def test_an_environment_is_built_listed_used_and_removed(tmp_path: Path) -> None:
    assert listed(tmp_path) == []
    assert "sklearn-1.2" in env(tmp_path, "prebuild", "sklearn").stdout
    [one] = listed(tmp_path)
    assert one["packages"] > 10
    assert one["size"] > 100_000_000
    assert 0 < one["frees"] <= one["size"]
    again = env(
        tmp_path, "prebuild", "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    )
    assert again.stdout.startswith(f"{one['key']}: ready, {one['packages']} packages")
    assert "Preparing" not in again.stdout
    removed = env(tmp_path, "prune", one["key"])
    assert (removed.returncode, listed(tmp_path)) == (0, []), removed.stderr
    assert not (tmp_path / "environments" / one["key"]).exists()


def test_prune_alone_removes_what_an_interrupted_build_left(tmp_path: Path) -> None:
    place = tmp_path / "environments" / "half"
    place.mkdir(parents=True)
    (place / "pyvenv.cfg").write_text("")
    assert listed(tmp_path)[0]["packages"] is None
    assert env(tmp_path, "prune").stdout.startswith("half: removed")
    assert listed(tmp_path) == []


def test_a_layer_is_listed_and_removed_by_its_name(tmp_path: Path) -> None:
    for name in ("sklearn-l01", ".building-1"):
        (tmp_path / "environments" / "layers" / name / "site-packages" / "one-1.0.dist-info").mkdir(parents=True)
    assert [(one["key"], one["packages"]) for one in listed(tmp_path)] == [
        ("layers/.building-1", None),
        ("layers/sklearn-l01", 1),
    ]
    assert env(tmp_path, "prune", "layers/sklearn-l01").returncode == 0
    assert listed(tmp_path) == []


def test_nothing_is_removed_under_a_server(server: RunningServer) -> None:
    refused = env(server.data, "prune", "--all")
    assert refused.returncode == 2
    assert "stop them first" in refused.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["prune", "absent"], 1, "There is no environment absent"),
        (["prebuild", "absent"], 2, "absent is neither a framework nor one of AWS's images"),
        (["prebuild", NEURON], 1, "it needs AWS Trainium devices"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, words: list[str], status: int, said: str) -> None:
    done = env(tmp_path, *words)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
