"""Checkpoints: the state after an epoch as one file, from which a job that was interrupted goes on.

A file `checkpoint-0003.safetensors` is written whole or not at all; the two newest stay. Files are read as what a stranger wrote:
no larger than a state can be, by names and shapes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact

KEPT = 2
_NAME = re.compile(r"checkpoint-([0-9]{4,9})\.safetensors")
_DOCUMENT = "document"


@dataclass(frozen=True)
class Checkpoint:
    """`epochs` are done; `document` is the JSON that was saved beside the tensors."""

    name: str
    epochs: int
    tensors: dict[str, torch.Tensor]
    document: Mapping[str, Any]


class Checkpoints:
    """Those in a directory. `writes` is false at hosts that only read."""

    def __init__(self, directory: Path, *, writes: bool = True) -> None:
        self._directory, self._writes = directory, writes

    def save(self, epochs: int, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> None:
        """The state after so many epochs; older files go, but for the one before."""
        if not self._writes:
            return
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = save(plain, metadata={_DOCUMENT: json.dumps(document, sort_keys=True)})
        artefact.write(self._directory, content, f"checkpoint-{epochs:04d}.safetensors")
        for _, path in self._files()[KEPT:]:
            path.unlink(missing_ok=True)

    def newest(self, most_bytes: int) -> Checkpoint | None:
        """The newest that can be read; the log names those that can't. None where there is none.

        Raises UserError where there are some and none of them can be read.
        """
        wrong = []
        for epochs, path in self._files():
            size = path.stat().st_size
            if size > most_bytes:
                raise UserError(
                    f"Checkpoint {path.name} has {size} bytes, and {most_bytes} are the most that this training leaves: it is of "
                    "another one."
                )
            try:
                return _read(path, epochs)
            except (SafetensorError, ValueError, OSError, RecursionError) as error:
                wrong.append(f"{path.name}: {error}")
                logging.warning("Checkpoint %s can't be read: %s", path.name, error)
        if wrong:
            raise UserError(f"No checkpoint can be read: {'; '.join(wrong)}.")
        return None

    def _files(self) -> list[tuple[int, Path]]:
        """The newest first."""
        if not self._directory.is_dir():
            return []
        matches = [(_NAME.fullmatch(path.name), path) for path in self._directory.iterdir() if path.is_file()]
        return sorted(((int(match[1]), path) for match, path in matches if match), reverse=True)


def _read(path: Path, epochs: int) -> Checkpoint:
    with safe_open(path, "pt") as stream:
        names = stream.keys()
        document = json.loads((stream.metadata() or {}).get(_DOCUMENT, "null"))
        if not isinstance(document, dict):
            raise ValueError("it has no document")
        return Checkpoint(path.name, epochs, {name: stream.get_tensor(name) for name in names}, document)
