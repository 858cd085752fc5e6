"""The neural topic model: gradients by differences, optimisers by their formulas, topics that were planted, whole trainings."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.ntm import coherence, seeds, training
from sagewright.algorithms.ntm.corpus import counts
from sagewright.algorithms.ntm.model import TopicModel, serve
from sagewright.algorithms.ntm.optimizers import OPTIMIZERS

NAME = "ntm"
PROTOBUF, TEXT = "application/x-recordio-protobuf", "text/plain"
V, K = 60, 4


def corpus(documents: int, length: int = 40, seed: int = 0) -> tuple[Any, np.ndarray, np.ndarray]:
    """Counts of documents about topics of 15 words each, the topics (K, V), and the mixtures (documents, K)."""
    random = np.random.default_rng(seed)
    own = np.kron(np.eye(K), np.ones(V // K))
    beta = own / own.sum(axis=1, keepdims=True) * 0.9 + 0.1 / V
    mixture = random.dirichlet(np.full(K, 0.2), documents)
    drawn = np.stack([random.multinomial(length, each @ beta) for each in mixture])
    return csr_matrix(drawn.astype(np.float32)), beta, mixture


def protobuf(x: Any) -> bytes:
    return recordio.write_frames(
        record.encode({"values": Tensor(row.data.astype(np.float32), row.indices.astype(np.int64), (x.shape[1],))}, {})
        for row in x
    )


def csv(x: Any) -> bytes:
    return "".join(",".join(f"{value:g}" for value in row) + "\n" for row in x.toarray()).encode()


def topics(job: Any) -> np.ndarray:
    """(K, V): the words' shares in each topic, read from the model file."""
    params = artefact.member(artefact.unzipped(artefact.read(job.model)), "params")
    weight, bias = ndarray.named(params, "projection_weight", "projection_bias")
    shares = np.exp(weight.astype(np.float64) + bias[:, None])
    return np.asarray((shares / shares.sum(axis=0)).T)


def distance(found: np.ndarray, beta: np.ndarray) -> float:
    """The mean total variation between topics and those they match best."""
    apart = np.abs(found[:, None] - beta).sum(axis=2) / 2
    return float(apart[linear_sum_assignment(apart)].mean())


def logged(job: Any, name: str, part: str) -> list[float]:
    return [float(text) for text in re.findall(rf"{part} {name} <loss>=(\S+)", job.output)]


def fit(job: Any, run: Any, channels: dict[str, Any], **values: str) -> TopicModel:
    job.configure({"feature_dim": str(V), "num_topics": str(K), **values}, dict.fromkeys(channels, PROTOBUF))
    for channel, x in channels.items():
        job.put(channel, "part", protobuf(x))
    assert run(job, NAME) == 0, job.output
    return TopicModel.decode(artefact.read(job.model))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_planted_topics_are_found(job: Any, run: Any, optimizer: str) -> None:
    train, beta, _ = corpus(2000)
    test, _, mixture = corpus(300, 100, seed=1)
    rate = {"adadelta": "0.001", "sgd": "0.05", "adagrad": "0.05"}.get(optimizer, "0.01")
    model = fit(job, run, {"train": train, "test": test}, optimizer=optimizer, learning_rate=rate, mini_batch_size="64")
    assert distance(topics(job), beta) < 0.15
    found = model.predict(test.toarray())["topic_weights"]
    assert_allclose(found.sum(axis=1), 1)
    order = linear_sum_assignment(-(found.T @ mixture))[1]
    assert np.mean(found.argmax(axis=1) == mixture[:, order].argmax(axis=1)) > 0.85
    ideal = -(test.toarray() * np.log(mixture @ beta)).sum(axis=1).mean()
    assert logged(job, "total_loss", "test")[-1] < ideal * 1.05


def test_held_out_words_are_predicted_as_by_the_model_that_made_them(job: Any, run: Any) -> None:
    train, beta, _ = corpus(1500)
    seen, _, mixture = corpus(300, 20, seed=1)
    model = fit(job, run, {"train": train})
    assert model.topics is not None
    shares = model.predict(seen.toarray())["topic_weights"]
    truth = mixture @ beta
    lost = (truth * np.log(truth / (shares @ model.topics.beta))).sum(axis=1).mean()
    assert lost < 0.05  # the mixture itself is not known
    guessed = np.exp(model.network.means(seen))
    guessed /= guessed.sum(axis=1, keepdims=True)
    assert lost < (truth * np.log(truth / (guessed @ model.topics.beta))).sum(axis=1).mean()


@pytest.mark.parametrize(
    ("start", "scale", "mixes"),
    [("sampled", 1, True), ("clusters", 1, False), ("random", 1, False), ("sampled", 0.5, False)],
)
def test_topics_mix_where_they_are_sampled_and_multiply_elsewhere(
    job: Any, run: Any, start: str, scale: float, mixes: bool
) -> None:
    train, _, _ = corpus(300)
    model = fit(job, run, {"train": train * np.float32(scale)}, _start=start, epochs="2")
    assert (model.network.prior is not None) == mixes
    assert ("sweeps of Gibbs sampling" in job.output) == mixes
    assert ("some counts are not whole numbers" in job.output) == (scale < 1)
    members = artefact.unzipped(artefact.read(job.model))
    assert json.loads(members["meta.json"]).get("decoder") == ("mixture" if mixes else None)


def test_what_takes_too_long_to_sample_is_sampled_of_fewer_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "MOST_DRAWS", 600 * 40 * K * seeds.FEWEST)
    sizes = []
    monkeypatch.setattr(
        "sagewright.algorithms.mixtures.gibbs.refine",
        lambda chain, sweeps: sizes.append((chain.of_documents.shape[0], sweeps)),
    )
    train, _, _ = corpus(1200)
    bias = np.zeros(V, np.float32)
    seeds.sampled(train, K, bias, np.random.default_rng(0))
    seeds.sampled(train[:300], K, bias, np.random.default_rng(0))
    assert sizes == [(600, seeds.FEWEST), (300, 2 * seeds.FEWEST)]


@pytest.mark.parametrize("limit", ["", "MOST_WORDS", "MOST_TOPICS", "MOST_CELLS"])
def test_sampling_starts_from_moments_or_if_these_cost_too_much_from_clusters(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if limit:
        monkeypatch.setattr(seeds, limit, 1)
    train, beta, _ = corpus(600)
    found = fit(job, run, {"train": train}, epochs="2").topics
    assert ("Sampling begins from the moments of 600 documents." in job.output) == (not limit)
    assert (f"The topics begin from {K} clusters of documents." in job.output) == bool(limit)
    assert found is not None
    apart = np.abs(found.beta[:, None] - beta[None]).sum(axis=2) / 2
    assert apart.min(axis=0).max() < 0.2  # each of the corpus's topics is found


def test_topics_of_a_model_are_told_with_their_coherence(job: Any, run: Any) -> None:
    train, _, _ = corpus(1000)
    names = [f"word{number}" for number in range(V)]
    job.configure({"feature_dim": str(V), "num_topics": str(K)}, {"train": PROTOBUF, "auxiliary": TEXT})
    job.put("train", "part", protobuf(train))
    job.put("auxiliary", "vocab.txt", "\n".join(names).encode() + b"\n")
    assert run(job, NAME) == 0, job.output
    head = re.search(r"Topics from epoch:final \(num_topics:4\) \[npmi (\S+), tu (\S+)\]:", job.output)
    assert head is not None
    assert float(head[2]) == 1
    lines = re.findall(r"\[(-?\d\.\d\d), (\d\.\d\d)\] (word.*)", job.output)
    assert len(lines) == K
    assert np.mean([float(line[0]) for line in lines]) == pytest.approx(float(head[1]), abs=0.01)
    places = [{int(word.removeprefix("word")) // 15 for word in line[2].split()} for line in lines]
    assert sorted(places, key=min) == [{0}, {1}, {2}, {3}]


def test_with_vectors_of_words_the_coherence_is_theirs(job: Any, run: Any) -> None:
    train, _, _ = corpus(1000)
    names = [f"word{number}" for number in range(V)]
    directions = np.eye(K)[np.arange(V) // 15]  # those of one topic are alike
    lines = [f"{name} {' '.join(map(str, row))}" for name, row in zip(names, directions, strict=True)]
    lines = [f"{V} {K}", "elsewhere 1 x", *lines[1:]]  # word0 has none
    job.configure(
        {"feature_dim": str(V), "num_topics": str(K), "_start": "random", "learning_rate": "0.005"},
        {"train": PROTOBUF, "auxiliary": TEXT},
    )
    job.put("train", "part", protobuf(train))
    job.put("auxiliary", "vocab.txt", "\n".join(names).encode())
    job.put("auxiliary", "vectors.txt", "\n".join(lines).encode())
    assert run(job, NAME) == 0, job.output
    assert "The topics begin from" not in job.output
    head = re.search(r"Topics from epoch:final \(num_topics:4\) \[wetc (\S+), tu (\S+)\]:", job.output)
    assert head is not None
    each = []
    for said, words in re.findall(r"\[(-?\d\.\d\d), \d\.\d\d\] (word.*)", job.output):
        rows = directions[[int(word.removeprefix("word")) for word in words.split() if word != "word0"]]
        each.append(np.mean((rows @ rows.T)[np.triu_indices(len(rows), 1)]))
        assert float(said) == pytest.approx(each[-1], abs=0.006)
    assert len(each) == K
    assert float(head[1]) == pytest.approx(np.mean(each), abs=0.006)


def test_coherence_is_that_of_the_definition() -> None:
    x = csr_matrix(np.array([[1, 2, 0, 0, 1], [3, 1, 0, 0, 1], [1, 0, 1, 0, 1], [0, 0, 1, 0, 1]], np.float32))
    tops = np.array([[0, 1, 2], [3, 4, 0]])
    expected = np.array([
        np.mean([np.log(0.5 / (0.75 * 0.5)) / -np.log(0.5), np.log(0.25 / (0.75 * 0.5)) / -np.log(0.25), -1]),
        np.mean([-1, -1, np.log(0.75 / (1 * 0.75)) / -np.log(0.75)]),
    ])  # fmt: skip
    assert_allclose(coherence.npmi(coherence.together(x, tops), 4), expected)
    assert_allclose(coherence.uniqueness(tops), [2.5 / 3, 2.5 / 3])
    vectors = np.array([[2, 0], [1, 1], [0, 3], [0, 0], [-1, 0]], np.float32)
    assert_allclose(coherence.embedded(vectors, tops), [2 * 0.5**0.5 / 3, -1], atol=1e-6)
    assert_allclose(coherence.top_words(np.array([[1.0, 0], [3, 2], [2, 1]]), 2), [[1, 2], [1, 2]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("words.txt", b"a\nb\nc\n", "has no file vocab.txt"),
        ("vocab.txt", b"a\nb\n", "has 2 words, and feature_dim is 3"),
        ("vocab.txt", b"a\n\nc\n", "line 2 has no word"),
        ("vocab.txt", b"a\n\xff\nc\n", "is not UTF-8"),
        ("vectors.txt", b"a 1 2\nb 1\n", "line 2: 2 finite numbers are expected"),
        ("vectors.txt", b"a 1 x\n", "line 1: could not convert"),
        ("vectors.txt", b"d 1 2\n", "has no word of vocab.txt"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_the_users_fault(
    job: Any, run: Any, name: str, content: bytes, message: str
) -> None:
    job.configure({"feature_dim": "3", "num_topics": "2"}, {"train": "text/csv;label_size=0", "auxiliary": TEXT})
    job.put("train", "part", b"1,2,3\n")
    if name == "vectors.txt":
        job.put("auxiliary", "vocab.txt", b"a\nb\nc\n")
    job.put("auxiliary", name, content)
    assert run(job, NAME) == 2
    assert message in job.failure


@pytest.mark.parametrize(
    ("content", "message"), [(b"1,2,-3\n", "negative number of words"), (b"0,0,0\n", "No word is in any document")]
)
def test_documents_that_can_not_be_are_the_users_fault(job: Any, run: Any, content: bytes, message: str) -> None:
    job.configure({"feature_dim": "3", "num_topics": "2"}, {"train": "text/csv;label_size=0"})
    job.put("train", "part", content)
    assert run(job, NAME) == 2
    assert message in job.failure


def test_training_stops_when_the_loss_no_longer_falls(make_job: Any, run: Any) -> None:
    train, validation = corpus(400)[0], corpus(200, seed=1)[0]
    epochs = []
    for tolerance in ("0.1", "1e-6"):
        job = make_job(tolerance)
        given = {"epochs": "40", "tolerance": tolerance, "optimizer": "adam", "learning_rate": "0.001"}
        fit(job, run, {"train": train, "validation": validation}, **given)
        losses = logged(job, "total_loss", "validation")
        parts = [logged(job, name, "validation") for name in ("recons", "kld")]
        assert_allclose(np.sum(parts, axis=0), losses)
        best = int(re.findall(r"Best model based on epoch (\d+)", job.output)[0])
        assert best == 1 + int(np.argmin(losses))
        epochs.append(len(losses))
    assert epochs[0] == training.WARM + 3 < epochs[1]


def test_the_loss_must_fall_within_the_last_epochs() -> None:
    falling = [100.0 - epoch for epoch in range(20)]
    assert not training._settled(falling, 3, 0.001)
    assert training._settled([*falling, 81, 81, 80.95], 3, 0.001)
    assert not training._settled([*falling, 81, 81, 70], 3, 0.001)
    assert not training._settled([1.0] * 3, 3, 0.001)
    assert training._settled([1.0] * 4, 3, 0.001)


def test_many_mini_batches_settle_in_few_epochs(job: Any, run: Any) -> None:
    train, validation = corpus(1600)[0], corpus(200, seed=1)[0]
    fit(job, run, {"train": train, "validation": validation}, mini_batch_size="16", tolerance="0.1")
    # 100 in each epoch: the divergence counts fully from the end of the second on, and three more show that nothing is gained.
    assert len(logged(job, "total_loss", "validation")) == 5


@pytest.mark.sampled(1, of="hosts of a deep training")
def test_two_hosts_learn_what_one_learns(make_job: Any, run: Any, together: Any) -> None:
    train, beta, _ = corpus(1500)
    test, _, _ = corpus(300, seed=1)
    alone = make_job("alone")
    fit(alone, run, {"train": train, "test": test}, batch_norm="true", mini_batch_size="128")
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    for number, job in enumerate(jobs):  # unequal numbers of batches
        given = {"feature_dim": str(V), "num_topics": str(K), "batch_norm": "true", "mini_batch_size": "64"}
        job.configure(given, {"train": PROTOBUF, "test": PROTOBUF}, hosts=hosts, current=hosts[number])
        job.put("train", "part", protobuf(train[:600] if number == 0 else train[600:]))
        job.put("test", "part", protobuf(test))
    together(jobs, NAME)
    assert not jobs[1].model.exists() or not list(jobs[1].model.iterdir())
    assert distance(topics(jobs[0]), beta) < 0.15
    described = [logged(job, "total_loss", "test")[-1] for job in (alone, *jobs)]
    assert described[1] == described[2]
    assert described[1] == pytest.approx(described[0], rel=0.01)


def test_data_larger_than_memory_is_streamed(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.for_rows", lambda: 100_000)
    train, beta, _ = corpus(1500)
    given = {"feature_dim": str(V), "num_topics": str(K), "mini_batch_size": "64"}
    job.configure(given, {"train": PROTOBUF})
    for number in range(3):
        job.put("train", f"part-{number}", protobuf(train[500 * number : 500 * (number + 1)]))
    assert run(job, NAME) == 0, job.output
    assert "does not fit in memory" in job.output
    assert distance(topics(job), beta) < 0.15


def test_everything_comes_through_pipes(job: Any, run: Any) -> None:
    train, _, _ = corpus(200)
    job.configure({"feature_dim": str(V), "num_topics": str(K), "epochs": "2"}, {})
    kinds = {"train": PROTOBUF, "auxiliary": TEXT}
    job.write("inputdataconfig", {name: {"TrainingInputMode": "Pipe", "ContentType": kinds[name]} for name in kinds})
    job.channel("").mkdir(parents=True, exist_ok=True)
    threads = []
    for name, content in (("train", protobuf(train)), ("auxiliary", "\n".join(f"ä{n}" for n in range(V)).encode())):
        os.mkfifo(job.channel(f"{name}_0"))
        threads.append(threading.Thread(target=job.channel(f"{name}_0").write_bytes, args=(content,)))
        threads[-1].start()
    assert run(job, NAME) == 0, job.output
    for thread in threads:
        thread.join()
    assert len(re.findall(r"\] (?:ä\d+ ?){10}", job.output)) == K


def test_part_of_the_rows_is_learnt_from(job: Any, run: Any) -> None:
    train, _, _ = corpus(500)
    fit(job, run, {"train": train}, sub_sample="0.2", mini_batch_size="10", epochs="2")
    assert [round(float(text)) for text in re.findall(r'"num.records": \{"sum": (\S+),', job.output)] == [100, 100]


def test_a_model_is_served_again(job: Any, run: Any) -> None:
    train, _, _ = corpus(300)
    model = fit(
        job,
        run,
        {"train": train},
        encoder_layers="20, 10",
        encoder_layers_activation="relu",
        batch_norm="true",
        epochs="3",
    )
    members = artefact.unzipped(artefact.read(job.model))
    assert members.keys() == {"params", "symbol.json", "meta.json"}
    arrays = ndarray.decode(members["params"])
    assert isinstance(arrays, dict)
    assert arrays["arg:projection_weight"].shape == (V, K)
    assert arrays["arg:enc_0_weight"].shape == (20, V)
    assert json.loads(members["meta.json"])["encoder_layers"] == [20, 10]
    again = TopicModel.decode(model.encode())
    shares, expected = (each.predict(train[:5].toarray())["topic_weights"] for each in (again, model))
    assert_allclose(shares, expected, rtol=1e-5)  # the file divides the decoder's float32 numbers in another way
    answer = serve(job.model)(csv(train[:2]), "text/csv", "application/json")
    assert [len(each["topic_weights"]) for each in json.loads(answer.body)["predictions"]] == [K, K]
    for body, message in ((b"1,2\n", "2 features"), (csv(train[:1] * -1), "negative number of words")):
        assert message in serve(job.model)(body, "text/csv", "").body.decode()


def test_counts_of_one_word_are_added_up() -> None:
    from sagewright.algorithms.formats.table import Sparse

    rows = Sparse(np.array([0, 3]), np.array([2, 0, 2]), np.array([1, 0, 4], np.float32), 3)
    found = counts(rows, "here")
    assert found.nnz == 1
    assert_allclose(found.toarray(), [[0, 0, 5]])
