"""`sagewright run`: a script becomes a training job, and its model a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
SCRIPT = """
import argparse, os, pathlib, sklearn
import near
parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("--width", type=float)
parser.add_argument("--name")
given = parser.parse_args()
rows = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "rows.csv").read_text()
print("width", given.width, given.name)
print("depth", given.depth, "rows", len(rows.splitlines()), near.WORD)
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(str(given.depth))
"""


def run(server: RunningServer, cwd: Path, *words: str, after: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SAGEWRIGHT, "run", *words, "--server", str(server.data), *(("--", *after) if after else ())],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip


def test_a_script_is_trained_and_its_model_downloaded(server: RunningServer, tmp_path: Path) -> None:
    source, rows = tmp_path / "src", tmp_path / "rows"
    source.mkdir()
    rows.mkdir()
    (source / "train.py").write_text(SCRIPT)
    (source / "near.py").write_text("WORD = 'beside'\n")
    (rows / "rows.csv").write_text("1\n2\n3\n")
    done = run(
        server, tmp_path, "src/train.py", "--source", "src", "--data", "rows", "-p", "depth=3", "--output", "out",
        after=("--width", "-2.5", "--name=a b"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "depth 3 rows 3 beside" in done.stdout
    assert "width -2.5 a b" in done.stdout
    assert (tmp_path / "out" / "model.txt").read_text() == "3"
    assert (
        "from sagemaker.sklearn import SKLearn" in done.stdout
        and "hyperparameters={'depth': 3, 'width': -2.5, 'name': 'a b'}" in done.stdout
    )
    again = run(server, tmp_path, "src/train.py", "--output", "out")
    assert again.returncode == 2 and "out is not empty" in again.stderr


def test_a_failing_script_ends_with_its_reason(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("raise SystemExit(7)\n")
    done = run(server, tmp_path, "bad.py")
    assert done.returncode == 1 and "exit code: 7" in done.stderr
    assert not list(tmp_path.glob("bad-*"))


def test_what_cannot_be_run_is_refused(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("x = = 1\n")
    for words, said in {
        ("a.py", "--data", "nowhere"): "no such file or folder",
        ("a.py", "-p", "depth"): "--hyperparameter is NAME=VALUE, not depth",
        ("a.py", "--data", "a.py", "--data", "a.py"): "names the channel training twice",
        ("b.py",): "b.py is not Python",
        ("c.py",): "does not exist",
        ("a.py", "--framework", "mxnet"): "mxnet",
        ("a.py", "--epochs", "5"): "No such option: --epochs. Arguments of the script follow --.",
        ("a.py", "--", "--epochs"): "--epochs after -- needs a value",
        ("a.py", "--", "--fast", "--epochs", "5"): "--fast after -- needs a value",
        ("a.py", "--", "epochs", "5"): "'epochs' after -- is no --NAME VALUE",
    }.items():
        own = words.index("--") if "--" in words else len(words)
        done = run(server, tmp_path, *words[:own], after=words[own + 1 :])
        assert done.returncode == 2 and said in done.stderr, (words, done.stderr)
