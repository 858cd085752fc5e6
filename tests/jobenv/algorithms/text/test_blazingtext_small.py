"""BlazingText with its defaults on little text: few texts, rare words, labels that no word tells, many labels, small corpora."""

from __future__ import annotations

import re
from typing import Any

import fasttext
import numpy as np
import pytest

NAME = "blazingtext"


def trained(job: Any, run: Any, lines: list[str], **given: str) -> Any:
    job.configure({"mode": "supervised", **given}, {"train": "text/plain"})
    job.put("train", "x", ("\n".join(lines) + "\n").encode())
    assert run(job, NAME) == 0, job.output
    return fasttext.load_model(str(job.model / "model.bin"))


def said(model: Any, texts: list[str]) -> list[str]:
    return [each[0] for each in model.predict(texts)[0]]


def test_labels_that_no_word_tells_are_answered_by_their_shares(job: Any, run: Any) -> None:
    random = np.random.default_rng(4)
    texts = [" ".join(f"w{word}" for word in random.integers(0, 300, 6)) for _ in range(700)]
    lines = [f"__label__{'usual' if random.random() < 0.65 else 'rare'} {text}" for text in texts[:400]]
    model = trained(job, run, lines)
    assert set(said(model, texts[400:])) == {"__label__usual"}
    assert "no setting is better than the labels' shares by more than chance" in job.output
    assert "#baseline_ratio: 1\n" in job.output
    share = np.mean([line.startswith("__label__usual") for line in lines])
    _, likely = model.predict(texts[400:401])
    assert likely[0][0] == pytest.approx(share, abs=0.03)


def test_a_setting_that_is_better_by_chance_does_not_count(job: Any, run: Any) -> None:
    random = np.random.default_rng(9)
    for _ in range(6):
        texts = [" ".join(f"w{word}" for word in random.integers(0, 200, 12)) for _ in range(330)]
        lines = [f"__label__{'usual' if random.random() < 0.58 else 'rare'} {text}" for text in texts[:130]]
        model = trained(job, run, lines)
        usual = [each == "__label__usual" for each in said(model, texts[130:])]
        assert np.mean(usual) > 0.95 or np.mean(usual) < 0.05


def test_few_texts_are_told_by_their_rare_words(job: Any, run: Any) -> None:
    random = np.random.default_rng(1)
    own = {label: [f"{label}{number}" for number in range(8)] for label in "abcd"}
    labels = [str(label) for label in random.choice(list(own), 240)]
    texts = [" ".join([*random.choice(own[label], 2), f"n{random.integers(500)}"]) for label in labels]
    model = trained(job, run, [f"__label__{label} {text}" for label, text in zip(labels[:40], texts[:40], strict=True)])
    right = [one == f"__label__{other}" for one, other in zip(said(model, texts[40:]), labels[40:], strict=True)]
    assert np.mean(right) > 0.9
    counted = trained(job, run, [f"__label__{labels[0]} {texts[0]} {texts[1]}"] * 6, min_count="6")
    assert len(counted.words) == len(set(f"{texts[0]} {texts[1]}".split())) + 1


def test_more_labels_than_vector_dim_at_its_default(job: Any, run: Any) -> None:
    random = np.random.default_rng(2)
    own = random.integers(0, 1000, (150, 4))
    labels = np.repeat(np.arange(150), 8)
    texts = [" ".join(f"w{word}" for word in [*random.choice(own[label], 4), *random.integers(0, 1000, 2)]) for label in labels]  # fmt: skip  # noqa: E501
    rows = [(f"__label__{label}", text) for label, text in zip(labels, texts, strict=True)]
    model = trained(job, run, [f"{label} {text}" for number, (label, text) in enumerate(rows) if number % 8 < 5])
    assert "Solver: convex" in job.output
    later = [row for number, row in enumerate(rows) if number % 8 >= 5]
    right = [one == label for one, (label, _) in zip(said(model, [text for _, text in later]), later, strict=True)]
    assert np.mean(right) > 0.9
    trained(job, run, [f"{label} {text}" for label, text in rows], vector_dim="90")
    assert "Solver: sgd" in job.output


@pytest.mark.parametrize("mode", ["batch_skipgram", "skipgram", "cbow"])
def test_vectors_of_a_small_text_have_learnt(job: Any, run: Any, mode: str) -> None:
    random = np.random.default_rng(3)
    group = random.integers(0, 60, 5000)
    lines = [" ".join(f"g{one}m{member}" for member in random.integers(0, 3, 4)) for one in group]
    job.configure({"mode": mode}, {"train": "text/plain"})
    job.put("train", "x", ("\n".join(lines) + "\n").encode())
    assert run(job, NAME) == 0, job.output
    rows = [line.rstrip().split(" ") for line in (job.model / "vectors.txt").read_text().splitlines()[1:]]
    vectors = np.array([row[1:] for row in rows], np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T - 2 * np.eye(len(rows))
    near = likeness.argmax(axis=1)
    own = [row[0].split("m")[0] for row in rows]
    assert np.mean([own[one] == own[other] for one, other in enumerate(near)]) > 0.9
    assert re.search(r"so that there are \d+ epochs", job.output)
    job.configure({"mode": mode, "epochs": "6"}, {"train": "text/plain"})
    assert run(job, NAME) == 0, job.output
    assert "so that there are" not in job.output


@pytest.mark.parametrize(("solver", "pairs"), [("sgd", 12 * 200), ("convex", 0)])
def test_pairs_of_words_that_occur_once_have_buckets_where_they_are_learnt(
    job: Any, run: Any, solver: str, pairs: int
) -> None:
    lines = [f"__label__{row % 2} {' '.join(f'w{row}x{word}' for word in range(12))}" for row in range(200)]
    trained(job, run, lines, word_ngrams="2", _solver=solver)
    (buckets,) = map(int, re.findall(r"(\d+) buckets", job.output))
    assert buckets >= 4 * pairs
    assert buckets <= max(8 * pairs, 1 << 10)
