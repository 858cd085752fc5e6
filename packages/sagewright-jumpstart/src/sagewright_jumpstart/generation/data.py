"""Training texts: `.txt` files, and `.jsonl` files whose lines have a `text`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from sagewright_jumpstart.errors import InputError

_MOST_BYTES = 2 << 30
_LONGEST_PART = 100_000


def read_texts(folder: Path) -> list[str]:
    """Returns the documents of a channel. Raises InputError."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in {".txt", ".jsonl"})
    size = sum(path.stat().st_size for path in files)
    if not files or size > _MOST_BYTES:
        raise InputError(
            f"channel {folder.name}: .txt or .jsonl files of at most {_MOST_BYTES >> 30} GB, not {len(files)} of {size} bytes"
        )
    found = [text for file in files for text in _documents(file) if text.strip()]
    if not found:
        raise InputError(f"channel {folder.name}: its files have no text")
    return found


def _documents(file: Path) -> Iterator[str]:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name} is not UTF-8: {error}") from error
    if file.suffix == ".txt":
        yield text
        return
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            found = json.loads(line)["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f'{file.name}, line {number}: {{"text": …}} is expected: {error!r}') from error
        if not isinstance(found, str):
            raise InputError(f"{file.name}, line {number}: text is not a text")
        yield found


def blocks_of(texts: list[str], tokenizer: Any, length: int) -> torch.Tensor:
    """Returns rows of `length` + 1 tokens: the documents one after the other, each with the end token behind it."""
    ids: list[int] = []
    for text in texts:
        for start in range(0, len(text), _LONGEST_PART):
            ids.extend(tokenizer(text[start : start + _LONGEST_PART], add_special_tokens=False).input_ids)
        ids.append(tokenizer.eos_token_id)
    count = (len(ids) - 1) // length
    if not count:
        raise InputError(
            f"channel training: at least {length + 1} tokens (hyperparameter max_input_length), not {len(ids)}"
        )
    return torch.tensor(ids[: count * length + 1]).unfold(0, length + 1, length)
