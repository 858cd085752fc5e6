"""The neural topic model's parts: gradients by differences, losses and optimisers by their formulas, answers, archives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ntm import decoders
from sagewright.algorithms.ntm.learner import NTMLearner
from sagewright.algorithms.ntm.model import TopicModel
from sagewright.algorithms.ntm.network import PRIOR, NTMNetwork, Shape, seen
from sagewright.algorithms.ntm.optimizers import OPTIMIZERS

ALPHA = np.array([0.5, 0.2, 1.5])


def network(shape: Shape, seed: int = 0, prior: np.ndarray | None = None) -> NTMNetwork:
    """In double precision, with parameters that are all different; of a mixture where there is a prior."""
    random = np.random.default_rng(seed)
    arrays = shape.initial(random, np.ones(shape.words))
    arrays = {name: array + random.normal(0, 0.3, array.shape) for name, array in arrays.items()}
    return NTMNetwork(shape, arrays, {name: array.astype(float) for name, array in shape.statistics().items()}, prior)


@pytest.mark.parametrize("prior", [None, ALPHA])
@pytest.mark.parametrize(
    ("activation", "layers", "batch_norm"),
    [("sigmoid", (5,), False), ("tanh", (6, 5), False), ("relu", (6,), False), ("tanh", (6, 5), True)],
)
def test_gradients_are_differences_of_the_loss(
    activation: str,
    layers: tuple[int, ...],
    batch_norm: bool,
    prior: np.ndarray | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sagewright.algorithms.ntm.decoders.MOST_CELLS", 27)  # several blocks of documents
    random = np.random.default_rng(1)
    built = network(Shape(9, 3, layers, activation, batch_norm), prior=prior)
    x = csr_matrix(random.poisson(1.5, (7, 9)).astype(float))
    noise = random.normal(size=(7, 3))
    share, step = 0.7, 1e-5
    _, gradient, _ = built.gradients(x, noise, share)
    assert gradient.keys() == built.arrays.keys()

    def loss() -> float:
        losses = built.gradients(x, noise, share)[0]
        return float(losses.recons.sum() + share * losses.kld.sum())

    for name, array in built.arrays.items():
        if prior is not None and name == "projection_bias":
            assert not gradient[name].any()  # it stays
            continue
        for place in itertools.islice(np.ndindex(array.shape), 12):
            kept = array[place]
            array[place] = kept + step
            above = loss()
            array[place] = kept - step
            difference = (above - loss()) / (2 * step)
            array[place] = kept
            assert gradient[name][place] == pytest.approx(difference, rel=1e-4, abs=1e-6), (name, place)


@pytest.mark.parametrize("prior", [None, ALPHA])
def test_losses_are_those_of_the_definition(prior: np.ndarray | None) -> None:
    built = network(Shape(9, 3, (5,)), prior=prior)
    x = csr_matrix(np.random.default_rng(1).poisson(1.5, (7, 9)).astype(float))
    noise = np.random.default_rng(2).normal(size=(7, 3))
    given = seen(x).toarray()
    assert_allclose(np.linalg.norm(given, axis=1), 8)
    arrays = built.arrays
    hidden = 1 / (1 + np.exp(-(given @ arrays["enc_0_weight"] + arrays["enc_0_bias"])))
    mean, logvar = (hidden @ arrays[f"{name}_weight"] + arrays[f"{name}_bias"] for name in ("mean", "logvar"))
    z = np.exp(mean + np.exp(logvar / 2) * noise)
    shares = z / z.sum(axis=1, keepdims=True)
    if prior is None:
        scores = shares @ arrays["projection_weight"].T + arrays["projection_bias"]
        likely = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        centers, variances = np.zeros(3), np.full(3, PRIOR)
    else:
        beta = np.exp(arrays["projection_weight"] + arrays["projection_bias"][:, None])
        likely = shares @ (beta / beta.sum(axis=0)).T
        centers = np.log(prior) - np.log(prior).mean()
        variances = (1 - 2 / 3) / prior + (1 / prior).sum() / 9
    losses = built.losses(x, noise)
    assert_allclose(losses.recons, -(x.toarray() * np.log(likely)).sum(axis=1))
    expected = [
        sum(
            (np.log(p / v) + (v + (m - c) ** 2) / p - 1) / 2
            for m, v, c, p in zip(*pair, centers, variances, strict=True)
        )
        for pair in zip(mean, np.exp(logvar), strict=True)
    ]
    assert_allclose(losses.kld, expected)


def test_optimisers_step_as_published() -> None:
    slopes = [np.array([3.0, -0.5], np.float32), np.array([-1.0, 0.25], np.float32)]
    first, second = slopes
    moved = np.sqrt(1e-6 / (0.1 * first**2 + 1e-6)) * first
    square = 0.09 * first**2 + 0.1 * second**2
    expected = {
        "sgd": 0.001 * second,
        "adam": 0.001 * ((0.09 * first + 0.1 * second) / 0.19)
        / np.sqrt((0.000999 * first**2 + 0.001 * second**2) / (1 - 0.999**2)),
        "adagrad": 0.001 * second / np.sqrt(first**2 + second**2),
        "adadelta": np.sqrt((0.1 * moved**2 + 1e-6) / (square + 1e-6)) * second,
        "rmsprop": 0.001 * second / np.sqrt(square),
    }  # fmt: skip
    assert expected.keys() == OPTIMIZERS.keys()
    for name, last in expected.items():
        optimizer = OPTIMIZERS[name](0.001, np.zeros(2, np.float32))
        optimizer.step(first)
        assert_allclose(optimizer.step(second), last, rtol=1e-3, err_msg=name)


def values(**changes: Any) -> dict[str, Any]:
    plain = {
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "clip_gradient": np.inf,
        "rescale_gradient": 1.0,
        "weight_decay": 0,
    }
    return {**plain, **changes}


def moved(**changes: Any) -> dict[str, np.ndarray]:
    """How far one step of plain descent moves each array."""
    built = network(Shape(9, 3, (5,)))
    before = {name: array.copy() for name, array in built.arrays.items()}
    x = csr_matrix(np.random.default_rng(1).poisson(1.5, (7, 9)).astype(np.float32))
    NTMLearner(built, values(**changes), np.random.default_rng(0)).step(x, 1.0, Group())
    return {name: built.arrays[name] - array for name, array in before.items()}


def test_gradients_are_rescaled_cut_and_decayed() -> None:
    plain, weight = moved(), network(Shape(9, 3, (5,))).arrays
    for name, move in moved(rescale_gradient=0.25).items():
        assert_allclose(move, plain[name] / 4, rtol=1e-4, atol=1e-6)
    for name, move in moved(clip_gradient=0.01, learning_rate=0.5).items():
        assert_allclose(move, np.clip(plain[name], -0.01, 0.01) / 2, atol=1e-6)
    for name, move in moved(weight_decay=0.5).items():
        decay = 0.5 * weight[name] if name.endswith("_weight") else 0
        assert_allclose(move, plain[name] - decay, atol=1e-5)


def test_a_step_that_is_no_number_is_the_users_fault() -> None:
    learner = NTMLearner(network(Shape(9, 3, (5,))), values(learning_rate=1e30), np.random.default_rng(0))
    with pytest.raises(UserError, match="diverged"):
        for _ in range(20):
            learner.step(csr_matrix(np.full((7, 9), 1e4, np.float32)), 1.0, Group())


def test_a_document_is_about_what_its_words_say_beside_the_encoders_guess() -> None:
    built = network(Shape(9, 3, (5,)), prior=ALPHA)
    model = TopicModel(built)
    x = csr_matrix(np.vstack([np.random.default_rng(1).poisson(1.5, (6, 9)), np.zeros((1, 9))]).astype(np.float32))
    guess = np.exp(built.means(x))
    prior = ALPHA + ALPHA.sum() * guess / guess.sum(axis=1, keepdims=True)
    found = model.predict(x.toarray())["topic_weights"]
    assert_allclose(found[-1], prior[-1] / prior[-1].sum(), rtol=1e-5)  # no word says anything
    beta = decoders.distributions(built.arrays)

    def posterior(mixtures: np.ndarray) -> np.ndarray:
        words = (x.toarray() * np.log(mixtures @ beta.T)).sum(axis=1)
        return np.asarray(words + (prior * np.log(mixtures)).sum(axis=1))

    best = posterior(found)
    for seed in range(20):
        aside = found * np.exp(np.random.default_rng(seed).normal(0, 0.1, found.shape))
        assert (posterior(aside / aside.sum(axis=1, keepdims=True)) < best).all()


def mixing(prior: np.ndarray) -> dict[str, bytes]:
    """An archive's members."""
    built = network(Shape(9, 3, (5,)), prior=ALPHA)
    built.prior = prior
    return dict(artefact.unzipped(TopicModel(built).encode()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params": None}, "no member params"),
        ({"meta.json": b"{}"}, "meta.json does not describe a network"),
        ({"meta.json": b"[1"}, "meta.json does not describe a network"),
        ({"params": ndarray.encode({"arg:mean_weight": np.zeros(2, np.float32)})}, "no array enc_0_weight"),
        ({"meta.json": mixing(ALPHA)["meta.json"]}, "no array prior"),
        ({**mixing(ALPHA), "params": mixing(-ALPHA)["params"]}, "prior must be positive"),
    ],
)
def test_a_broken_model_is_refused(changes: dict[str, bytes | None], message: str) -> None:
    whole = artefact.unzipped(TopicModel(network(Shape(9, 3, (5,)))).encode())
    members = {name: content for name, content in {**whole, **changes}.items() if content is not None}
    with pytest.raises(UserError, match=message):
        TopicModel.decode(artefact.zipped(members))
