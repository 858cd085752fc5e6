"""Vocabularies: words and their numbers, `vocab.src.json` and `vocab.trg.json`.

Source: the contract's algorithms/seq2seq.md and _deep.md: `<pad>` 0, `<unk>` 1, `<s>` 2, `</s>` 3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sagewright.algorithms.errors import UserError

SOURCE, TARGET = "vocab.src.json", "vocab.trg.json"
PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL = {"<pad>": PAD, "<unk>": UNKNOWN, "<s>": BEGIN, "</s>": END}
MOST_BYTES, MOST_WORDS = 1 << 28, 10_000_000


class Seq2SeqVocabulary:
    """`numbers` of words, from 0 to `size` - 1."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self.size = max(numbers.values()) + 1
        self._words = {number: word for word, number in numbers.items()}

    @classmethod
    def read(cls, path: Path) -> Seq2SeqVocabulary:
        """Raises UserError for an invalid file."""
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(f"{path.name} has {size} bytes; a vocabulary may have {MOST_BYTES}")
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path.name} is not JSON: {error}") from error
        if not isinstance(found, dict) or not all(type(number) is int for number in found.values()):
            raise UserError(f"{path.name} must be a JSON object of words and their whole numbers")
        for word, number in SPECIAL.items():
            if found.get(word) != number:
                raise UserError(f"{path.name}: {word} must have number {number}, not {found.get(word)}")
        numbers = set(found.values())
        if len(numbers) != len(found) or min(numbers) < 0:
            raise UserError(f"{path.name}: each word must have a unique number, 0 or more")
        if max(numbers) >= MOST_WORDS:
            raise UserError(f"{path.name}: number {max(numbers)} is beyond {MOST_WORDS - 1}")
        return cls(found)

    def encode(self, text: str) -> list[int]:
        """Returns the numbers of words separated by blanks."""
        return [self.numbers.get(word, UNKNOWN) for word in text.split()]

    def decode(self, tokens: Sequence[int]) -> str:
        return " ".join(self._words.get(token, "<unk>") for token in tokens)
