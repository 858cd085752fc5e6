"""Boosters in files: the artifact and the checkpoints.

The format is XGBoost's UBJSON, under the contract's names without an extension: `xgboost.Booster(model_file=…)` of version 1.6 and
later opens it. The artifact of a job whose image is older than 1.3 is a pickled booster, as AWS's images wrote it: scripts written
for those unpickle it.
"""

from __future__ import annotations

import logging
import pickle
import re
from pathlib import Path
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.oldmodels import load_old

MODEL_NAME = "xgboost-model"
CHECKPOINT_NAME = "xgboost-checkpoint"
CHECKPOINTS_KEPT = 5
FIRST_INDEX = "sagewright_first_index"
"""The attribute that marks a booster trained on LibSVM indices starting at 1: inference must not shift them."""

_UNPICKLED_SINCE = (1, 3)
_CHECKPOINT = re.compile(rf"{CHECKPOINT_NAME}\.([0-9]+)")


def is_pickled(image_version: str) -> bool:
    """True if AWS's image of that version (`0.90-2`, `1.0-1`; "" if its tag names none) pickles the artifact."""
    parts = image_version.partition("-")[0].split(".")
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    return 0 < len(numbers) == len(parts) and numbers < _UNPICKLED_SINCE


def save(booster: Any, path: Path, pickled: bool = False) -> None:
    """Writes the booster atomically: a reader never sees a partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(pickle.dumps(booster) if pickled else booster.save_raw(raw_format="ubj"))
    part.replace(path)


def load(path: Path) -> Any:
    """Raises xgboost.core.XGBoostError for a file that is not a model, UserError for one of an old release that can't be loaded."""
    content = path.read_bytes()
    old = load_old(content)
    return xgb.Booster(model_file=bytearray(content)) if old is None else old


def remove_parts(directory: Path) -> None:
    """Removes the files of interrupted calls of `save`."""
    for part in directory.glob(".*.part"):
        part.unlink()


def checkpoints(directory: Path) -> list[tuple[int, Path]]:
    """Returns (iteration, file) of the checkpoints in a folder, oldest first."""
    if not directory.is_dir():
        return []
    matches = [(_CHECKPOINT.fullmatch(path.name), path) for path in directory.iterdir()]
    return sorted((int(match[1]), path) for match, path in matches if match)


def latest_checkpoint(directory: Path) -> tuple[int, bytes] | None:
    """Returns (rounds done, model bytes) of the newest readable checkpoint, or None."""
    for iteration, path in reversed(checkpoints(directory)):
        try:
            load(path)
        except (xgb.core.XGBoostError, UserError, OSError):
            logging.warning("Checkpoint %s can't be read; trying the one before.", path)
            continue
        logging.info("Checkpoint loaded from %s", path)
        logging.info("Resuming from iteration %s", iteration + 1)
        return iteration + 1, path.read_bytes()
    return None


def save_checkpoint(booster: Any, directory: Path, iteration: int) -> None:
    """Writes one checkpoint and removes all but the newest `CHECKPOINTS_KEPT`."""
    save(booster, directory / f"{CHECKPOINT_NAME}.{iteration}")
    for _, path in checkpoints(directory)[:-CHECKPOINTS_KEPT]:
        path.unlink(missing_ok=True)
