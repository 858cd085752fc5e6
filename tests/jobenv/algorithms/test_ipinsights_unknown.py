"""IP Insights on addresses in blocks that never occurred, beside known ones of other entities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ipinsights import beginning
from sagewright.algorithms.ipinsights.events import Events, parse
from sagewright.algorithms.ipinsights.habits import Habits
from sagewright.algorithms.ipinsights.model import InsightsModel
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork
from sagewright.algorithms.ipinsights.pairs import Rates

USERS, BUCKETS = 400, 4000


def visits(count: int, seed: int) -> list[tuple[str, str]]:
    """Visits of users from two networks (16 bits) of 80 each; of a tenth, from any of the 80."""
    known, random = np.random.default_rng(0), np.random.default_rng(seed)
    networks = known.integers(1 << 8, 1 << 16, 80)
    homes = known.integers(0, 80, (USERS, 2))
    user = random.integers(0, USERS, count)
    network = homes[user, random.integers(0, 2, count)]
    network = networks[np.where(random.random(count) < 0.1, random.integers(0, 80, count), network)]
    host = random.integers(0, 1 << 16, count)
    return [
        (f"u{who}", f"{net >> 8}.{net & 255}.{at >> 8}.{at & 255}")
        for who, net, at in zip(user, network, host, strict=True)
    ]


def area(network: IPInsightsNetwork, later: Events, seed: int) -> float:
    """The area under the curve of later events beside random addresses."""
    drawn = np.random.default_rng(seed).integers(0, 1 << 32, len(later), dtype=np.uint32)
    found = [network.scores(later.entity, each) for each in (later.address, drawn)]
    return float(roc_auc_score(np.repeat([1, 0], len(later)), np.concatenate(found)))


def test_random_addresses_are_stranger_than_known_networks_of_others(job: Any, run: Any) -> None:
    job.configure({"num_entity_vectors": str(BUCKETS), "vector_dim": "32"}, {"train": "text/csv"})
    job.put("train", "part", "".join(f"{who},{where}\n" for who, where in visits(12_000, 1)).encode())
    assert run(job, "ipinsights") == 0, job.output
    network = InsightsModel.decode(artefact.read(job.model)).network
    assert area(network, parse(visits(3000, 2), BUCKETS, "rows"), 3) > 0.99


@pytest.mark.parametrize("drawn", [1, 4])
def test_the_beginning_doubts_new_blocks_inside_known_ones(drawn: int) -> None:
    known, later = (parse(visits(count, seed), BUCKETS, "rows") for count, seed in ((12_000, 1), (3000, 2)))
    habits = Habits.of(known, Group())
    assert list(habits.telling) == [8, 16]
    network = IPInsightsNetwork.begin(BUCKETS, 32, 1, 0, (habits.entities[0], habits.keys))
    beginning.align(network, habits, Rates(drawn, 3), 0)
    inside = (later.address & np.uint32(0xFF000000)) | np.uint32(0x00FEFFFF)
    inside = inside[~np.isin(inside >> 16, known.address >> 16)]
    entity, others = later.entity[: len(inside)], np.random.default_rng(0).permutation(later.address)[: len(inside)]
    assert np.median(network.scores(entity, inside)) < np.median(network.scores(entity, others)) - 2
    assert area(network, later, 3) > 0.98


def test_without_drawn_pairs_training_learns_from_shuffled_ones(job: Any, run: Any) -> None:
    rates = {"random_negative_sampling_rate": "0", "shuffled_negative_sampling_rate": "2"}
    job.configure({"num_entity_vectors": str(BUCKETS), "vector_dim": "16", **rates}, {"train": "text/csv"})
    job.put("train", "part", "".join(f"{who},{where}\n" for who, where in visits(3000, 1)).encode())
    assert run(job, "ipinsights") == 0, job.output
    network = InsightsModel.decode(artefact.read(job.model)).network
    later = parse(visits(2000, 2), BUCKETS, "rows")
    shuffled = later.address[np.random.default_rng(3).permutation(2000)]
    found = [network.scores(later.entity, each) for each in (later.address, shuffled)]
    assert roc_auc_score(np.repeat([1, 0], 2000), np.concatenate(found)) > 0.85
