"""Training texts with marked entities: JSON lines, manifests of Ground Truth, and CoNLL's columns."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright_jumpstart.errors import InputError

JSON_LINES, COLUMNS = frozenset({".jsonl", ".manifest"}), frozenset({".conll", ".iob"})
_MOST_BYTES = 1 << 30
LONGEST = 100_000
_LONGEST_LABEL, _MOST_LABELS = 100, 1000


@dataclass(frozen=True)
class MarkedText:
    """`entities`: the first character, the one after the last, and the label of each, in the text's order. `place`: in words."""

    place: str
    text: str
    entities: tuple[tuple[int, int, str], ...]


def read_marked(folder: Path) -> list[MarkedText]:
    """Reads a channel. Raises InputError."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in JSON_LINES | COLUMNS)
    size = sum(path.stat().st_size for path in files)
    if not files or size > _MOST_BYTES:
        raise InputError(
            f"channel {folder.name}: .jsonl, .manifest or .conll files of at most {_MOST_BYTES >> 30} GB, "
            f"not {len(files)} of {size} bytes"
        )
    found = [each for file in files for each in _marked(file)]
    labels = labels_of(found)
    if not labels or len(labels) > _MOST_LABELS:
        raise InputError(f"channel {folder.name}: 1 to {_MOST_LABELS} labels of entities, not {len(labels)}")
    return found


def labels_of(texts: Sequence[MarkedText]) -> list[str]:
    return sorted({label for each in texts for _, _, label in each.entities})


def divide(texts: list[MarkedText], share: float, seed: int) -> tuple[list[MarkedText], list[MarkedText]]:
    """Returns the texts for training and those for validation; equal texts are in only one of both."""
    different = list(dict.fromkeys(each.text for each in texts))
    random.Random(seed).shuffle(different)  # noqa: S311 - it shuffles
    held = set(different[: min(len(different) - 1, round(len(different) * share))])
    return [each for each in texts if each.text not in held], [each for each in texts if each.text in held]


def _marked(file: Path) -> Iterator[MarkedText]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name} is not UTF-8: {error}") from error
    if file.suffix in COLUMNS:
        yield from _sentences(file.name, lines)
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _record(f"{file.name}, line {number}", line)


def _record(place: str, line: str) -> MarkedText:
    """Returns a line's text: of our form, or of a manifest of Ground Truth."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not JSON: {error}") from error
    text = found.get("text", found.get("source")) if isinstance(found, dict) else None
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise InputError(
            f'{place}: {{"text": …, "entities": …}} is expected, with a text of at most {LONGEST} characters'
        )
    entities = found["entities"] if "entities" in found else _annotated(found)
    if not isinstance(entities, list):
        raise InputError(f"{place}: entities, a list, is missing")
    return MarkedText(place, text, _in_order(place, text, [_entity(place, each) for each in entities]))


def _annotated(found: Mapping[str, Any]) -> Any:
    """Returns the entities of a labeling job, whose name is the member's."""
    for member in found.values():
        annotations = member.get("annotations") if isinstance(member, dict) else None
        if isinstance(annotations, dict) and "entities" in annotations:
            return annotations["entities"]
    return None


def _entity(place: str, found: Any) -> tuple[int, int, str]:
    """Returns a triple, or an object of spaCy's, of Ground Truth's or of an answer."""
    if isinstance(found, dict):
        start, end = (found.get(name, found.get(f"{name}Offset")) for name in ("start", "end"))
        found = [start, end, found.get("label", found.get("entity"))]
    if not isinstance(found, list) or len(found) != 3:
        raise InputError(f"{place}: an entity is [start, end, label], not {json.dumps(found)[:60]}")
    start, end, label = found
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise InputError(f"{place}: an entity is [start, end, label], not {json.dumps(found)[:60]}")
    return start, end, _label(place, label)


def _label(place: str, label: str) -> str:
    if not label.strip() or len(label) > _LONGEST_LABEL:
        raise InputError(f"{place}: a label has 1 to {_LONGEST_LABEL} characters, not {len(label.strip())}")
    return label.strip()


def _in_order(place: str, text: str, entities: Sequence[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    """Returns the entities without white space at their ends. Raises InputError for those outside the text or inside another."""
    made: list[tuple[int, int, str]] = []
    for start, end, label in sorted(entities):
        words = text[start:end].strip() if 0 <= start < end <= len(text) else ""
        if not words:
            raise InputError(
                f"{place}: an entity has characters of the text's {len(text)}, not those from {start} to {end}"
            )
        first = start + len(text[start:end]) - len(text[start:end].lstrip())
        if made and first < made[-1][1]:
            raise InputError(
                f"{place}: the entity from {start} to {end} overlaps that from {made[-1][0]} to {made[-1][1]}"
            )
        made.append((first, first + len(words), label))
    return tuple(made)


def _sentences(name: str, lines: Sequence[str]) -> Iterator[MarkedText]:
    """Yields the sentences of a file of CoNLL's: a token and, in the last column, its tag; an empty line ends a sentence."""
    rows: list[tuple[str, str]] = []
    first = 1
    for number, line in enumerate([*lines, ""], 1):
        columns = line.split()
        if columns and columns[0] not in {"-DOCSTART-", "#"}:
            if len(columns) < 2:
                raise InputError(f"{name}, line {number}: a token and its tag, not {line.strip()[:40]!r}")
            first = first if rows else number
            rows.append((columns[0], columns[-1]))
        elif rows:
            yield _sentence(f"{name}, line {first}", rows)
            rows = []


def _sentence(place: str, rows: Sequence[tuple[str, str]]) -> MarkedText:
    """Returns the tokens, with blanks between them. Tags are B-LABEL, I-LABEL and O; an I after another label begins an entity."""
    entities: list[tuple[int, int, str]] = []
    text = before = ""
    for token, tag in rows:
        text += " " * bool(text)
        start, text = len(text), text + token
        kind, _, label = tag.partition("-")
        if tag != "O" and (kind not in {"B", "I"} or not label):
            raise InputError(f"{place}: the tag of {token[:40]!r} is O, B-LABEL or I-LABEL, not {tag[:40]!r}")
        if kind == "I" and label == before:
            entities[-1] = (entities[-1][0], len(text), label)
        elif label:
            entities.append((start, len(text), _label(place, label)))
        before = label
    if len(text) > LONGEST:
        raise InputError(f"{place}: a sentence of at most {LONGEST} characters, not {len(text)}")
    return MarkedText(place, text, tuple(entities))
