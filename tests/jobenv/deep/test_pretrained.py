"""Pretrained weights: where they are looked for, and what is no file of weights."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sagewright.algorithms.deep import downloads, pretrained
from sagewright.algorithms.deep.pretrained import PretrainedWeights
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job

WANTED = PretrainedWeights("ResNet-18", ("resnet18-f37072fd.pth", "resnet18.safetensors"))


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
    assert "No pretrained weights for ResNet-18 were found" in said
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
        with pytest.raises(UserError, match=f"{number}.pth is not a plain file of weights"):
            pretrained.read(path)
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(UserError, match="not a plain file of weights"):
        pretrained.read(tmp_path / "old.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04" + b"\0" * 60])
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is not a plain file of weights"):
        pretrained.read(tmp_path / name)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that a server shows, and its address."""
    shown = tmp_path / "shown"
    shown.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(shown))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield shown, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def saved(place: Path) -> str:
    """Weights in a file that is named as torch names them; the name."""
    torch.save({"fc.bias": torch.ones(2)}, place / "some")
    name = f"resnet18-{hashlib.sha256((place / 'some').read_bytes()).hexdigest()[:8]}.pth"
    (place / "some").rename(place / name)
    return name


def test_weights_come_from_the_network_where_that_is_set(tmp_path: Path, folder: tuple[Path, str]) -> None:
    shown, address = folder
    wanted = PretrainedWeights("ResNet-18", ("resnet18-00000000.pth", "resnet18.safetensors", saved(shown)))
    environment = {"HOME": str(tmp_path)}
    with pytest.raises(UserError, match="setting weights_from_network"):
        pretrained.find(job_at(tmp_path), wanted, environment)
    environment["SAGEWRIGHT_WEIGHTS_FROM_NETWORK"] = f"{address}/"
    assert pretrained.find(job_at(tmp_path), wanted, environment)["fc.bias"].tolist() == [1, 1]
    with pytest.raises(UserError, match=f"looked for .* in .*{address}"):
        pretrained.find(job_at(tmp_path), PretrainedWeights("ResNet-18", ("resnet18-11111111.pth",)), environment)


def test_what_is_not_what_its_name_says_is_refused(
    tmp_path: Path, folder: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, address = folder
    name = saved(shown)
    (shown / "resnet18-11111111.pth").write_bytes((shown / name).read_bytes())
    with pytest.raises(UserError, match="does not match the digest in its name"):
        downloads.fetch(address, ["resnet18-11111111.pth"], tmp_path)
    assert not (tmp_path / "resnet18-11111111.pth").exists()
    monkeypatch.setattr(downloads, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="more than 100 bytes"):
        downloads.fetch(address, [name], tmp_path)
    with pytest.raises(UserError, match="Cannot download"):
        downloads.fetch("http://127.0.0.1:1", [name], tmp_path)
