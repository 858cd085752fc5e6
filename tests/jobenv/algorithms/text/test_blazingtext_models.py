"""Models in fastText's format, stock fastText's and ours: read, refused and answered."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest

from sagewright.algorithms.blazingtext import model, modelfile
from sagewright.algorithms.errors import UserError

JSON, LINES = "application/json", "application/jsonlines"
KINDS: dict[str, dict[str, Any]] = {
    "softmax": {"loss": "softmax", "wordNgrams": 3, "bucket": 3000},
    "tree": {"loss": "hs", "minn": 2, "maxn": 4, "bucket": 3000},
    "one against all": {"loss": "ova"},
    "negative samples": {"loss": "ns", "wordNgrams": 2, "bucket": 3000},
}


def lines(count: int, seed: int) -> list[str]:
    """Texts of six languages that differ in how often they use each letter; some words are not ASCII."""
    random = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstäöéж"))
    chances = np.random.default_rng(7).dirichlet(np.full(len(letters), 0.3), 6)
    found = []
    for label in random.integers(0, 6, count):
        words = ["".join(random.choice(letters, random.integers(1, 6), p=chances[label])) for _ in range(8)]
        found.append(f"__label__l{label} {' '.join(words)}")
    return found


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], tuple[Any, Path]]:
    """A model of stock fastText's and its folder, small or quantised and pruned."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "train.txt").write_text("\n".join(lines(2000, 0)) + "\n")
    made: dict[tuple[str, bool], tuple[Any, Path]] = {}

    def make(kind: str, quantised: bool) -> tuple[Any, Path]:
        if (kind, quantised) not in made:
            train = str(folder / "train.txt")
            own = folder / f"{kind}-{quantised}"
            own.mkdir()
            found = fasttext.train_supervised(train, dim=8, epoch=5, lr=0.5, thread=1, verbose=0, **KINDS[kind])
            if quantised:
                found.quantize(train, qnorm=True, cutoff=1500, verbose=0)
            found.save_model(str(own / "model.bin"))
            made[kind, quantised] = found, own
        return made[kind, quantised]

    return make


@pytest.mark.parametrize("quantised", [False, True], ids=["dense", "quantised"])
@pytest.mark.parametrize("kind", KINDS)
def test_stock_models_answer_here_as_there(stock: Any, kind: str, quantised: bool) -> None:
    there, folder = stock(kind, quantised)
    texts = [line.split(" ", 1)[1] for line in lines(200, 1)] + ["", "никогда", "a", "ж é", "  a\tb  "]
    here = model.serve(folder)
    answer = here.invoke(json.dumps({"instances": texts, "configuration": {"k": 6}}).encode(), JSON, "")
    assert answer.status == 200
    for text, said in zip(texts, json.loads(answer.body), strict=True):
        likely, names = zip(*there.f.predict(text + "\n", 6, 0.0, "strict"), strict=True)
        own = dict(zip(said["label"], said["prob"], strict=True))
        assert set(own) >= set(names)  # of a tree it leaves out what is least likely
        assert len(own) == 6
        # its sigmoid is a table of 512 steps, and it adds 1e-5 to what it takes the logarithm of, in a tree at every fork
        coarse = {"softmax": 2e-5, "tree": 2e-4}.get(kind, 0.02)
        np.testing.assert_allclose([own[name] for name in names], likely, atol=coarse)
        assert said["prob"] == sorted(said["prob"], reverse=True)


@pytest.mark.parametrize("maxn", [0, 5])
def test_stock_vectors_answer_here_as_there(tmp_path: Path, maxn: int) -> None:
    (tmp_path / "train.txt").write_text("\n".join(lines(500, 0)) + "\n")
    there = fasttext.train_unsupervised(
        str(tmp_path / "train.txt"), dim=8, epoch=1, thread=1, verbose=0, maxn=maxn, minn=min(3, maxn), bucket=3000
    )
    there.save_model(str(tmp_path / "model.bin"))
    words = [*there.words[:50], "ghäжé", "never"]
    answer = model.serve(tmp_path).invoke(json.dumps({"instances": words}).encode(), JSON, "")
    for word, said in zip(words, json.loads(answer.body), strict=True):
        assert said["word"] == word
        np.testing.assert_allclose(said["vector"], there.get_word_vector(word), atol=1e-6)


@pytest.fixture
def service(stock: Any) -> Any:
    return model.serve(stock("softmax", False)[1])


def test_both_forms_of_a_request(service: Any) -> None:
    texts = [line.split(" ", 1)[1] for line in lines(20, 1)]
    whole = json.loads(service.invoke(json.dumps({"instances": texts}).encode(), JSON, LINES).body)
    assert [len(each["label"]) for each in whole] == [1] * 20
    asked = "".join(json.dumps({"source": text, "k": 1 + number % 3}) + "\n" for number, text in enumerate(texts))
    answer = service.invoke(asked.encode(), LINES, "text/csv")
    said = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.content_type == LINES
    assert [len(each["prob"]) for each in said] == [1 + number % 3 for number in range(20)]
    assert [each["label"][:1] for each in said] == [each["label"] for each in whole]
    many = service.invoke(json.dumps({"instances": texts[:1], "configuration": {"k": 99}}).encode(), JSON, "")
    (everything,) = json.loads(many.body)
    assert len(everything["label"]) == 6
    assert sum(everything["prob"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b'{"instances": ["a"]}', "text/csv", 415),
        (b'{"instances": "a"}', JSON, 400),
        (b'{"instances": [1]}', JSON, 400),
        (b"\0\1\2", JSON, 400),
        (b'{"instances": ["a"], "configuration": {"k": 0}}', JSON, 400),
        (b'{"instances": ["a"], "configuration": {"k": "2"}}', JSON, 400),
        (b'{"instances": ["a"], "configuration": 3}', JSON, 200),
        (b'{"source": 1}\n', LINES, 400),
        (b'{"source": "a", "k": true}\n', LINES, 400),
        (b'["a"]\n', LINES, 400),
        (b"[" * 100_000, JSON, 400),
    ],
)
def test_requests_that_are_wrong(service: Any, body: bytes, media: str, status: int) -> None:
    assert service.invoke(body, media, "").status == status


@pytest.mark.parametrize("quantised", [False, True], ids=["dense", "quantised"])
def test_broken_files_are_the_users_fault(stock: Any, tmp_path: Path, quantised: bool) -> None:
    """Cut off anywhere, or with numbers that can't be: an error with a text, and never more memory than the file has."""
    content = (stock("tree", quantised)[1] / "model.bin").read_bytes()
    path, random = tmp_path / "model.bin", np.random.default_rng(0)
    for end in [0, 3, 9, 60, 90, *random.integers(100, len(content) - 1, 40).tolist()]:
        path.write_bytes(content[:end])
        with pytest.raises(UserError):
            modelfile.read(path)
    for place in range(0, 92, 4):
        for number in (-1, 2**31 - 1, 0):
            path.write_bytes(content[:place] + struct.pack("<i", number) + content[place + 4 :])
            with contextlib.suppress(UserError):
                model.serve(tmp_path).invoke(b'{"instances": ["abc ghi"]}', JSON, "")
    for place in random.integers(92, len(content), 100).tolist():
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with contextlib.suppress(UserError):
            model.serve(tmp_path).invoke(b'{"instances": ["abc ghi"]}', JSON, "")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.bin"):
        model.serve(tmp_path)
    (tmp_path / "some.txt").write_text("no model")
    with pytest.raises(UserError, match=r"model\.bin"):
        model.serve(tmp_path)


def test_a_model_by_another_name(stock: Any, tmp_path: Path) -> None:
    content = (stock("tree", True)[1] / "model.bin").read_bytes()
    (tmp_path / "lid.ftz").write_bytes(content)
    assert model.serve(tmp_path).invoke(b'{"instances": ["abc"]}', JSON, "").status == 200
