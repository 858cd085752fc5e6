"""A network's weights as a file: safetensors, with JSON beside it. Nothing is unpickled. Equal networks give equal files.

Source: the format's specification (huggingface/safetensors): a length, a JSON header, the tensors' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact

_MXNET = (0x112).to_bytes(8, "little")
_OF_AWS = (
    "a model that was trained by the algorithm on AWS can't be read. Train it again on the same data, or serve it with "
    "your own script in an MXNet image."
)
MOST_JSON_BYTES = 1 << 26
_SHOWN = 3
Tensors = Mapping[str, torch.Tensor]


def write(path: Path, tensors: Tensors) -> None:
    """Writes the tensors to the file `path`, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    artefact.write(path.parent, save(plain), path.name)


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file. Raises UserError if it is missing or was not written by this module; MXNet's files are reported as
    such."""
    if not path.is_file():
        raise UserError(f"There is no model in {path.parent}: a file {path.name} is expected.")
    with path.open("rb") as stream:
        if stream.read(8) == _MXNET:
            raise UserError(f"{path.name} is an MXNet file: {_OF_AWS}")
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(f"{path.name} is not a safetensors file: {error}") from error
    return tensors


def read_symbol(path: Path) -> Any:
    """The content of a file that describes a network. Raises UserError; an MXNet network is reported as such."""
    document = read_json(path)
    if isinstance(document, dict) and "nodes" in document:
        raise UserError(f"{path.name} is an MXNet network: {_OF_AWS}")
    return document


def fill(module: torch.nn.Module, tensors: Tensors, what: str) -> None:
    """Loads the tensors into the module. Raises UserError, which calls them `what`, if names, shapes or types differ."""
    check(module.state_dict(), tensors, what)
    module.load_state_dict(dict(tensors))


def check(expected: Tensors, given: Tensors, what: str) -> None:
    """Raises UserError if the names, shapes or types of `given` differ from those of `wanted`."""
    missing, extra = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
    if missing or extra:
        said = [f"it lacks {_some(missing)}"] * bool(missing) + [f"it has {_some(extra)} too many"] * bool(extra)
        raise UserError(f"{what} belongs to another network: {'; '.join(said)}.")
    for name, tensor in expected.items():
        other = given[name]
        if other.shape != tensor.shape or other.dtype != tensor.dtype:
            raise UserError(
                f"{what} belongs to another network: {name} is {_form(other)}, and {_form(tensor)} is expected."
            )


def write_json(path: Path, document: Mapping[str, Any] | list[Any]) -> None:
    """Writes a JSON file beside the weights, the same bytes for the same content."""
    artefact.write(path.parent, json.dumps(document, indent=1, sort_keys=True).encode(), path.name)


def read_json(path: Path) -> Any:
    """The content of a JSON file beside the weights. Raises UserError."""
    if not path.is_file():
        raise UserError(f"There is no model in {path.parent}: a file {path.name} is expected.")
    size = path.stat().st_size
    if size > MOST_JSON_BYTES:
        raise UserError(f"{path.name} has {size} bytes; the limit is {MOST_JSON_BYTES}.")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is not JSON: {error}") from error


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _form(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
