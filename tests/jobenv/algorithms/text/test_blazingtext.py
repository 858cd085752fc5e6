"""BlazingText: its solvers against oracles, whole trainings on texts whose truth is known, and several hosts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fasttext
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.stats import spearmanr
from sklearn.svm import LinearSVC

from sagewright.algorithms.blazingtext import reading
from sagewright.algorithms.blazingtext.classification import (
    calibration,
    convex,
    descent,
    descentkernel,
    selection,
    supervised,
)
from sagewright.algorithms.blazingtext.classification.examples import Examples
from sagewright.algorithms.blazingtext.declaration import DECLARATION
from sagewright.algorithms.blazingtext.embeddings import pairskernel, similarity, word2vec
from sagewright.algorithms.blazingtext.vocabulary import Vocabulary
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio

NAME = "blazingtext"
GROUPS, MEMBERS = 12, 4


def texts(count: int, seed: int = 0, labels: int = 3) -> bytes:
    """Labelled texts of 12 words, half of which tell the label."""
    random = np.random.default_rng(seed)
    label = random.integers(0, labels, count)
    words = np.where(random.random((count, 12)) < 0.5, 30 * label[:, None], 300) + random.integers(0, 30, (count, 12))
    rows = zip(label, words, strict=True)
    return "".join(f"__label__{one} {' '.join(f'w{word}' for word in own)}\n" for one, own in rows).encode()


def planted(lines: int, seed: int = 0) -> bytes:
    """Sentences about one of the groups each: its members are neighbours of each other."""
    random = np.random.default_rng(seed)
    group = random.integers(0, GROUPS, lines)
    member = random.integers(0, MEMBERS, (lines, 10))
    rows = zip(group, member, strict=True)
    return "".join(" ".join(f"g{one}m{each}" for each in own) + "\n" for one, own in rows).encode()


def vectors(job: Any) -> dict[str, np.ndarray]:
    head, *lines = (job.model / "vectors.txt").read_text().splitlines()
    found = {line.split(" ")[0]: np.array(line.split(" ")[1:], np.float32) for line in lines}
    assert head == f"{len(found)} {len(next(iter(found.values())))}"
    return found


def same_group(found: dict[str, np.ndarray]) -> float:
    """The share of words whose nearest neighbour is of their group."""
    names = list(found)
    rows = np.stack([found[name] / np.linalg.norm(found[name]) for name in names])
    likeness = rows @ rows.T - 2 * np.eye(len(names))
    near = likeness.argmax(axis=1)
    right = [names[one].split("m")[0] == names[other].split("m")[0] for one, other in enumerate(near)]
    return float(np.mean(right))


def random_examples(count: int = 300, columns: int = 40, labels: int = 3) -> Examples:
    random = np.random.default_rng(0)
    label = random.integers(0, labels, count)
    rates = random.gamma(0.3, 1.0, (labels, columns)) * 2
    counts = sparse.csr_array(random.poisson(rates[label]).astype(np.float32) + np.eye(1, columns, dtype=np.float32))
    return Examples(counts, label[:, None] == np.arange(labels))


def test_the_convex_solver_finds_what_liblinear_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convex, "SETTLED", 1e-5)
    known = random_examples()
    settings = convex.Settings(cost=0.7, power=1.5, share=0.5)
    found = convex.Problem(known, 30).solve(settings, 500, np.random.default_rng(0))
    often = np.bincount(known.counts.indices, minlength=40)
    factors = (np.log((1 + 300) / (1 + often)) + 1) ** 1.5 * np.where(np.arange(40) < 30, 1, 0.5)
    rows = known.counts.toarray() * factors
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = LinearSVC(C=0.7, fit_intercept=False, tol=1e-8, max_iter=100_000).fit(rows, known.belongs.argmax(axis=1))
    assert np.array_equal(found.used, np.arange(40))
    np.testing.assert_allclose(found.weights / factors[:, None], expected.coef_.T, atol=2e-3)


def test_the_calibration_is_the_likeliest() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(2000, 4)).astype(np.float32)
    prior = np.tile(np.log([0.6, 0.2, 0.15, 0.05]), (2000, 1))
    chance = np.exp(3 * scores + 0.7 * prior)
    chance /= chance.sum(axis=1, keepdims=True)
    label = (chance.cumsum(axis=1) > random.random((2000, 1))).argmax(axis=1)

    def loss(weights: np.ndarray) -> float:
        logits = weights[0] * scores + weights[1] * prior
        likely = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(-likely[np.arange(2000), label].mean())

    found = calibration.calibrate(scores, prior, label[:, None] == np.arange(4))
    best = minimize(loss, np.array([1.0, 1.0]), method="Nelder-Mead")
    assert found.factor == pytest.approx(best.x[0], rel=0.01)
    assert found.prior == pytest.approx(best.x[1], rel=0.05)
    assert found.entropy == pytest.approx(best.fun, rel=1e-4)


def test_held_out_parts_have_their_share_of_every_label() -> None:
    label = np.repeat([0, 1], [90, 30])
    parts = selection._parts(label[:, None] == np.arange(2), np.random.default_rng(0))
    assert [np.bincount(label[held]).tolist() for _, held in parts] == [[9, 3]] * 10
    assert all(len(np.union1d(known, held)) == 120 == len(known) + len(held) for known, held in parts)


def test_of_many_texts_a_third_is_held_out() -> None:
    belongs = np.ones((selection.MANY, 1), bool)
    (known, held), *more = selection._parts(belongs, np.random.default_rng(0))
    assert (len(known), len(held), more) == (3333, 1667, [])


def test_what_chance_gains_is_not_kept() -> None:
    assert selection.kept(0.0, 7) == selection.kept(math.log(7) + 0.9, 7) == 0
    assert selection.kept(2 * (math.log(7) + 1), 7) == pytest.approx(0.5)
    assert selection.kept(1000.0, 7) > 0.99


def test_a_step_of_descent_is_the_slope_of_the_loss() -> None:
    random = np.random.default_rng(0)
    known = random_examples(4, 6)
    lengths = np.repeat(known.counts.sum(axis=1), np.diff(known.counts.indptr))
    data = (known.counts.data / lengths).astype(np.float32)
    rows = known.counts.indptr.astype(np.int64), known.counts.indices.astype(np.int32), data
    inputs, outputs = random.normal(size=(6, 5)).astype(np.float32), random.normal(size=(3, 5)).astype(np.float32)
    label = int(known.belongs[2].argmax())
    share = known.counts[[2]].toarray()[0] / known.counts[[2]].sum()

    def loss(one: np.ndarray, other: np.ndarray) -> float:
        scores = other @ (share @ one)
        return float(np.log(np.exp(scores).sum()) - scores[label])

    moved = inputs.copy(), outputs.copy()
    descentkernel.learn(rows, *moved, np.array([2]), np.array([label]), (0.1, 0.1))
    for number, values in enumerate((inputs.astype(np.float64), outputs.astype(np.float64))):
        for place in np.ndindex(values.shape):
            step = np.zeros_like(values)
            step[place] = 1e-5
            ends = [[inputs.astype(np.float64), outputs.astype(np.float64)] for _ in range(2)]
            ends[0][number], ends[1][number] = values + step, values - step
            slope = (loss(*ends[0]) - loss(*ends[1])) / 2e-5
            assert moved[number][place] - values[place] == pytest.approx(-0.1 * slope, abs=1e-5)


def test_a_step_of_pairs_that_share_samples_is_what_its_formula_says() -> None:
    random = np.random.default_rng(0)
    vectors, outputs = (
        random.normal(size=(2, 3, 5)).astype(np.float32)[0],
        random.normal(size=(6, 5)).astype(np.float32),
    )
    pairs, samples = np.array([[0, 1], [2, 4]]), np.array([3, 4])
    moves, slopes = np.zeros((3, 5), np.float32), np.zeros((2, 5), np.float32)
    room = vectors.copy(), moves, slopes, np.zeros((2, 5), np.float32), np.zeros((2, 2), np.float32)
    learnt, expected, rate = outputs.copy(), outputs.astype(np.float64), 0.1
    wanted = np.zeros((3, 5))
    for near, word in pairs:
        error = rate * (1 - 1 / (1 + np.exp(-vectors[near] @ expected[word])))
        wanted[near] += error * expected[word]
        expected[word] += error * vectors[near]
    held = expected.copy()
    for near, word in pairs:
        for sample in samples:
            if sample != word:  # the second pair's own word is no negative sample of it
                error = -rate / (1 + np.exp(-vectors[near] @ held[sample]))
                wanted[near] += error * held[sample]
                expected[sample] += error * vectors[near]
    pairskernel._together(pairs, learnt, samples, room, np.float32(rate))
    np.testing.assert_allclose(moves, wanted, atol=1e-3)
    np.testing.assert_allclose(learnt, expected, atol=1e-3)
    np.testing.assert_allclose(room[0], vectors + wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "solver", "why"),
    [
        ({}, "convex", "defaults"),
        ({"epochs": "5", "learning_rate": "0.05"}, "convex", "defaults"),
        ({"epochs": "6"}, "sgd", "epochs"),
        ({"learning_rate": "0.1"}, "sgd", "learning_rate"),
        ({"early_stopping": "true"}, "sgd", "early_stopping"),
        ({"vector_dim": "2"}, "sgd", "smaller than the number of labels, 3"),
        ({"vector_dim": "3"}, "convex", "room for 3 labels"),
        ({"_solver": "sgd"}, "sgd", "_solver"),
        ({"_solver": "convex", "epochs": "6"}, "convex", "_solver"),
    ],
)
def test_which_solver_runs(given: dict[str, str], solver: str, why: str) -> None:
    whole = {"mode": "supervised", **given}
    values = DECLARATION.validate_hyperparameters(whole)
    found = supervised.choice(values, DECLARATION.chosen(whole), 3)
    assert found[0] == solver
    assert why in found[1]


def test_convex_needs_room() -> None:
    values = DECLARATION.validate_hyperparameters({"mode": "supervised", "vector_dim": "2", "_solver": "convex"})
    with pytest.raises(UserError, match="vector_dim 3"):
        supervised.choice(values, frozenset({"vector_dim"}), 3)


@pytest.mark.parametrize(
    "given", [{}, {"vector_dim": "10", "epochs": "25", "learning_rate": "0.5"}], ids=["convex", "sgd"]
)
def test_a_classifier_is_right_calibrated_and_stock_fasttexts(job: Any, run: Any, given: dict[str, str]) -> None:
    job.configure({"mode": "supervised", **given}, {"train": "text/plain", "validation": "text/plain"})
    job.put("train", "x", texts(600))
    later = texts(300, seed=1)
    job.put("validation", "x", later)
    assert run(job, NAME) == 0, job.output
    (logged,) = re.findall(DECLARATION.metrics[1].regex, job.output)
    stock = fasttext.load_model(str(job.model / "model.bin"))
    lines = [line.split(" ", 1) for line in later.decode().splitlines()]
    said, likely = stock.predict([text for _, text in lines])
    right = np.array([names[0] == label for names, (label, _) in zip(said, lines, strict=True)])
    assert right.mean() == pytest.approx(float(logged), abs=1e-4)
    assert right.mean() > 0.97
    assert abs(np.mean([each[0] for each in likely]) - right.mean()) < 0.06


def test_early_stopping_keeps_the_best_weights(job: Any, run: Any) -> None:
    job.configure(
        {"mode": "supervised", "early_stopping": "true", "epochs": "40", "patience": "2", "min_epochs": "3",
         "learning_rate": "1", "vector_dim": "5"},
        {"train": "text/plain", "validation": "text/plain"},
    )  # fmt: skip
    job.put("train", "x", texts(100))
    job.put("validation", "x", texts(60, seed=1))
    assert run(job, NAME) == 0, job.output
    reached = [float(each) for each in re.findall(r"Validation accuracy: (\S+)", job.output)]
    assert 3 <= len(reached) < 40
    assert max(reached[-2:]) <= max(reached[:-2])
    (final,) = re.findall(DECLARATION.metrics[1].regex, job.output)
    assert float(final) == pytest.approx(max(reached), abs=1e-4)


def test_patience() -> None:
    fit = descent.Fit(np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)))
    patience = descent.Patience(least=4, patience=1)
    goes_on = [patience.goes_on(epoch, accuracy, fit) for epoch, accuracy in enumerate([0.5, 0.4, 0.3, 0.6, 0.5], 1)]
    assert goes_on == [True, True, True, True, False]


def test_texts_of_several_labels(job: Any, run: Any) -> None:
    """Each label has words of its own, and a text has those of both of its labels."""
    random = np.random.default_rng(0)
    pairs = [random.choice(4, 2, replace=False) for _ in range(400)]
    lines = [
        f"__label__{a} __label__{b} "
        + " ".join(f"w{one}x{word}" for one in (a, b) for word in random.integers(0, 9, 4))
        for a, b in pairs
    ]
    for given in ({}, {"_solver": "sgd", "epochs": "40", "learning_rate": "1"}):
        job.configure({"mode": "supervised", **given}, {"train": "text/plain"})
        job.put("train", "x", "\n".join(lines).encode())
        assert run(job, NAME) == 0, job.output
        stock = fasttext.load_model(str(job.model / "model.bin"))
        said, _ = stock.predict([line.split(" ", 2)[2] for line in lines[:50]], k=2)
        right = [set(names) == set(line.split(" ", 2)[:2]) for names, line in zip(said, lines, strict=False)]
        assert np.mean(right) > 0.95


def framed(lines: bytes) -> bytes:
    """An augmented manifest's attributes source and label, as Pipe mode has them."""
    records = [line.split(b" ", 1) for line in lines.splitlines()]
    return recordio.write_frames(part for label, text in records for part in (text, label.removeprefix(b"__label__")))


def test_every_form_of_the_data_gives_the_same_model(make_job: Callable[[str], Any], run: Any) -> None:
    plain = texts(120)
    objects = "".join(
        json.dumps({"source": line.split(" ", 1)[1], "label": int(line.split(" ", 1)[0][9:])}) + "\n"
        for line in plain.decode().splitlines()
    ).encode()
    found = {}
    for name, media, content, mode in (
        ("plain", "text/plain", plain, "File"),
        ("objects", "application/jsonlines", objects, "File"),
        ("frames", "application/x-recordio", framed(plain), "Pipe"),
    ):
        job = make_job(name)
        job.configure({"mode": "supervised"}, {"train": media})
        job.write("inputdataconfig", {"train": {"ContentType": media, "TrainingInputMode": mode}})
        if mode == "Pipe":
            (job.root / "input" / "data" / "train_0").write_bytes(content)
        else:
            job.put("train", "x", content)
        assert run(job, NAME) == 0, job.output
        found[name] = (job.model / "model.bin").read_bytes()
    assert found["plain"] == found["objects"] == found["frames"]


@pytest.mark.parametrize(
    ("media", "content"),
    [
        ("application/jsonlines", b'{"source": "a b", "label": {"x": 1}}\n'),
        ("application/jsonlines", b'{"source": "a b", "label": "two words"}\n'),
        ("application/jsonlines", b'["a"]\n'),
        ("application/jsonlines", b"[" * 100_000),
        ("application/x-recordio", recordio.write_frames([b"text", b"1", b"text"])),
        ("application/x-recordio", recordio.write_frames([b"text", b"1"])[:-4]),
    ],
)
def test_data_that_can_not_be_read(job: Any, run: Any, media: str, content: bytes) -> None:
    job.configure({"mode": "supervised"}, {"train": media})
    job.put("train", "x", content)
    assert run(job, NAME) == 2, job.output


@pytest.mark.parametrize("subwords", ["false", "true"])
@pytest.mark.parametrize("mode", ["batch_skipgram", "skipgram", "cbow"])
def test_neighbours_are_found_again(job: Any, run: Any, mode: str, subwords: str) -> None:
    job.configure(
        {"mode": mode, "subwords": subwords, "vector_dim": "20", "sampling_threshold": "0.9", "epochs": "10"},
        {"train": "text/plain"},
    )
    job.put("train", "x", planted(600))
    assert run(job, NAME) == 0, job.output
    found = vectors(job)
    assert len(found) == GROUPS * MEMBERS
    assert same_group(found) == 1
    stock = fasttext.load_model(str(job.model / "vectors.bin"))
    for word, vector in found.items():
        np.testing.assert_allclose(stock.get_word_vector(word), vector, atol=1e-4)
    assert json.loads((job.model / "eval.json").read_text())["mean_rho"] == 0  # no pair is known
    assert re.findall(DECLARATION.metrics[0].regex, job.output) == ["0"]


def test_parts_of_a_long_text_are_put_together(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.blazingtext.embeddings.word2vec.WORDS_A_PART", 2000)
    job.configure(
        {"mode": "skipgram", "vector_dim": "20", "sampling_threshold": "0.9", "epochs": "30"}, {"train": "text/plain"}
    )
    job.put("train", "x", planted(800))
    models = []
    for cpus in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", cpus)
        assert run(job, NAME) == 0, job.output
        models.append((job.model / "vectors.bin").read_bytes())
    assert models[0] == models[1]
    assert same_group(vectors(job)) == 1


def test_two_hosts_that_have_a_part_of_the_text_each(make_job: Callable[[str], Any], together: Any) -> None:
    hosts, lines = ("127.0.18.1", "127.0.18.2"), planted(800).splitlines(keepends=True)
    jobs = []
    for number, host in enumerate(hosts):
        job = make_job(host)
        values = {"mode": "batch_skipgram", "vector_dim": "20", "sampling_threshold": "0.9", "epochs": "20"}
        job.configure(values, {"train": "text/plain"}, hosts, host)
        job.put("train", "x", b"".join(lines[number::2]))
        jobs.append(job)
    together(jobs, NAME)
    assert same_group(vectors(jobs[0])) == 1
    assert not list(jobs[1].model.iterdir())


@pytest.mark.parametrize("count", [2, 3])
def test_hosts_share_a_text_of_one_line(make_job: Callable[[str], Any], together: Any, count: int) -> None:
    hosts, jobs = tuple(f"127.0.19.{number}" for number in range(1, count + 1)), []
    for host in hosts:
        job = make_job(host)
        values = {"mode": "batch_skipgram", "vector_dim": "20", "sampling_threshold": "0.9", "epochs": "5"}
        job.configure(values, {"train": "text/plain"}, hosts, host)
        inputs = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "ContentType": "text/plain"}
        job.write("inputdataconfig", {"train": inputs})
        job.put("train", "x", planted(800).replace(b"\n", b" "))
        jobs.append(job)
    together(jobs, NAME)
    assert len(vectors(jobs[0])) > 10


def test_a_host_without_a_file_helps_in_putting_together(make_job: Callable[[str], Any], together: Any) -> None:
    hosts, jobs = ("127.0.20.1", "127.0.20.2"), []
    for number, host in enumerate(hosts):
        job = make_job(host)
        values = {"mode": "batch_skipgram", "vector_dim": "20", "sampling_threshold": "0.9", "epochs": "5"}
        job.configure(values, {"train": "text/plain"}, hosts, host)
        if not number:
            job.put("train", "x", planted(800))
        jobs.append(job)
    together(jobs, NAME)
    assert len(vectors(jobs[0])) > 10


def test_a_line_longer_than_a_block_is_read_word_by_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64)
    monkeypatch.setattr(reading, "LONGEST_LINE", 100)
    words = b" ".join(b"word%d" % number for number in range(1000))
    path = tmp_path / "text8"
    path.write_bytes(words)
    assert b"".join(reading._blocks(path, "text/plain")).split() == words.split()
    path.write_bytes(b"x" * 1000)
    with pytest.raises(UserError, match="a line of more than 100 bytes"):
        list(reading._blocks(path, "text/plain"))


def test_hosts_that_have_the_whole_text_share_its_lines() -> None:
    text = reading.Text([b"</s>", b"a", b"b"], np.array([1, 2, 0, 2, 0, 1, 1, 0, 2], np.int32))
    known = Vocabulary([b"a", b"b"], np.array([3, 3]))
    channels = {"train": SimpleNamespace(distribution="FullyReplicated")}
    found = []
    for rank in range(2):
        run: Any = SimpleNamespace(group=SimpleNamespace(size=2, rank=rank), job=SimpleNamespace(channels=channels))
        sentences = word2vec._sentences(run, text, known)
        ends = zip(sentences.starts[:-1], sentences.starts[1:], strict=True)
        found.append([sentences.ids[begin:end].tolist() for begin, end in ends])
    assert sorted(found) == [[[0, 1], [0, 0]], [[1], [1]]]


@pytest.mark.parametrize("mode", ["skipgram", "cbow", "supervised"])
def test_other_modes_run_on_one_host(job: Any, run: Any, mode: str) -> None:
    job.configure({"mode": mode}, {"train": "text/plain"}, ("127.0.18.3", "127.0.18.4"))
    job.put("train", "x", texts(50))
    assert run(job, NAME) == 2
    assert "batch_skipgram" in job.failure


def test_the_evaluation_is_spearmans() -> None:
    pairs = similarity.pairs()
    assert pairs is not None
    assert len(pairs) == 353
    random = np.random.default_rng(0)
    words = sorted({word.lower() for one, other, _ in pairs for word in (one, other)})
    known = {word.encode(): random.normal(size=8) for word in words[::2]}
    both = [(known[a.lower().encode()], known[b.lower().encode()], score) for a, b, score in pairs
            if a.lower().encode() in known and b.lower().encode() in known]  # fmt: skip
    expected = spearmanr(
        [one @ other / np.linalg.norm(one) / np.linalg.norm(other) for one, other, _ in both],
        [score for *_, score in both],
    ).statistic
    found = similarity.evaluated(pairs, known.get)
    assert found["mean_rho"] == pytest.approx(expected)
    assert found[similarity.NAME] == {
        "not_found": 353 - len(both),
        "spearmans_rho": found["mean_rho"],
        "total_pairs": 353,
    }
