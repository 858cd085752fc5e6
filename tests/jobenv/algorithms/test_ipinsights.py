"""IP Insights: gradients against finite differences, made-up pairs, and whole trainings on logs whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import adam, artefact, ndarray
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.ipinsights import beginning, events, training
from sagewright.algorithms.ipinsights.batches import Batches, MiniBatch, blurs
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.descent import Rows
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.habits import Habits
from sagewright.algorithms.ipinsights.kernel import Room
from sagewright.algorithms.ipinsights.learner import IPInsightsLearner
from sagewright.algorithms.ipinsights.model import InsightsModel
from sagewright.algorithms.ipinsights.network import Blocks, IPInsightsNetwork, bits, keys
from sagewright.algorithms.ipinsights.pairs import Rates, made_up

NAME = "ipinsights"
USERS, NETWORKS = 200, 40
VALUES = {
    "num_entity_vectors": "5000", "vector_dim": "32", "epochs": "30", "mini_batch_size": "500", "learning_rate": "0.01",
}  # fmt: skip


def log(count: int, seed: int) -> list[tuple[str, str]]:
    """Visits of users from a few networks of their own, most of the addresses never seen before."""
    known = np.random.default_rng(0)
    networks = known.integers(1 << 12, 1 << 20, NETWORKS)  # the first 20 bits
    homes = known.integers(0, NETWORKS, (USERS, 2))
    random = np.random.default_rng(seed)
    user = random.integers(0, USERS, count)
    network = networks[homes[user, random.integers(0, 2, count)]]
    address = network * 4096 + random.integers(0, 4096, count)
    return [
        (f"user-{who}", ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)))
        for who, number in zip(user, address, strict=True)
    ]


def csv(rows: list[tuple[str, str]]) -> bytes:
    return "".join(f"{entity},{address}\n" for entity, address in rows).encode()


def values(**given: str) -> dict[str, Any]:
    return DECLARATION.validate_hyperparameters({"num_entity_vectors": "50", "vector_dim": "4", **given})


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_gradients_are_the_slopes_of_the_loss(layers: int) -> None:
    random = np.random.default_rng(0)
    network = IPInsightsNetwork.begin(5, 4, layers, 0)
    network.entities = network.entities.astype(np.float64)
    network.weights = [random.normal(size=each.shape) for each in network.weights]
    network.biases = [random.normal(size=len(each)) for each in network.biases]
    found = Events(random.integers(0, 5, 30), random.integers(0, 1 << 32, 30, dtype=np.uint32))
    labels = random.integers(0, 2, 30)

    def loss() -> float:
        scores = np.einsum("ij,ij->i", network.entities[found.entity], network.encode(bits(found.address))[-1])
        return float(-np.sum(np.log(np.where(labels == 1, probability(scores), 1 - probability(scores)))))

    inside = network.encode(bits(found.address))
    own = network.entities[found.entity]
    error = (probability(np.einsum("ij,ij->i", own, inside[-1])) - labels)[:, None]
    slopes = network.slopes(inside, error * own)
    for arrays, expected in ((network.weights, slopes[0]), (network.biases, slopes[1])):
        for array, slope in zip(arrays, expected, strict=True):
            place = tuple(np.array(array.shape) // 2)
            before = array[place]
            array[place] = before + 1e-6
            high = loss()
            array[place] = before - 1e-6
            low = loss()
            array[place] = before
            assert (high - low) / 2e-6 == pytest.approx(slope[place], rel=1e-3, abs=1e-4)


def test_only_what_occurs_is_touched() -> None:
    seen = np.array([1 << 8, 1 << 20], np.uint32)
    network = IPInsightsNetwork.begin(50, 4, 1, 0, (np.arange(50), np.unique(keys(seen))))
    network.weights[-1][...] = 1
    before = network.entities.copy()
    pairs = made_up(Events(np.array([3, 7, 3]), seen[[0, 0, 0]]), Rates(1, 1), np.random.default_rng(0))
    IPInsightsLearner(network, 0.01, 0.0).step(MiniBatch.of(pairs, network.blocks), Group())
    assert np.flatnonzero((network.entities != before).any(axis=1)).tolist() == [3, 7]
    moved = network.blocks.vectors.any(axis=1)
    assert moved[np.unique(network.blocks.places(seen[:1]))].all()
    assert not moved[np.setdiff1d(network.blocks.places(seen[1:]), network.blocks.places(seen[:1]))].any()
    assert not moved[-1]


def test_a_step_goes_down_the_slope_of_all_pairs() -> None:
    """One step at a small rate, without moments, against the loss by finite differences: of an entity and of a block."""
    random = np.random.default_rng(0)
    address = random.integers(0, 1 << 32, 20, dtype=np.uint32)
    network = IPInsightsNetwork.begin(5, 4, 1, 0, (np.arange(5), np.unique(keys(address))))
    network.weights[-1][...] = random.normal(size=network.weights[-1].shape)
    network.blocks.vectors[:-1] = random.normal(size=network.blocks.vectors[:-1].shape)
    pairs = made_up(Events(random.integers(0, 5, 20), address), Rates(1, 1), random)
    found, labels = pairs.flat()

    def loss() -> float:
        scores = network.scores(found.entity, found.address).astype(np.float64)
        return float(-np.mean(np.log(np.where(labels == 1, probability(scores), 1 - probability(scores)))))

    touched: dict[str, Any] = {}
    learner = IPInsightsLearner(network, 0.01, 0.0)
    for name in ("entities", "blocks"):
        part = getattr(learner, name)
        part.step = lambda rows, sums, pairs, name=name: touched.update({name: (rows, sums / pairs)})
    for part in (learner.layers, learner.biases):
        part.step = lambda rows, slope, count: None
    learner.step(MiniBatch.of(pairs, network.blocks), Group())
    for name, table in (("entities", network.entities), ("blocks", network.blocks.vectors)):
        rows, slopes = touched[name]
        for row in range(min(5, len(rows))):
            before = table[rows[row], 1]
            ends = []
            for moved in (1e-2, -1e-2):
                table[rows[row], 1] = before + np.float32(moved)
                ends.append(loss())
            table[rows[row], 1] = before
            assert (ends[0] - ends[1]) / 2e-2 == pytest.approx(slopes[row, 1], rel=0.02, abs=1e-5)


def test_machine_code_steps_as_arrays_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's step, to the last bit."""
    adam.rehearse()
    random = np.random.default_rng(0)
    begin = random.normal(size=(50, 7)).astype(np.float32)
    quick, plain = (adam.Part(begin.copy(), 0.03, 0.01) for _ in range(2))
    for count in range(1, 6):
        rows, slopes = random.permutation(50)[:20], random.normal(size=(20, 7)).astype(np.float32)
        assert adam._step.kept
        quick.step(rows, slopes, count)
        with monkeypatch.context() as patch:
            patch.setattr(adam, "_step", SimpleNamespace(kept=False))
            plain.step(rows, slopes, count)
    for one, other in ((quick.values, plain.values), (quick.mean, plain.mean), (quick.square, plain.square)):
        assert (one == other).all()


def test_slopes_are_those_of_the_definition_from_batch_to_batch() -> None:
    random = np.random.default_rng(0)
    entities, vectors = random.normal(size=(6, 3)).astype(np.float32), random.normal(size=(9, 3)).astype(np.float32)
    vectors[-1] = 0
    room = Room((entities, vectors))
    for events_there, addresses_there in ((4, 7), (0, 0), (12, 20), (5, 6)):
        entity = random.integers(0, 6, events_there).astype(np.int32)
        place = random.integers(0, max(1, addresses_there), (events_there, 3))
        blocks = random.integers(0, 9, (addresses_there, 4)).astype(np.int32)
        inside = random.normal(size=(addresses_there, 3)).astype(np.float32)
        full = inside + vectors[blocks].sum(axis=1)
        scores = np.einsum("ij,ikj->ik", entities[entity], full[place])
        error = probability(scores) - (np.arange(3) == 0)
        of_addresses, of_entities, of_blocks = np.zeros_like(full), np.zeros_like(entities), np.zeros_like(vectors)
        np.add.at(of_addresses, place, error[:, :, None] * entities[entity][:, None])
        np.add.at(of_entities, entity, np.einsum("ik,ikj->ij", error, full[place]))
        np.add.at(of_blocks, blocks, of_addresses[:, None])
        found = room.slopes((entity, place, blocks), inside)
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)
        np.testing.assert_allclose(found.addresses, of_addresses, atol=1e-5)
        for (rows, slopes), expected, there in (
            (found.entities, of_entities, entity),
            (found.blocks, of_blocks, blocks[blocks < 8]),  # the last is no block
        ):
            assert sorted(rows) == sorted(set(there.tolist()))
            np.testing.assert_allclose(slopes, expected[rows], atol=1e-5)


def test_a_row_steps_by_its_rate_and_trust_whatever_the_size_of_its_gradient() -> None:
    random = np.random.default_rng(0)
    begin, slopes = random.normal(size=(5, 7)).astype(np.float32), random.normal(size=(3, 7)).astype(np.float32)
    trust = np.array([1, 1, 0.5, 1, 1], np.float32)
    table = Rows(begin.copy(), trust, 0.1, 0.0)
    places = np.array([4, 0, 2])
    table.step(places, slopes * np.array([[1], [1000], [0.001]], np.float32), 10)
    moved = table.values - begin
    expected = -0.1 * trust[places, None] * slopes / np.sqrt(np.mean(slopes**2, axis=1, keepdims=True))
    np.testing.assert_allclose(moved[places], expected, rtol=1e-3)
    assert not moved[[1, 3]].any()
    before = table.values.copy()
    table.step(
        places[:1], 3 * slopes[:1], 10
    )  # three times as long: the mean square is 0.9 + 0.1 * 9 times the former one
    np.testing.assert_allclose(table.values[4] - before[4], 3 / np.sqrt(1.8) * moved[4], rtol=1e-3)


def test_a_network_of_one_host_and_of_two_begins_the_same() -> None:
    known = events.parse(log(3000, 1), 5000, "rows")
    whole = Habits.of(known, Group())
    halves = [known.take(np.arange(1000)), known.take(np.arange(1000, 3000))]
    said = [np.unique((each.entity.astype(np.int64) << 32) | each.address, return_counts=True) for each in halves]
    together = Habits.of(halves[0], cast("Group", SimpleNamespace(gather=lambda _own: said)))
    assert (whole.pairs == together.pairs).all()
    assert (whole.counts == together.counts).all()
    assert (whole.counts.sum(), whole.events) == (3000, 3000)


def test_only_lengths_that_tell_entities_apart_have_vectors() -> None:
    random = np.random.default_rng(0)
    user = random.integers(0, 100, 4000)
    network = 4096 + user % 50  # the first 16 bits
    by_chance = Events(user.astype(np.int32), (network * 65536 + random.integers(0, 65536, 4000)).astype(np.uint32))
    assert list(Habits.of(by_chance, Group()).telling) == [16]
    own = Events(by_chance.entity, (network * 65536 + user * 256 + random.integers(0, 256, 4000)).astype(np.uint32))
    assert list(Habits.of(own, Group()).telling) == [16, 24]
    nothing = Events(by_chance.entity[:400], random.integers(0, 1 << 32, 400, dtype=np.uint32))
    assert not Habits.of(nothing, Group()).telling
    user, network = np.divmod(np.arange(4000), 40)
    once = Events(user.astype(np.int32), ((4096 + network) * 65536 + user).astype(np.uint32))
    assert list(Habits.of(once, Group()).telling) == [16]  # nobody comes back, but a network has a hundred visitors


def test_the_beginning_knows_habits_and_doubts_strange_addresses() -> None:
    known, later = (events.parse(log(count, seed), 5000, "rows") for count, seed in ((8000, 1), (2000, 2)))
    habits, rates = Habits.of(known, Group()), Rates(1, 6)
    network = IPInsightsNetwork.begin(5000, 64, 1, 0, (habits.entities[0], habits.keys))
    beginning.align(network, habits, rates, 0)
    others = np.random.default_rng(3).permutation(len(later))
    for address in (later.address[others], np.random.default_rng(4).integers(0, 1 << 32, 2000, dtype=np.uint32)):
        found = [network.scores(later.entity, each) for each in (later.address, address)]
        assert roc_auc_score(np.repeat([1, 0], 2000), np.concatenate(found)) > 0.95
        assert np.mean(found[1]) < -2
    assert np.mean(network.scores(later.entity, later.address)) > -1


@pytest.mark.parametrize(("given", "least", "most"), [({}, 1, 4), ({"epochs": "6"}, 6, 6)])
def test_easy_events_take_fewer_epochs_unless_they_are_given(
    job: Any, run: Any, given: dict[str, str], least: int, most: int
) -> None:
    rows = [(f"u{number % 40}", f"{number % 40 + 1}.1.1.{number % 7}") for number in range(2000)]
    job.configure({"num_entity_vectors": "1000", "vector_dim": "64", **given}, {"train": "text/csv"})
    job.put("train", "part", csv(rows))
    assert run(job, NAME) == 0, job.output
    assert least <= len(set(re.findall(r"epoch=(\d+), train", job.output))) <= most


def test_few_events_get_more_epochs() -> None:
    found = [training._epochs(count, 64) for count in (1, 8000, 16_000, 30_000, 130_000, 250_000, 10_000_000)]
    assert found == [8, 8, 4, 3, 3, 1, 1]


def test_narrow_vectors_get_more_epochs() -> None:
    assert [training._epochs(100, width) for width in (4, 16, 32, 64, 512)] == [16, 16, 11, 8, 8]


@pytest.mark.parametrize("count", [300, 40_000])
def test_an_epoch_has_every_event_once_and_some_without_their_smallest_blocks(count: int) -> None:
    random = np.random.default_rng(0)
    known = Events(np.arange(count, dtype=np.int32), random.integers(0, 1 << 32, count, dtype=np.uint32))
    blocks = Blocks.begin(np.unique(keys(known.address)), 2)
    whole, none = blocks.places(known.address), len(blocks.keys)
    entities, lengths = [], []
    for batch in Batches.of(known, blocks, Rates(2, 3), 70).epoch(random):
        entities += batch.entity.tolist()
        own = batch.place[:, 0]
        assert (batch.address[own] == known.address[batch.entity]).all()
        assert batch.place.shape == (len(batch.entity), 6)
        assert sorted(batch.place[:, 5]) == sorted(own)  # the address of another event of the batch
        assert set(batch.place[:, 1:3].ravel()).isdisjoint(own)
        there = batch.blocks[own] != none
        assert (batch.blocks[own] == np.where(there, whole[batch.entity], none)).all()
        assert (np.diff(there.astype(int), axis=1) <= 0).all()
        lengths += there.sum(axis=1).tolist()
    assert sorted(entities) == list(range(count))
    assert entities != sorted(entities)
    assert np.bincount(lengths, minlength=5) / count == pytest.approx([0, 0, 0.25, 0.25, 0.5], abs=0.08)


def test_only_what_later_events_need_is_learnt_without_blocks() -> None:
    assert blurs((1.0, 1.0)) == (0.5, 0.25, 0.25)
    assert blurs((0.1, 0.1)) == pytest.approx((0.9, 0, 0.1))
    assert blurs((0.5, 0.0)) == (0.5, 0.5, 0)
    assert blurs((0.0, 0.0)) == (1, 0, 0)
    known = Events(np.array([0, 0, 0, 1], np.int32), np.array([256, 256, 257, 512], np.uint32))
    assert Habits.of(known, Group()).alone == (0.5, 0.25)


def test_the_beginning_knows_many_addresses_of_an_entity() -> None:
    random = np.random.default_rng(0)
    user, which = random.integers(0, 300, 12_000), random.integers(0, 12, 12_000)
    own = random.integers(0, 1 << 32, (300, 12), dtype=np.uint32)
    known = Events(user.astype(np.int32), own[user, which])
    habits = Habits.of(known, Group())
    network = IPInsightsNetwork.begin(300, 16, 1, 0, (habits.entities[0], habits.keys))
    beginning.align(network, habits, Rates(1, 6), 0)
    strange = known.address[random.permutation(12_000)]
    found = [network.scores(known.entity, each) for each in (known.address, strange)]
    assert roc_auc_score(np.repeat([1, 0], 12_000), np.concatenate(found)) > 0.93


def test_entities_that_never_occurred_are_undecided(job: Any, run: Any) -> None:
    rows = log(500, 1)
    job.configure({"num_entity_vectors": "5000", "vector_dim": "8"}, {"train": "text/csv"})
    job.put("train", "part", csv(rows))
    assert run(job, NAME) == 0, job.output
    model = InsightsModel.decode(artefact.read(job.model))
    known = events.parse(rows, 5000, "rows").entity
    assert (np.flatnonzero(model.network.entities.any(axis=1)) == np.unique(known)).all()
    stranger = next(f"stranger-{n}" for n in range(99) if events._bucket(f"stranger-{n}", 5000) not in known)
    assert not model.predict([(stranger, address) for _, address in rows])["dot_product"].any()


def test_made_up_pairs_have_their_share() -> None:
    found = Events(np.arange(100), np.arange(100, dtype=np.uint32))
    given = values(random_negative_sampling_rate="2", shuffled_negative_sampling_rate="3")
    pairs, labels = made_up(found, Rates.of(given), np.random.default_rng(0)).flat()
    assert (len(pairs), labels.sum(), labels[:100].all()) == (600, 100, True)
    assert (pairs.entity.reshape(6, 100) == np.arange(100)).all()
    assert (np.sort(pairs.address[300:].reshape(3, 100), axis=1) == np.arange(100)).all()
    assert np.sort(pairs.address[100:300])[-100] > 1 << 30


def test_blocks_that_were_never_seen_have_no_vector() -> None:
    seen = np.array([0x01020304, 0xFF000000], np.uint32)
    blocks = Blocks(np.unique(keys(seen)), np.ones((9, 2), np.float32) * [[0]] + 1)
    blocks.vectors[-1] = 0
    asked = np.array([0x01020304, 0x01020305, 0x01FF0000, 0x02000000], np.uint32)
    assert blocks.sums(blocks.places(asked))[:, 0].tolist() == [4, 3, 1, 0]


@pytest.mark.parametrize("count", [2000, 30_000])
def test_the_defaults_are_better_than_counting(job: Any, run: Any, count: int) -> None:
    train, later = log(count, 1), log(2000, 2)
    job.configure({"num_entity_vectors": "5000", "vector_dim": "32"}, {"train": "text/csv"})
    job.put("train", "part", csv(train))
    assert run(job, NAME) == 0, job.output
    model = InsightsModel.decode(artefact.read(job.model))
    others = np.random.default_rng(3).permutation(len(later))
    strange = [(later[number][0], later[other][1]) for number, other in enumerate(others)]
    labels = np.repeat([1, 0], len(later))
    area = roc_auc_score(labels, model.predict([*later, *strange])["dot_product"])
    counts: dict[tuple[str, str], int] = {}
    for entity, address in train:
        pair = entity, address.rsplit(".", 2)[0]
        counts[pair] = counts.get(pair, 0) + 1
    counted = [counts.get((entity, address.rsplit(".", 2)[0]), 0) for entity, address in (*later, *strange)]
    assert area > roc_auc_score(labels, counted) - 0.005


def test_events_are_read_as_bits_and_buckets() -> None:
    found = events.parse([["a", "128.0.0.1"], [" a ", " 0.0.0.0"], ["b", "255.255.255.255"]], 1000, "here")
    assert found.entity[0] == found.entity[1] != found.entity[2]
    assert bits(found.address).astype(int).tolist() == [[1, *[-1] * 30, 1], [-1] * 32, [1] * 32]


@pytest.mark.parametrize("row", [["a"], ["a", "1.2.3"], ["a", "1.2.3.256"], ["a", "::1"], ["a", "1.2.3.4", "x"], []])
def test_what_is_no_event_is_named(row: list[str]) -> None:
    with pytest.raises(UserError, match="channel train, row 1: "):
        events.parse([["a", "1.2.3.4"], row], 10, "channel train")


def test_strangers_are_told_from_habits(job: Any, run: Any) -> None:
    train, later = log(20000, 1), log(2000, 2)
    job.configure(VALUES, {"train": "text/csv", "validation": "text/csv"})
    job.put("train", "part", csv(train))
    job.put("validation", "part", csv(later))
    assert run(job, NAME) == 0, job.output
    model = InsightsModel.decode(artefact.read(job.model))
    others = np.random.default_rng(3).permutation(len(later))
    strange = [(later[number][0], later[other][1]) for number, other in enumerate(others)]
    score = model.predict([*later, *strange])["dot_product"]
    labels = np.repeat([1, 0], len(later))
    area = roc_auc_score(labels, score)
    seen = dict.fromkeys(train, 1)
    by_frequency = roc_auc_score(labels, [seen.get(row, 0) for row in (*later, *strange)])
    assert area > 0.9  # some strangers share a network by chance
    assert area > by_frequency + 0.3
    reached = [float(each) for each in re.findall(r"epoch=\d+, validation discriminator_auc <score>=(\S+)", job.output)]
    assert len(reached) == 30
    assert reached[-1] > 0.93
    assert "epoch=0, batch=0 train binary_classification_accuracy <score>=" in job.output
    answer = model.predict(later[:2], verbose=True)
    assert answer["ip_embedding"].shape == answer["entity_embedding"].shape == (2, 32)
    assert np.einsum("ij,ij->i", answer["ip_embedding"], answer["entity_embedding"]) == pytest.approx(
        answer["dot_product"], rel=1e-5
    )


def test_two_hosts_learn_what_one_learns(make_job: Callable[[str], Any], run: Any, together: Any) -> None:
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    rows, later = log(8000, 1), log(1000, 2)
    given = {**VALUES, "epochs": "10", "mini_batch_size": "250"}
    for number, job in enumerate(jobs):
        job.configure(given, {"train": "text/csv", "validation": "text/csv"}, hosts=hosts, current=hosts[number])
        job.put("train", "part", csv(rows[:3000] if number == 0 else rows[3000:]))
        job.put("validation", "part", csv(later))
    together(jobs, NAME)
    alone = make_job("alone").configure(
        {**given, "mini_batch_size": "500"}, {"train": "text/csv", "validation": "text/csv"}
    )
    alone.put("train", "part", csv(rows))
    alone.put("validation", "part", csv(later))
    assert run(alone, NAME) == 0
    areas = [float(re.findall(r"discriminator_auc <score>=(\S+)", each.output)[-1]) for each in (*jobs, alone)]
    assert areas[0] == areas[1]
    assert areas[0] == pytest.approx(areas[2], abs=0.03)


@pytest.mark.parametrize("rates", [("0", "0"), ("250", "251")])
def test_negatives_must_be_in_their_limits(job: Any, run: Any, rates: tuple[str, str]) -> None:
    names = ("random_negative_sampling_rate", "shuffled_negative_sampling_rate")
    job.configure({**VALUES, **dict(zip(names, rates, strict=True))}, {"train": "text/csv"})
    job.put("train", "part", b"a,1.2.3.4\n")
    assert run(job, NAME) == 2
    assert "must be from 1 to 500" in job.failure


def test_habits_that_memory_has_no_room_for_are_told(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.hardware.memory_bytes", lambda: 1 << 20)
    job.configure({"num_entity_vectors": "100", "vector_dim": "8"}, {"train": "text/csv"})
    rows = [f"u,10.0.{number >> 8}.{number & 255}" for number in range(5000)]
    job.put("train", "part", "\n".join(rows * 3).encode())
    assert run(job, NAME) == 2
    assert "5000 different pairs of an entity and an address takes" in job.failure


def test_a_broken_model_is_the_users_fault() -> None:
    arrays = {
        "entity_weight": np.ones((3, 4), np.float32),
        "ip_fc0_weight": np.ones((5, 32), np.float32),
        "ip_fc0_bias": np.ones(5, np.float32),
    }
    with pytest.raises(UserError, match="don't fit together"):
        InsightsModel.decode(artefact.zipped({"params": ndarray.encode(arrays)}))


@pytest.mark.parametrize(
    ("events", "given", "pairs"),
    [(2000, {}, 3), (12_000, {}, 6), (2000, {"shuffled_negative_sampling_rate": "2"}, 2), (2000, {"epochs": "1"}, 1)],
)
def test_few_events_get_more_made_up_pairs(job: Any, run: Any, events: int, given: dict[str, str], pairs: int) -> None:
    random = np.random.default_rng(0)
    rows = [f"u{user},10.{user % 7}.{user % 5}.{host}" for user, host in random.integers(1, 250, (events, 2))]
    job.configure({"num_entity_vectors": "1000", "vector_dim": "8", **given}, {"train": "text/csv"})
    job.put("train", "x", "\n".join(rows).encode())
    assert run(job, "ipinsights") == 0, job.output
    assert f"with {pairs} shuffled pairs each" in job.output
