"""The penalty of many rows is chosen where it matters: for features that say nearly the same, and for separable classes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import log_loss
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.linear_learner import newton


def powers(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    number = random.uniform(0, 4, rows)
    x = np.column_stack([number**power for power in range(1, 7)]).astype(np.float32)
    return x, (np.sin(2 * number) + random.normal(0, 0.1, rows)).astype(np.float32)


@pytest.mark.parametrize("rows", [100, 400, 2000])
def test_powers_of_a_number_are_not_shrunk(rows: int) -> None:
    x, y = powers(1, rows + 1000)
    model = fit(x[:rows], y[:rows], predictor_type="regressor")
    scaled = (x - x[:rows].mean(axis=0)) / x[:rows].std(axis=0)
    usual = np.mean((Ridge().fit(scaled[:rows], y[:rows]).predict(scaled[rows:]) - y[rows:]) ** 2)
    assert np.mean((model.raw(x[rows:])[:, 0] - y[rows:]) ** 2) < 0.5 * usual


def test_the_sums_suggest_the_penalty_of_scikit_learns_cross_validation() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(400, 10)) @ random.normal(size=(10, 10))
    y = x @ random.normal(size=10) + random.normal(0, 5, 400)
    wide = np.column_stack([x, np.ones(400)])
    known = newton.Sums(wide.T @ wide / 400, wide.T @ y / 400, float(y @ y) / 400)
    found = newton.penalty(known, 400, True) * 400 / 2
    peer = RidgeCV(np.geomspace(1e-8, 1e5, 27)).fit(x, y)
    assert_allclose(
        Ridge(alpha=found).fit(x, y).predict(x), peer.predict(x), atol=0.1 * float(y.std()), rtol=0
    )  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
def test_separable_classes_of_many_rows_are_told_surely(classes: int) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(1600, 2)).astype(np.float32)
    y = np.digitize(x @ [1.0, 0.5], [0.0] if classes == 2 else [-0.5, 0.5]).astype(np.float32)
    given = {} if classes == 2 else {"predictor_type": "multiclass_classifier", "num_classes": str(classes)}
    raw = fit(x[:600], y[:600], **given).raw(x[600:])
    raw = np.column_stack([np.zeros(len(raw)), raw]) if classes == 2 else raw
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    ours = log_loss(y[600:], odds / odds.sum(axis=1, keepdims=True))
    peer = LogisticRegression(max_iter=1000).fit(x[:600], y[:600]).predict_proba(x[600:])
    assert ours < 0.7 * log_loss(y[600:], peer)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_told_by_what_columns_differ_in_are_learnt(classes: int) -> None:
    random = np.random.default_rng(8)
    common, own = random.normal(size=(3000, 1)), random.normal(size=(3000, 3))
    x = (300 * common + own).astype(np.float32)  # tiny weights, which a penalty leaves, cost it little
    said = np.column_stack([own @ np.roll([2.0, -1.0, -1.0], each) for each in range(classes)])
    y = np.argmax(said + random.gumbel(size=said.shape), axis=1)
    given = {} if classes == 2 else {"predictor_type": "multiclass_classifier", "num_classes": str(classes)}
    raw = fit(x[:1000], y[:1000].astype(np.float32), **given).raw(x[1000:])
    raw = np.column_stack([np.zeros(len(raw)), raw]) if classes == 2 else raw
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    peer = LogisticRegression(max_iter=1000).fit(own[:1000], y[:1000]).predict_proba(own[1000:])
    assert log_loss(y[1000:], odds / odds.sum(axis=1, keepdims=True)) < 1.05 * log_loss(y[1000:], peer)


@pytest.mark.parametrize("classes", [2, 20])
def test_texts_of_more_words_than_rows_are_told_surely(classes: int) -> None:
    random = np.random.default_rng(4)
    words = np.exp(random.normal(0, 1.1, (classes, 2000))) / np.arange(1, 2001)
    words /= words.sum(axis=1, keepdims=True)
    y = random.integers(0, classes, 1500)
    x = np.array([random.multinomial(40, words[each]) for each in y], np.float32)
    given = {} if classes == 2 else {"predictor_type": "multiclass_classifier", "num_classes": str(classes)}
    raw = fit(x[:800], y[:800].astype(np.float32), sparse=True, **given).raw(x[800:])
    raw = np.column_stack([np.zeros(len(raw)), raw]) if classes == 2 else raw
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    ours = log_loss(y[800:], odds / odds.sum(axis=1, keepdims=True))
    peer = LogisticRegression(max_iter=1000).fit(x[:800], y[:800]).predict_proba(x[800:])
    assert ours < 0.8 * log_loss(y[800:], peer)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [True, False])
def test_a_few_far_rows_do_not_make_the_model_a_constant(classes: bool, seed: int) -> None:
    random = np.random.default_rng([5, seed])
    x = random.normal(size=(4000, 8)).astype(np.float32)
    score = x @ random.normal(size=8)
    y = score + (random.logistic(size=4000) if classes else random.normal(size=4000))
    y = (y > 0 if classes else y).astype(np.float32)
    far = random.choice(2000, 20 if classes else 10, replace=False)
    x[far] *= 10 ** random.uniform(1, 3, (len(far), 8)) if classes else random.uniform(20, 80, (len(far), 8))
    (known, labels), (others, later) = (x[:2000], y[:2000]), (x[2000:], y[2000:])
    scaled = (known - known.mean(axis=0)) / known.std(axis=0), (others - known.mean(axis=0)) / known.std(axis=0)
    if classes:
        said = 1 / (1 + np.exp(-fit(known, labels).raw(others)[:, 0]))
        peer = LogisticRegression().fit(scaled[0], labels).predict_proba(scaled[1])
        assert log_loss(later, said) < 1.04 * log_loss(later, peer)
    else:
        said = fit(known, labels, predictor_type="regressor").raw(others)[:, 0]
        peer = Ridge().fit(scaled[0], labels).predict(scaled[1])
        assert np.mean((said - later) ** 2) < 1.02 * np.mean((peer - later) ** 2)


@pytest.mark.parametrize("number", ["1", "6", "32"])
@pytest.mark.parametrize("predictor", ["binary_classifier", "regressor"])
def test_the_number_of_models_does_not_undo_the_choice_of_the_penalty(
    predictor: str, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    random = np.random.default_rng(6)
    x = random.normal(size=(1150, 100)).astype(np.float32)
    y = (x @ random.normal(0, 0.1, 100) + random.logistic(size=1150)).astype(np.float32)
    y = (y > 0).astype(np.float32) if predictor == "binary_classifier" else y
    usual = fit(x[:150], y[:150], predictor_type=predictor)
    with caplog.at_level("INFO"):
        model = fit(x[:150], y[:150], predictor_type=predictor, num_models=number)
    assert_allclose(model.raw(x[150:]), usual.raw(x[150:]), rtol=1e-5)
    assert ("num_models is not used" in caplog.text) == (number != "1")


@pytest.mark.parametrize("predictor", ["regressor", "multiclass_classifier"])
@pytest.mark.parametrize("rows", [150, 2000])
def test_weights_of_positive_examples_are_those_of_binary_classifiers_only(predictor: str, rows: int) -> None:
    random = np.random.default_rng(7)
    x = random.normal(size=(rows, 10)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=rows)).astype(np.float32)
    given = {"predictor_type": predictor}
    if predictor == "multiclass_classifier":
        y, given = np.digitize(y, [-0.5, 0.5]).astype(np.float32), {**given, "num_classes": "3"}
    usual, other = fit(x, y, **given), fit(x, y, **given, positive_example_weight_mult="auto")
    assert_allclose(other.raw(x), usual.raw(x), rtol=1e-6)
