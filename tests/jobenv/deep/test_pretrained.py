"""Pretrained weights: where they are looked for, and what is no file of weights."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sagewright.algorithms.deep import pretrained
from sagewright.algorithms.deep.pretrained import Wanted
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job

WANTED = Wanted("ResNet-18", ("resnet18-f37072fd.pth", "resnet18.safetensors"))


def job_at(place: Path) -> Job:
    return Job(place, "a-job", {}, {}, "algo-1", ("algo-1",), None)


def test_the_jobs_channel_counts_before_torchs_folder(tmp_path: Path) -> None:
    channel, home = tmp_path / "input" / "data" / "model", tmp_path / "home"
    cached = home / "hub" / "checkpoints"
    channel.mkdir(parents=True)
    cached.mkdir(parents=True)
    torch.save({"fc.bias": torch.ones(2)}, cached / WANTED.names[0])
    environment = {"TORCH_HOME": str(home)}
    assert pretrained.find(job_at(tmp_path), WANTED, environment)["fc.bias"].tolist() == [1, 1]
    save_file({"fc.bias": torch.zeros(3)}, channel / WANTED.names[1])
    assert pretrained.find(job_at(tmp_path), WANTED, environment)["fc.bias"].tolist() == [0, 0, 0]


def test_where_there_is_none_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        pretrained.find(job_at(tmp_path), WANTED, {"HOME": str(tmp_path)})
    said = str(caught.value)
    assert "There are no pretrained weights of ResNet-18 here" in said
    assert "sagewright weights add resnet18-f37072fd.pth" in said
    assert str(tmp_path / "input" / "data" / "model") in said
    assert str(tmp_path / ".cache" / "torch" / "hub" / "checkpoints") in said


class Evil:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was unpickled",))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    for number, content in enumerate((Evil(), {"a": Evil()}, [1, 2], {"a": 1})):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        with pytest.raises(UserError, match=f"{number}.pth is no file of weights alone"):
            pretrained.read(path)
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(UserError, match="no file of weights alone"):
        pretrained.read(tmp_path / "old.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04" + b"\0" * 60])
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is no file of weights alone"):
        pretrained.read(tmp_path / name)
