"""`explanations_shap/out.jsonl`: a line for each row, with the values of its pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from sagewright.clarify.shap.output import FOLDER
from sagewright.clarify.tables import Section
from sagewright.clarify.texts.explanation import TextExplanation


def record(found: TextExplanation, features: Sequence[str] = (), join_source_value: Any = None) -> Section:
    """A line's object. `features`: columns to show, () for all. Each attribution has one number per output."""
    explanations = []
    numbered = enumerate(found.pieces)
    for column, group in groupby(numbered, key=lambda pair: pair[1].column):
        attributions = []
        for place, piece in group:
            entry: Section = {"attribution": found.values[place].tolist()}
            if piece.unit is not None:
                entry["description"] = {"partial_text": piece.unit.text, "start_idx": piece.unit.start}
            attributions.append(entry)
        if not features or column in features:
            explanations.append(
                {"attributions": attributions, "data_type": found.data_types[column], "feature_name": column}
            )
    line: Section = {"explanations": explanations}
    if join_source_value is not None:
        plain = join_source_value.item() if isinstance(join_source_value, np.generic) else join_source_value
        line["join_source_value"] = plain
    return line


class LocalTexts:
    """Writes out.jsonl below the job's output while rows are explained. `part`: the number of a host's part, None for one file."""

    def __init__(self, folder: Path, part: int | None = None) -> None:
        target = folder / FOLDER
        self.path = target / "out.jsonl" if part is None else target / "out.jsonl" / f"part-{part:05}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("w", encoding="utf-8", errors="surrogatepass", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, line: Section) -> None:
        self._stream.write(json.dumps(line, ensure_ascii=True, allow_nan=False) + "\n")
