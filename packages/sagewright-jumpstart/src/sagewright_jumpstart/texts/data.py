"""The training data of text classifiers: `data.csv` without a header, a label and one text or two."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.outputs import LABELS
from sagewright_jumpstart.tables import files_of, label_of, rows_of

FILE = "data.csv"
_MOST_CLASSES = 10_000
_LABELS_OF_PAIRS = 2


@dataclass(frozen=True)
class LabelledTexts:
    labels: list[int]
    texts: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: Sequence[int]) -> LabelledTexts:
        return LabelledTexts([self.labels[row] for row in rows], [self.texts[row] for row in rows])


def read_texts(folder: Path, pairs: bool) -> LabelledTexts:
    """Reads a channel. Raises InputError."""
    most = _LABELS_OF_PAIRS if pairs else _MOST_CLASSES
    labels, texts = [], []
    for place, row in rows_of(files_of(folder, FILE), 3 if pairs else 2):
        labels.append(label_of(place, row[0], most))
        texts.append(tuple(row[1:]))
    if not labels:
        raise InputError(f"channel {folder.name}: {FILE} has no rows")
    return LabelledTexts(labels, texts)


def divide(data: LabelledTexts, share: float, seed: int) -> tuple[LabelledTexts, LabelledTexts]:
    """Returns the rows for training and those for validation, with each class's share in both."""
    generator = random.Random(seed)  # noqa: S311 - it shuffles
    by_label: dict[int, list[int]] = {}
    for row, label in enumerate(data.labels):
        by_label.setdefault(label, []).append(row)
    kept: list[int] = []
    held: list[int] = []
    for label in sorted(by_label):
        rows = by_label[label]
        generator.shuffle(rows)
        count = min(len(rows) - 1, round(len(rows) * share))
        held += rows[:count]
        kept += rows[count:]
    return data.chosen(kept), data.chosen(held)


def label_names(folder: Path, classes: int) -> tuple[str, ...]:
    """Returns names of the classes from `class_label_to_prediction_index.json`; () if the channel has none. Raises InputError if it
    does not name each class once."""
    file = folder / LABELS
    if not file.is_file():
        return ()
    try:
        found = json.loads(file.read_bytes())
        names = {int(index): str(name) for name, index in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{LABELS}: an object of indices by name is expected: {error}") from error
    if sorted(names) != list(range(len(names))) or len(names) < classes or len(names) > _MOST_CLASSES:
        raise InputError(
            f"{LABELS}: indices from 0 to {max(classes, len(names)) - 1}, each once, not {sorted(names)[:10]}"
        )
    return tuple(names[index] for index in range(len(names)))
