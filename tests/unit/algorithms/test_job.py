"""The job's files, its data folder, its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagewright.algorithms import run
from sagewright.algorithms.errors import PlatformError
from sagewright.algorithms.formats import files
from sagewright.algorithms.job import Job
from sagewright.algorithms.native.hardware import gpu_count


def configure(root: Path, **contents: object) -> dict[str, str]:
    folder = root / "input" / "config"
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return {"SAGEWRIGHT_ML_ROOT": str(root), "TRAINING_JOB_NAME": "job-1"}


def test_a_job_is_read(tmp_path: Path) -> None:
    environment = configure(
        tmp_path,
        hyperparameters={"k": "1"},
        inputdataconfig={"train": {"ContentType": "text/csv"}},
        resourceconfig={"current_host": "algo-2", "hosts": ["algo-10", "algo-1", "algo-2"]},
        checkpointconfig={"S3Uri": "s3://b/p", "LocalPath": "/opt/ml/checkpoints/deep"},
    )
    job = Job.read(environment)
    assert (job.name, job.current_host, job.hosts) == ("job-1", "algo-2", ("algo-1", "algo-2", "algo-10"))
    assert job.checkpoint_directory == tmp_path / "checkpoints" / "deep"
    assert job.model_directory == tmp_path / "model"


def test_the_standard_checkpoint_path(tmp_path: Path) -> None:
    environment = configure(tmp_path, hyperparameters={}, inputdataconfig={}, checkpointconfig={"S3Uri": "s3://b"})
    job = Job.read(environment)
    assert job.checkpoint_directory == tmp_path / "checkpoints"
    assert job.hosts == ("algo-1",)


def test_what_the_platform_owes_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"hyperparameters\.json is missing"):
        Job.read({"SAGEWRIGHT_ML_ROOT": str(tmp_path)})
    environment = configure(tmp_path, hyperparameters={})
    (tmp_path / "input" / "config" / "inputdataconfig.json").write_text("{")
    with pytest.raises(PlatformError, match=r"is not JSON \(caused by JSONDecodeError\)"):
        Job.read(environment)


def test_data_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("b.csv", "a.csv", ".hidden", "_SUCCESS", "x/c.csv", "x/y/d.csv", "x/y/z/deep.csv", "_t/e.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1,2\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "x" / "link.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "x" / "loop").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in files.data_files(tmp_path)]
    assert [name for name in found if "loop" not in name] == ["a.csv", "b.csv", "x/c.csv", "x/link.csv", "x/y/d.csv"]
    assert "exceeds the limit 3" in caplog.text
    assert files.data_files(tmp_path / "a.csv") == [tmp_path / "a.csv"]
    assert files.data_files(tmp_path / "nothing") == []


def test_gpus(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "null"):
        (tmp_path / name).touch()
    assert gpu_count({}, tmp_path) == 2
    assert gpu_count({"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) == 1
    assert gpu_count({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == 0
    assert gpu_count({"SM_NUM_GPUS": "4"}, tmp_path) == 4
    assert gpu_count({}, tmp_path / "nothing") == 0


@pytest.mark.parametrize("arguments", [[], ["xgboost"], ["xgboost", "predict"], ["xgboost", "train", "more"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(arguments) == 64
    assert "usage:" in capsys.readouterr().err


def test_a_users_fault_ends_with_2_before_any_framework_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = configure(tmp_path, hyperparameters={"num_round": "0"}, inputdataconfig={})
    monkeypatch.setenv("SAGEWRIGHT_ML_ROOT", environment["SAGEWRIGHT_ML_ROOT"])
    assert run.main(["sagemaker-xgboost", "train"]) == 2
    failure = "Hyperparameter num_round: 0 is not in [1, +inf)"
    assert (tmp_path / "output" / "failure").read_text() == failure
    assert f"Customer Error: {failure}" in capsys.readouterr().out


def test_anything_else_ends_with_1_and_its_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = configure(tmp_path, hyperparameters={"num_round": "1"}, inputdataconfig={"train": {}})
    monkeypatch.setenv("SAGEWRIGHT_ML_ROOT", environment["SAGEWRIGHT_ML_ROOT"])

    def fail(*_: object) -> None:
        raise RuntimeError("x" * 2000)

    monkeypatch.setattr(run, "load_function", lambda _: fail)
    assert run.main(["xgboost", "train"]) == 1
    text = (tmp_path / "output" / "failure").read_text()
    assert text == ("RuntimeError: " + "x" * 2000)[:1024]
