"""Pretrained token vectors, from files of channel auxiliary.

An embedding file has a token and its numbers per line, like GloVe's (word2vec's first line, of two numbers, is skipped); a
vocabulary file is JSON, `{token: id}`. Source: the contract's algorithms/_deep.md.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.rules import SIDES, has_own_encoder
from sagewright.algorithms.object2vec.settings import EncoderSettings

MOST_VOCABULARY_BYTES = 1 << 28
MOST_LINE_BYTES = 1 << 16
CHANNEL = "auxiliary"


def fill(network: Object2VecNetwork, job: Job, values: Mapping[str, Any]) -> list[int]:
    """Writes the vectors of the files that the hyperparameters name into the network's tables. Returns the numbers of the tables
    that have no file. Raises UserError.
    """
    left = []
    for number, table in enumerate(network.tokens):
        side = SIDES[number if has_own_encoder(values) else 0]
        name = values[f"{side}_pretrained_embedding_file"]
        settings = network.settings.sides[number]
        if not name:
            _say_unused(side, values)
            left.append(number)
            continue
        known = _vocabulary(_path(job, values[f"{side}_vocab_file"], side), settings.vocabulary)
        numbers, found = _vectors(_path(job, name, side), known, settings)
        with torch.no_grad():
            if settings.frozen:
                table.weight.zero_()
            table.weight[torch.from_numpy(numbers)] = torch.from_numpy(found)
        logging.info("%s: %d of %d tokens have a vector in %s.", side, len(numbers), settings.vocabulary, name)
    return left


def _say_unused(side: str, values: Mapping[str, Any]) -> None:
    if values[f"{side}_vocab_file"] or not values[f"{side}_freeze_pretrained_embedding"]:
        logging.info(
            "%s has no pretrained_embedding_file: its vocab_file and freeze_pretrained_embedding are not used.", side
        )


def _path(job: Job, name: str, side: str) -> Path:
    """Returns the file of that name. Raises UserError if there is none."""
    if CHANNEL not in job.channels:
        raise UserError(f"{side}: the file {name} must be in channel {CHANNEL}, which the job does not have")
    files = job.channel_files(CHANNEL)
    for path in files:
        if path.name == name:
            return path
    raise UserError(
        f"{side}: channel {CHANNEL} has no file {name}, only {', '.join(path.name for path in files[:5]) or 'none'}"
    )


def _vocabulary(path: Path, most: int) -> dict[str, int]:
    """Returns the numbers of tokens. Raises UserError for an invalid file."""
    size = path.stat().st_size
    if size > MOST_VOCABULARY_BYTES:
        raise UserError(f"{path.name} has {size} bytes; a vocabulary file may have {MOST_VOCABULARY_BYTES}")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path.name} must be a JSON object of tokens and their numbers")
    for token, number in found.items():
        if type(number) is not int or not 0 <= number < most:
            raise UserError(
                f"{path.name}: token {token[:40]!r} has number {str(number)[:40]}; numbers are whole, from 0 to {most - 1}"
            )
    return found


def _vectors(path: Path, known: Mapping[str, int], side: EncoderSettings) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers (n,) of tokens in the vocabulary, and their vectors (n, dim) float32. Raises UserError."""
    numbers: dict[int, int] = {}
    rows: list[np.ndarray] = []
    with path.open("rb") as stream:
        count = 0
        while line := stream.readline(MOST_LINE_BYTES):
            count += 1
            parts = line.rstrip().rsplit(b" ", side.token_dim)
            if not line.strip() or (count == 1 and len(line.split()) == 2):
                continue
            number = known.get(parts[0].decode(errors="replace"))
            if len(parts) <= side.token_dim:
                raise UserError(
                    f"{path.name}, line {count}: a token and {side.token_dim} numbers are expected (token_embedding_dim)"
                )
            if number is not None and number not in numbers:
                numbers[number] = len(rows)
                rows.append(_numbers(parts[1:], f"{path.name}, line {count}"))
    if not rows:
        raise UserError(f"{path.name} has a vector of no token of the vocabulary")
    return np.array(list(numbers), np.int64), np.stack(rows)


def _numbers(parts: list[bytes], where: str) -> np.ndarray:
    try:
        found = np.array([float(each) for each in parts], np.float32)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    if not np.isfinite(found).all():
        raise UserError(f"{where}: a number is NaN or infinite")
    return found
