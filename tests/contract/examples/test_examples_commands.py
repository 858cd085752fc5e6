"""`sagewright examples` and `sagewright guide`, started as a user starts them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import ENVIRONMENTS

from sagewright.door.environment import NoServer, find_target

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
BUCKET = "guided"
ENVIRON = {**os.environ, "SAGEWRIGHT_ENVIRONMENTS": str(ENVIRONMENTS)}
"""The environment with the SDK is made once there."""


def command(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SAGEWRIGHT, *words], capture_output=True, text=True, check=False, timeout=120, **options)


@pytest.fixture(scope="module")
def data(server: RunningServer) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    rows = "".join(f"{n % 2},{n * 1.5},{n}\n" for n in range(300))
    s3.put_object(Bucket=BUCKET, Key="churn/train.csv", Body=rows.encode())
    s3.put_object(Bucket=BUCKET, Key="folder/", Body=b"")
    return f"s3://{BUCKET}/churn/"


def test_list_and_show() -> None:
    listed = command("examples", "list")
    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == 21
    shown = command("examples", "show", "topics", "--sdk", "v3")
    assert "from sagemaker.train import ModelTrainer" in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "Name the examples"),
        (("run", "topics", "--all"), "Name the examples"),
        (("run", "topic"), "Did you mean topics?"),
        (("show", "1", "--sdk", "v4"), "it must be v2 or v3"),
        (
            ("run", "topics", "--data", "/tmp/no-server-here"),
            "Start one: sagewright up --data /tmp/no-server-here, or add --start",
        ),
    ],
)
def test_wrong_requests_are_answered_in_a_line(words: tuple[str, ...], said: str) -> None:
    done = command("examples", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tree_is_printed_where_nobody_can_answer() -> None:
    done = command("guide", stdin=subprocess.DEVNULL)
    assert "goal=boxes: Where things are → Object Detection" in done.stdout
    assert "task=" in done.stdout


@pytest.mark.parametrize(
    ("answers", "run"),
    [
        ("data=table,goal=class", "examples run tabular_xgboost"),
        ("task=experiments", "examples run experiments"),
        ("data=text,goal=translate", "algorithms/seq2seq.py"),
        ("data=table,goal=groups", 'retrieve("kmeans"'),
    ],
)
def test_answers_end_in_code_and_its_command(answers: str, run: str) -> None:
    done = command("guide", "--answers", answers)
    assert done.returncode == 0
    assert run in done.stdout
    assert "import sagemaker" in done.stdout


@pytest.mark.parametrize("answers", ["data=tables", "goal", "colour=red", "data=table"])
def test_answers_that_lead_nowhere_are_refused(answers: str) -> None:
    done = command("guide", "--answers", answers, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_data_suggests_the_answers(server: RunningServer, data: str) -> None:
    done = command("guide", "--data", data, "--server", str(server.data))
    assert "The first column has 2 values (0, 1)" in done.stdout
    assert "examples run tabular_xgboost" in done.stdout
    for uri, said in (
        ("s3://absent-bucket-x/", "not exist"),
        (f"s3://{BUCKET}/folder/", "no objects"),
        ("x.csv", "s3://"),
    ):
        done = command("guide", "--data", uri, "--server", str(server.data))
        assert done.returncode == (1 if "absent" in uri else 2)
        assert said in done.stderr


def test_questions_are_answered_by_numbers_in_a_terminal() -> None:
    main, other = pty.openpty()
    process = subprocess.Popen([SAGEWRIGHT, "guide", "--no-code"], stdin=other, stdout=other, stderr=other)
    os.close(other)
    os.write(main, b"1\nnothing\n3\n2\n")
    said = b""
    try:
        while block := os.read(main, 4096):
            said += block
    except OSError:  # the terminal's other end is closed
        pass
    assert process.wait(60) == 0
    assert b"Enter a number from 1 to 6." in said
    assert b"sagewright examples run object_detection" in said


def test_a_failed_example_is_reported_with_its_last_lines(server: RunningServer, tmp_path: Path) -> None:
    """Its buckets can't be made: the key is wrong."""
    (tmp_path / "endpoint").write_text(server.endpoint)
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIAWRONG\naws_secret_access_key = wrong\n")
    done = command("examples", "run", "data_parallel", "--json", "--data", str(tmp_path), env=ENVIRON)
    assert done.returncode == 1, done.stderr
    (found,) = map(json.loads, done.stdout.splitlines())
    assert (found["name"], found["state"], found["value"]) == ("data_parallel", "failed", None)
    assert found["lines"]


def test_a_server_of_its_own_ends_with_the_examples(tmp_path: Path) -> None:
    """And an example that lacks a program of the machine is skipped."""
    data = tmp_path / "data"
    environ = {**ENVIRON, "PATH": str(tmp_path)}
    done = command("examples", "run", "14", "--start", "--json", "--data", str(data), env=environ)
    assert done.returncode == 0, done.stderr
    (found,) = map(json.loads, done.stdout.splitlines())
    assert found["state"] == "skipped"
    assert "apt-get install podman" in found["lines"][-1]
    with pytest.raises(NoServer):
        find_target(data, "us-east-1", "000000000000")
