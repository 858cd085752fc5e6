"""Statistics of characters, and vectors of words."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import polars as pl

from sagewright.wrangler.operators.rows.manage_rows import pattern
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type

MOST_COLUMNS = 5000
_STATISTICS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "word_count": lambda text: text.str.count_matches(r"\S+"),
    "char_count": lambda text: text.str.len_chars(),
    "capital_ratio": lambda text: _ratio(text, r"\p{Lu}"),
    "lower_ratio": lambda text: _ratio(text, r"\p{Ll}"),
    "digit_ratio": lambda text: _ratio(text, r"\d"),
    "special_ratio": lambda text: _ratio(text, r"[^\p{L}\d\s]"),
}


@operator("featurize_text")
def featurize_text(step: OperatorStep) -> StepResult:
    return _statistics(step) if step.title == "Character statistics" else _vectorized(step)


def _ratio(text: pl.Expr, characters: str) -> pl.Expr:
    length = text.str.len_chars()
    return pl.when(length > 0).then(text.str.count_matches(characters) / length).when(length == 0).then(0.0)


def _statistics(step: OperatorStep) -> StepResult:
    added = []
    for name in step.values["input_column"]:
        text = as_type(name, step.dtype(name), STRING)
        base = step.output(name)
        added += [make(text).cast(pl.Float64).alias(f"{base}-stats_{part}") for part, make in _STATISTICS.items()]
    return one(step.frame.with_columns(added))


def _vectorized(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    words = _words(step, as_type(name, step.dtype(name), STRING).fill_null(""))
    state = dict(step.fitted or {}) if step.is_fitted("vocabulary", "idf") else _fitted(step, words)
    size = len(state["vocabulary"]) if state["vocabulary"] is not None else step.values["number_of_features"]
    if not size:
        raise step.fault("No word is frequent enough to become a feature.", name)
    counter = _Counter(step, state, size)
    sparse = words.map_batches(counter, return_dtype=counter.dtype, is_elementwise=True)
    output = step.values["output_column"] or name
    if step.values["output_format"] == "Vector":
        return one(step.frame.with_columns(sparse.alias(output)), fitted=state)
    if size > MOST_COLUMNS:
        raise step.fault(f"The text has {size:,} features, more than {MOST_COLUMNS:,} columns.", name)
    held = "__sagewright_sparse"
    labels = state["vocabulary"] or [str(place) for place in range(size)]
    dense = pl.col(held).map_batches(
        lambda batch: _dense(batch, size), return_dtype=pl.Array(pl.Float64, size), is_elementwise=True
    )
    frame = step.frame.with_columns(sparse.alias(held)).with_columns(dense.alias(held))
    frame = frame.with_columns(
        pl.col(held).arr.get(place).alias(f"{output}_{label}") for place, label in enumerate(labels)
    )
    return one(frame.drop(held), fitted=state)


def _words(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    given = step.values
    if given["tokenizer"] == "Standard":
        return text.str.to_lowercase().str.extract_all(r"\S+")
    if given["to_lowercase"]:
        text = text.str.to_lowercase()
    split = pattern(step, given["pattern"])
    if given["gaps"]:
        mark = "\x00"
        words = text.str.replace_all(split, mark).str.split(mark)
    else:
        words = text.str.extract_all(split)
    return words.list.eval(pl.element().filter(pl.element().str.len_chars() >= max(given["minimum_token_length"], 1)))


def _fitted(step: OperatorStep, words: pl.Expr) -> dict[str, Any]:
    """Returns the vocabulary, the most frequent words first, and their inverse document frequencies; None for either if the step
    hashes words, or weighs none."""
    given, weighs = step.values, step.values["apply_idf"] == "Yes"
    counts = given["vectorizer"] == "Count vectorizer"
    if not counts and not weighs:
        return {"vocabulary": None, "idf": None}
    documents = int(step.fit(step.frame.select(pl.len())).item())
    listed = step.frame.select(words.list.unique().alias("word"), words.list.len().alias("all")).filter(
        pl.col("all") > 0
    )
    found = step.fit(listed.select("word").explode("word").group_by("word").agg(pl.len().alias("documents")))
    idf_least = step.values.get("apply_idf_yes_parameters", {}).get("minimum_document_frequency", 0) if weighs else 0
    if not counts:
        size = given["number_of_features"]
        placed = found.with_columns(
            pl.col("word").map_elements(lambda word: _hash(word, size), return_dtype=pl.Int64).alias("place")
        )
        by_place = dict(placed.group_by("place").agg(pl.col("documents").sum()).iter_rows())
        return {
            "vocabulary": None,
            "idf": [_idf(documents, by_place.get(place, 0), idf_least) for place in range(size)],
        }
    least = _least(given["minimum_document_frequency"], documents)
    most = _least(given["maximum_document_frequency"], documents)
    kept = found.filter(pl.col("documents").is_between(least, most)).sort(
        ["documents", "word"], descending=[True, False]
    )
    kept = kept.head(given["maximum_vocabulary_size"])
    idf = [_idf(documents, number, idf_least) for number in kept["documents"]] if weighs else None
    return {"vocabulary": kept["word"].to_list(), "idf": idf}


def _least(given: float, documents: int) -> float:
    """Returns a document frequency as a number: below 1 it is a share, and 1 is a share where it is the most."""
    return given * documents if given < 1 else given


def _idf(documents: int, frequency: int, least: float) -> float:
    return 0.0 if frequency < least else math.log((documents + 1) / (frequency + 1))


def _hash(word: str, size: int) -> int:
    return zlib.crc32(word.encode()) % size


class _Counter:
    """Turns lists of words into sparse vectors."""

    dtype = pl.Struct({"size": pl.Int64, "indices": pl.List(pl.Int64), "values": pl.List(pl.Float64)})

    def __init__(self, step: OperatorStep, state: dict[str, Any], size: int) -> None:
        self.size, self.idf = size, state["idf"]
        self.places = (
            None if state["vocabulary"] is None else {word: place for place, word in enumerate(state["vocabulary"])}
        )
        self.binary = bool(step.values.get("binarize_count"))
        self.least = float(step.values.get("minimum_term_frequency") or 0)

    def __call__(self, batch: pl.Series) -> pl.Series:
        return pl.Series(batch.name, [self._vector(words) for words in batch.to_list()], dtype=self.dtype)

    def _vector(self, words: list[str] | None) -> dict[str, Any]:
        counts: dict[int, float] = {}
        for word in words or []:
            place = _hash(word, self.size) if self.places is None else self.places.get(word)
            if place is not None:
                counts[place] = counts.get(place, 0.0) + 1.0
        least = self.least * len(words or []) if self.least < 1 else self.least
        kept = sorted((place, 1.0 if self.binary else count) for place, count in counts.items() if count >= least)
        values = [count * (self.idf[place] if self.idf else 1.0) for place, count in kept]
        return {"size": self.size, "indices": [place for place, _ in kept], "values": values}


def _dense(batch: pl.Series, size: int) -> pl.Series:
    rows = []
    for vector in batch.to_list():
        row = [0.0] * size
        for place, value in zip(vector["indices"], vector["values"], strict=True):
            row[place] = value
        rows.append(row)
    return pl.Series(batch.name, rows, dtype=pl.Array(pl.Float64, size))
