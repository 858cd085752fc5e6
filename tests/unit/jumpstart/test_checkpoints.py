"""Checkpoints: those of Hugging Face's cache, and those that are damaged or hostile."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from sagewright.jumpstart.checkpoints import BadCheckpoint, read_checkpoint


def tensors(file: Path, header: Any, data: bytes = b"") -> Path:
    """Writes a file of safetensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return file


SMALL = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"format": "pt"}}


def folder(root: Path) -> Path:
    """Writes a repository of the cache: files are links to blobs, as huggingface_hub writes them."""
    repository, revision = root / "models--google-bert--bert-base-cased", "abc123"
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    tensors(repository / "blobs" / "1", SMALL, bytes(24))
    for name, body in (
        ("config.json", '{"model_type": "bert"}'),
        ("README.md", "---\nlicense: apache-2.0\n---\n"),
        ("x.py", ""),
    ):
        (repository / "blobs" / name).write_text(body)
        (snapshot / name).symlink_to(Path("../../blobs") / name)
    (snapshot / "model.safetensors").symlink_to("../../blobs/1")
    (snapshot / "pytorch_model.bin").write_bytes(b"pickle")
    return repository


def test_a_repository_of_the_cache(tmp_path: Path) -> None:
    found = read_checkpoint(folder(tmp_path))
    assert set(found.files) == {"config.json", "README.md", "model.safetensors"}
    assert (found.parameters, found.repository, found.license) == (6, "google-bert/bert-base-cased", "apache-2.0")
    assert found.config["model_type"] == "bert"
    assert (
        read_checkpoint(tmp_path / "models--google-bert--bert-base-cased/snapshots/abc123").repository
        == found.repository
    )


def test_one_file(tmp_path: Path) -> None:
    found = read_checkpoint(tensors(tmp_path / "weights.safetensors", SMALL, bytes(24)))
    assert (set(found.files), found.parameters, found.repository) == ({"model.safetensors"}, 6, "")


def test_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    repository = folder(tmp_path)
    (tmp_path / "secret.json").write_text("{}")
    (repository / "snapshots" / "abc123" / "secret.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(BadCheckpoint, match="is a link out of"):
        read_checkpoint(repository)


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BadCheckpoint, match=r"pytorch_model\.bin is a format that can run code"):
        read_checkpoint(tmp_path)
    with pytest.raises(BadCheckpoint, match="can run code"):
        read_checkpoint(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"{", b""),
        (b"[]", b""),
        (b"[" * 100_000, b""),
        ({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 25]}}, bytes(25)),
        ({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(23)),
        ({"a": {"dtype": "F32", "shape": [-2, -3], "data_offsets": [24, 0]}}, bytes(24)),
        ({"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 24]}}, bytes(24)),
        ({"a": []}, b""),
        ({"a": {"dtype": "F32", "shape": [10**30], "data_offsets": [0, 24]}}, bytes(24)),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, header: Any, data: bytes) -> None:
    with pytest.raises(BadCheckpoint, match=r"model\.safetensors"):
        read_checkpoint(tensors(tmp_path / "model.safetensors", header, data))


def test_a_header_longer_than_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(BadCheckpoint, match="not a file of safetensors"):
        read_checkpoint(tmp_path)


def test_missing_places(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="There is no"):
        read_checkpoint(tmp_path / "nothing")
    (tmp_path / "models--a--b" / "snapshots").mkdir(parents=True)
    with pytest.raises(BadCheckpoint, match="has no snapshot"):
        read_checkpoint(tmp_path / "models--a--b")
