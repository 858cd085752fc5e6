"""Files of weights: read back bit by bit, equal for equal networks, refused where they are something else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from torch import nn

from sagewright.algorithms.deep import weights
from sagewright.algorithms.errors import UserError


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last), nn.BatchNorm2d(4))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one, other = network(1), network(2)
    weights.write(tmp_path / "a.params", one.state_dict())
    weights.fill(other, weights.read(tmp_path / "a.params"), "the model")
    assert all(torch.equal(one.state_dict()[name], other.state_dict()[name]) for name in one.state_dict())
    weights.write(tmp_path / "b.params", other.state_dict())
    assert (tmp_path / "a.params").read_bytes() == (tmp_path / "b.params").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.params", "b.params"]


def test_another_network_is_refused(tmp_path: Path) -> None:
    tensors = network().state_dict()
    weights.write(tmp_path / "a.params", tensors)
    given = weights.read(tmp_path / "a.params")
    with pytest.raises(UserError, match=r"it lacks 2\.weight"):
        weights.check({**tensors, "2.weight": torch.zeros(1)}, given, "the model")
    with pytest.raises(UserError, match=r"it has 0\.bias, 0\.weight, 1\.bias and 4 more too many"):
        weights.check({}, given, "the model")
    with pytest.raises(UserError, match=r"0\.bias is float32 \[4\], and float32 \[5\] is expected"):
        weights.check({**tensors, "0.bias": torch.zeros(5)}, given, "the model")
    with pytest.raises(UserError, match=r"0\.bias is float32 \[4\], and float64 \[4\] is expected"):
        weights.check({**tensors, "0.bias": torch.zeros(4, dtype=torch.float64)}, given, "the model")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a safetensors file"),
        (b"\x80\x04" + b"pickle" * 9, "not a safetensors file"),
        (struct.pack("<Q", 1 << 60) + b"{}", "not a safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "not a safetensors file"),
        (struct.pack("<QQ", 0x112, 0), "an MXNet file"),
    ],
)
def test_other_files_are_told_as_what_they_are(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.params").write_bytes(content)
    with pytest.raises(UserError, match=said):
        weights.read(tmp_path / "a.params")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a file a\.params is expected"):
        weights.read(tmp_path / "a.params")
    with pytest.raises(UserError, match=r"a file a\.json is expected"):
        weights.read_json(tmp_path / "a.json")


def test_documents_are_read_back(tmp_path: Path) -> None:
    weights.write_json(tmp_path / "a.json", {"b": [1], "a": "x"})
    assert weights.read_json(tmp_path / "a.json") == {"a": "x", "b": [1]}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_bad_documents_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json is not JSON"):
        weights.read_json(tmp_path / "a.json")


def test_a_document_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MOST_JSON_BYTES", 10)
    (tmp_path / "a.json").write_bytes(b" " * 11)
    with pytest.raises(UserError, match="has 11 bytes; the limit is 10"):
        weights.read_json(tmp_path / "a.json")
