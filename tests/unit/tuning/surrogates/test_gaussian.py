from __future__ import annotations

import numpy as np
import pytest
from tuning.studies import MIXED

from sagewright.tuning.surrogates.chain import ParticleChain
from sagewright.tuning.surrogates.gaussian import Data, Likelihood, Posterior
from sagewright.tuning.surrogates.kernel import Likeness, PointPairs, Points, noises, own_likeness, prior
from sagewright.tuning.surrogates.lattice import FARTHEST, STEPS, Lattice

LATTICE = Lattice(MIXED)


def points(count: int, seed: int = 0, tasks: int = 1) -> Points:
    rng = np.random.default_rng(seed)
    levels = LATTICE.uniform(rng, count)
    return Points(LATTICE.positions(levels), rng.integers(0, tasks, count), rng.normal(size=count))


def test_both_ways_to_compute_the_kernel_agree_and_it_is_positive_definite() -> None:
    some, particles = points(40, tasks=3), prior(5).draw(np.random.default_rng(1), 8)
    pairs = PointPairs.of(some, LATTICE.categorical)
    lower = pairs.matrices(particles, LATTICE.categorical, own_likeness(some))
    whole = Likeness(particles, LATTICE.categorical).between(some, some)
    assert np.tril(whole) == pytest.approx(lower, abs=1e-9)
    assert whole == pytest.approx(whole.transpose(0, 2, 1), abs=1e-12)
    assert (np.linalg.eigvalsh(whole) > -1e-9).all()
    rough = pairs.rough().matrices(particles, LATTICE.categorical, own_likeness(some))
    assert rough == pytest.approx(lower, abs=2e-6)
    assert (rough != lower).any()


def test_the_posterior_is_the_one_of_the_textbook() -> None:
    known, requested, particles = points(20), points(7, seed=5), prior(5).draw(np.random.default_rng(1), 3)
    values = np.sin(np.arange(20.0))
    means, deviations = Posterior.of(particles, Data(known, values, LATTICE.categorical)).predict(requested)
    likeness = Likeness(particles, LATTICE.categorical)
    for p in range(3):
        matrix = likeness.between(known, known)[p] + np.eye(20) * (noises(particles)[p] + 1e-7)
        cross = likeness.between(requested, known)[p]
        scale = (2 + 0.5 * values @ np.linalg.solve(matrix, values)) / (2 + 10)
        variance = own_likeness(requested) - np.einsum("ij,ji->i", cross, np.linalg.solve(matrix, cross.T))
        assert means[p] == pytest.approx(cross @ np.linalg.solve(matrix, values))
        assert deviations[p] == pytest.approx(np.sqrt(variance * scale))


def test_believing_keeps_the_mean_and_takes_the_doubt() -> None:
    known, requested, particles = points(20), points(3, seed=5), prior(5).draw(np.random.default_rng(1), 3)
    before = Posterior.of(particles, Data(known, np.cos(np.arange(20.0)), LATTICE.categorical))
    means, deviations = before.predict(requested)
    means_after, deviations_after = before.believing(requested).predict(requested)
    assert means_after == pytest.approx(means, abs=1e-6)
    assert (deviations_after < deviations).all()
    values = np.zeros(23)
    anew = Posterior.of(particles, Data(known.and_(requested), values, LATTICE.categorical))
    assert before.believing(requested).solved.inverses == pytest.approx(anew.solved.inverses, abs=1e-6)


def test_the_particles_find_which_range_matters_and_how_much_is_noise() -> None:
    rng = np.random.default_rng(3)
    some = points(60, seed=2)
    some = Points(some.positions, some.tasks, np.zeros(60))
    values = np.sin(some.positions[:, 0] / STEPS * 9) + rng.normal(0, 0.05, 60)
    values = (values - values.mean()) / values.std()
    chain = ParticleChain(prior(5), 16, rng)
    chain.sweep(Likelihood(Data(some, values, LATTICE.categorical)), 150, rng)
    lengths = np.median(chain.particles[:, :5], axis=0)
    assert lengths[0] < lengths[1:].min() - 1
    assert np.median(noises(chain.particles)) < 0.1


def test_what_is_expected_of_known_points_is_known_without_asking() -> None:
    known, running = points(20, tasks=2), points(3, seed=6)
    particles = prior(5).draw(np.random.default_rng(1), 3)
    posterior = Posterior.of(particles, Data(known, np.sin(np.arange(20.0)), LATTICE.categorical)).believing(running)
    assert posterior.settled == pytest.approx(posterior.means(known.and_(running)), abs=1e-5)
    some = posterior.some(slice(None, None, 2))
    assert some.settled == pytest.approx(posterior.settled[::2])
    means, deviations = posterior.predict(points(4, seed=7))
    assert some.predict(points(4, seed=7)) == (pytest.approx(means[::2]), pytest.approx(deviations[::2]))


def test_points_outside_of_the_ranges_are_told_apart_too() -> None:
    inside, particles = points(6), prior(5).draw(np.random.default_rng(1), 2)
    outside = Points(inside.positions - 200 * ~LATTICE.categorical, inside.tasks, inside.scores)
    assert (inside.farthest(), outside.farthest()) == (STEPS, FARTHEST)
    known = inside.and_(outside)
    requested = LATTICE.positions(LATTICE.levels[None, :] - 1)
    far = Points(requested, np.zeros(1, dtype=np.int64), np.zeros(1))
    likeness = Posterior.of(particles, Data(known, np.arange(12.0), LATTICE.categorical)).likeness
    assert likeness.between(far, known) == pytest.approx(Likeness(particles, LATTICE.categorical).between(far, known))
    exact = PointPairs.of(far.and_(known), LATTICE.categorical).matrices(particles, LATTICE.categorical, np.ones(13))
    assert likeness.between(far, known)[:, 0, :] == pytest.approx(exact[:, 1:, 0])
