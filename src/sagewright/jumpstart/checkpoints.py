"""Checkpoints on this machine: folders of Hugging Face's cache and files of safetensors, checked before they are added.

Only weights as safetensors are taken: a pickle runs code when it is read. Source: the format's README in huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEIGHTS = ".safetensors"
_TEXTS = {".json", ".txt", ".model", ".jinja", ".md", ".tiktoken", ".vocab", ".spm"}
_PICKLED = {".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack", ".ot"}
_MOST_HEADER = 100 << 20
_MOST_FILES = 10_000
_CACHE = "models--"
_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


class BadCheckpoint(ValueError):
    """The message names the file and the fault."""


@dataclass(frozen=True)
class Checkpoint:
    """`files`: where each file of the model is, by its path in the model. `parameters`: the number of weights; `bytes`: the size of
    all files. `repository`: OWNER/NAME, where the folder's place in Hugging Face's cache says so, else "". `license`: as the model
    card names it, else ""."""

    files: Mapping[str, Path]
    parameters: int
    bytes: int
    repository: str
    license: str
    config: Mapping[str, Any]


def read_checkpoint(place: Path) -> Checkpoint:
    """Reads a folder of Hugging Face's (a repository of its cache, a snapshot, or any folder with `config.json`), or one file of
    safetensors. Raises BadCheckpoint."""
    if not place.exists():
        raise BadCheckpoint(f"There is no {place}.")
    root = _snapshot(place)
    files = dict(_files(root)) if root.is_dir() else {f"model{root.suffix}": root}
    weights = {path: file for path, file in files.items() if path.endswith(WEIGHTS)}
    if not weights:
        raise BadCheckpoint(f"{root} has no weights as safetensors{_pickled(root)}.")
    parameters = sum(count_parameters(file) for file in weights.values())
    config = _document(files["config.json"]) if "config.json" in files else {}
    total = sum(file.stat().st_size for file in files.values())
    return Checkpoint(files, parameters, total, _repository(place), _license(files), config)


def count_parameters(file: Path) -> int:
    """Returns the number of weights in a file of safetensors, by its header. Raises BadCheckpoint for a header that does not fit
    the file."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(_MOST_HEADER, size - 8):
            raise BadCheckpoint(
                f"{file.name} is not a file of safetensors: its header would have {length} of {size} bytes."
            )
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as error:
            raise BadCheckpoint(f"{file.name} is not a file of safetensors: its header is not JSON.") from error
    if not isinstance(header, dict):
        raise BadCheckpoint(f"{file.name} is not a file of safetensors: its header is not a JSON object.")
    tensors = (each for name, each in header.items() if name != "__metadata__")
    return sum(_parameters(file, each, size - 8 - length) for each in tensors)


def _parameters(file: Path, tensor: Any, room: int) -> int:
    """Returns the number of elements of a tensor of the header."""
    try:
        count = math.prod(int(one) for one in tensor["shape"])
        first, last = tensor["data_offsets"]
        expected = count * _BYTES[tensor["dtype"]] if tensor["dtype"] in _BYTES else last - first
        if not 0 <= first <= last <= room or last - first != expected or count < 0:
            raise ValueError
    except (TypeError, KeyError, ValueError) as error:
        raise BadCheckpoint(
            f"{file.name} is damaged: a tensor of its header does not fit the file's {room} bytes."
        ) from error
    return count


def _snapshot(place: Path) -> Path:
    """Returns the newest snapshot of a repository of the cache; any other place is itself."""
    snapshots = place / "snapshots"
    if not snapshots.is_dir():
        return place
    named = place / "refs" / "main"
    if named.is_file() and (found := snapshots / named.read_text().strip()).is_dir():
        return found
    folders = [each for each in snapshots.iterdir() if each.is_dir()]
    if not folders:
        raise BadCheckpoint(f"{place} has no snapshot: the download was interrupted.")
    return max(folders, key=lambda each: each.stat().st_mtime)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yields the files that a model needs. Links are followed only inside the repository of the cache."""
    inside = next((parent for parent in (root, *root.parents) if parent.name.startswith(_CACHE)), root).resolve()
    for number, file in enumerate(sorted(root.rglob("*"))):
        if number >= _MOST_FILES:
            raise BadCheckpoint(f"{root} has more than {_MOST_FILES} files.")
        if file.suffix not in {WEIGHTS, *_TEXTS} or not file.is_file():
            continue
        if not file.resolve().is_relative_to(inside):
            raise BadCheckpoint(f"{file} is a link out of {inside}.")
        yield file.relative_to(root).as_posix(), file


def _pickled(root: Path) -> str:
    """Returns a hint about weights in another format."""
    folder = root if root.is_dir() else root.parent
    found = sorted(file.name for file in folder.glob("*") if file.suffix in _PICKLED)
    if not found and root.suffix not in _PICKLED:
        return ""
    name = found[0] if found else root.name
    return (
        f", and {name} is a format that can run code when it is read: convert it with `save_pretrained` of transformers"
    )


def _repository(place: Path) -> str:
    """Returns OWNER/NAME, from the folder's name in Hugging Face's cache."""
    for folder in (place, *place.absolute().parents):
        if folder.name.startswith(_CACHE):
            owner, _, name = folder.name.removeprefix(_CACHE).partition("--")
            return f"{owner}/{name}" if name else owner
    return ""


def _license(files: Mapping[str, Path]) -> str:
    """Returns the licence that the header of the model card names."""
    card = files.get("README.md")
    if card is None:
        return ""
    with card.open(encoding="utf-8", errors="replace") as lines:
        for line in lines.read(65_536).splitlines()[:200]:
            if line.startswith("license:"):
                return line.partition(":")[2].strip().strip("\"'")
    return ""


def _document(file: Path) -> Mapping[str, Any]:
    """Raises BadCheckpoint."""
    if file.stat().st_size > _MOST_HEADER:
        raise BadCheckpoint(f"{file.name} has {file.stat().st_size} bytes.")
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{file.name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadCheckpoint(f"{file.name} is not a JSON object.")
    return found
