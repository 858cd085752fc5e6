"""Checkpoints: the state after an epoch as one file, from which an interrupted job resumes.

A file `checkpoint-0003.safetensors` is written atomically; the two newest are kept. Files are treated as untrusted input: their
size is limited to that of a state, and names and shapes are checked.
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
    """`epochs` are complete; `document` is the JSON saved beside the tensors."""

    name: str
    epochs: int
    tensors: dict[str, torch.Tensor]
    document: Mapping[str, Any]


class Checkpoints:
    """The checkpoints in a directory. `writes` is false at hosts that only read."""

    def __init__(self, directory: Path, *, writes: bool = True) -> None:
        self._directory, self._writes = directory, writes

    def save(self, epochs: int, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> None:
        """Saves the state after `epochs` epochs and deletes older files except for the previous one."""
        if not self._writes:
            return
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = save(plain, metadata={_DOCUMENT: json.dumps(document, sort_keys=True)})
        artefact.write(self._directory, content, f"checkpoint-{epochs:04d}.safetensors")
        for _, path in self._files()[KEPT:]:
            path.unlink(missing_ok=True)

    def newest(self, most_bytes: int) -> Checkpoint | None:
        """The newest readable checkpoint, or None if there are none; the log names those that can't be read.

        Raises UserError if there are checkpoints and none of them can be read.
        """
        wrong = []
        for epochs, path in self._files():
            size = path.stat().st_size
            if size > most_bytes:
                raise UserError(
                    f"Checkpoint {path.name} has {size} bytes, and this training writes at most {most_bytes}: it belongs to "
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
        """Files, the newest first."""
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
