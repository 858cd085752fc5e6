"""The training data of models that answer questions: `data.csv` without a header, and its windows of tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.tables import files_of, rows_of

FILE = "data.csv"
_COLUMNS = 4
_MOST_CHARACTERS = 200_000
_MOST_QUESTION = 0.5
"""Maximum share of a window that its question may fill."""
_ROWS = 1000
"""Rows whose tokens are located at a time."""


@dataclass(frozen=True)
class AnsweredQuestion:
    """`context[start:end]` is the answer. `place`: the row in words."""

    place: str
    question: str
    context: str
    start: int
    end: int


def read_questions(folder: Path) -> list[AnsweredQuestion]:
    """Reads a channel. Raises InputError."""
    found = [_question(place, row) for place, row in rows_of(files_of(folder, FILE), _COLUMNS)]
    if not found:
        raise InputError(f"channel {folder.name}: {FILE} has no rows")
    return found


def _question(place: str, row: Sequence[str]) -> AnsweredQuestion:
    question, context, *bounds = row
    if not question.strip() or not context.strip() or len(context) > _MOST_CHARACTERS:
        raise InputError(
            f"{place}: a question and a context of at most {_MOST_CHARACTERS} characters, not {len(question)} and {len(context)}"
        )
    try:
        start, end = (int(each.strip()[:20]) for each in bounds)
    except ValueError:
        raise InputError(f"{place}: the answer's bounds are integers, not {', '.join(bounds)[:60]!r}") from None
    if not 0 <= start < end <= len(context):
        raise InputError(
            f"{place}: the answer is inside the context's {len(context)} characters, not from {start} to {end}"
        )
    return AnsweredQuestion(place, question, context, start, end)


def divide(
    rows: Sequence[AnsweredQuestion], share: float, seed: int
) -> tuple[list[AnsweredQuestion], list[AnsweredQuestion]]:
    """Returns the rows for training and those for validation; contexts are in only one of both, where there are two or more."""
    contexts = list(dict.fromkeys(row.context for row in rows))
    random.Random(seed).shuffle(contexts)  # noqa: S311 - it shuffles
    held = set(contexts[: min(len(contexts) - 1, round(len(contexts) * share))])
    return [row for row in rows if row.context not in held], [row for row in rows if row.context in held]


@dataclass(frozen=True)
class QuestionWindows:
    """Inputs of the network, one row a window; `starts` and `ends`: the answer's tokens, 0 in windows without it."""

    inputs: dict[str, torch.Tensor]
    starts: torch.Tensor
    ends: torch.Tensor

    def __len__(self) -> int:
        return len(self.starts)


def windows_of(rows: Sequence[AnsweredQuestion], tokenizer: Any, length: int) -> QuestionWindows:
    """Returns the windows of the rows: overlapping parts of each context, each after the question. Raises InputError."""
    longest = int(length * _MOST_QUESTION)
    for row in rows:
        count = len(tokenizer(row.question, add_special_tokens=False).input_ids)
        if count > longest:
            raise InputError(
                f"{row.place}: the question has {count} tokens; at most {longest}, half of max_input_length"
            )
    parts = [_windows(rows[begin : begin + _ROWS], tokenizer, length) for begin in range(0, len(rows), _ROWS)]
    inputs = {name: torch.cat([part.inputs[name] for part in parts]) for name in parts[0].inputs}
    return QuestionWindows(inputs, torch.cat([part.starts for part in parts]), torch.cat([part.ends for part in parts]))


def _windows(rows: Sequence[AnsweredQuestion], tokenizer: Any, length: int) -> QuestionWindows:
    made = tokenizer(
        [row.question for row in rows],
        [row.context for row in rows],
        truncation="only_second",
        max_length=length,
        stride=length // 4,
        padding="max_length",
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    sample, offsets = made.pop("overflow_to_sample_mapping").tolist(), made.pop("offset_mapping").tolist()
    bounds = [
        _bounds(rows[sample[window]], offsets[window], made.sequence_ids(window)) for window in range(len(sample))
    ]
    starts, ends = (torch.tensor([each[side] for each in bounds]) for side in (0, 1))
    return QuestionWindows({name: each.int() for name, each in made.items()}, starts, ends)


def _bounds(row: AnsweredQuestion, offsets: Sequence[Sequence[int]], parts: Sequence[int | None]) -> tuple[int, int]:
    """Returns the first and last token of the answer; (0, 0) if the window does not have all of it."""
    inside = [token for token, part in enumerate(parts) if part == 1]
    if not inside or offsets[inside[0]][0] > row.start or offsets[inside[-1]][1] < row.end:
        return 0, 0
    first = max(token for token in inside if offsets[token][0] <= row.start)
    last = min(token for token in inside if offsets[token][1] >= row.end)
    return first, max(first, last)
