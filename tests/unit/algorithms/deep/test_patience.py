"""Which epoch is best, and when training ends."""

from __future__ import annotations

import json
import math

import pytest

from sagewright.algorithms.deep.training.patience import Patience, Stopping


def ended(patience: Patience, values: list[float]) -> int | None:
    """The epoch after which it is over, None if it never is."""
    for epoch, value in enumerate(values):
        patience.is_best(epoch, {patience.metric: value})
        if patience.is_over(epoch):
            return epoch
    return None


def test_without_a_rule_it_only_knows_the_best() -> None:
    patience = Patience("accuracy", "Maximize")
    assert ended(patience, [0.1, 0.3, 0.2] * 50) is None
    assert (patience.best, patience.best_epoch) == (0.3, 1)


def test_what_should_fall_is_best_where_it_is_least() -> None:
    patience = Patience("loss", "Minimize")
    assert [patience.is_best(epoch, {"loss": value}) for epoch, value in enumerate([3, 2, 2, 2.5, 1])] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert (patience.best, patience.best_epoch) == (1, 4)


def test_it_ends_after_so_many_epochs_without_a_better_one() -> None:
    assert ended(Patience("accuracy", "Maximize", Stopping(0, 3)), [0.1, 0.5, 0.5, 0.4, 0.5, 0.6]) == 4
    assert ended(Patience("accuracy", "Maximize", Stopping(0, 3)), [0.1, 0.5, 0.5, 0.4, 0.6, 0.5]) is None


def test_it_goes_on_for_the_least_number_of_epochs() -> None:
    assert ended(Patience("accuracy", "Maximize", Stopping(6, 1)), [0.5] * 20) == 5


@pytest.mark.parametrize(("relative", "end"), [(True, 2), (False, 3)])
def test_a_gain_within_the_tolerance_is_none(relative: bool, end: int) -> None:
    rule = Stopping(0, 2, 0.1, relative)
    values = [2.0, 2.15, 2.19, 2.2] if relative else [0.5, 0.61, 0.7, 0.7]
    patience = Patience("accuracy", "Maximize", rule)
    assert ended(patience, values) == end
    assert patience.best == max(values[: end + 1])


def test_not_a_number_is_never_the_best() -> None:
    patience = Patience("loss", "Minimize", Stopping(0, 2))
    assert ended(patience, [math.nan, math.nan]) == 1
    assert patience.best is None


def test_it_goes_on_from_its_document() -> None:
    one = Patience("loss", "Minimize", Stopping(0, 3))
    ended(one, [3.0, 1.0, 2.0])
    other = Patience("loss", "Minimize", Stopping(0, 3))
    other.restore(json.loads(json.dumps(one.document())))
    assert (other.best, other.best_epoch) == (1.0, 1)
    for each in (one, other):
        assert not each.is_best(3, {"loss": 1.5})
        assert not each.is_over(3)
        assert not each.is_best(4, {"loss": 1.0})
        assert each.is_over(4)
    fresh = Patience("loss", "Minimize")
    fresh.restore(json.loads(json.dumps(Patience("loss", "Minimize").document())))
    assert fresh.is_best(0, {"loss": 5.0})


def test_of_equal_epochs_the_one_with_the_lesser_loss_is_best() -> None:
    patience = Patience("accuracy", "Maximize", tie="loss")
    measures = [(0.9, 0.5), (0.9, 0.4), (0.9, 0.4), (0.8, 0.1), (0.9, math.nan)]
    found = [patience.is_best(epoch, {"accuracy": each, "loss": loss}) for epoch, (each, loss) in enumerate(measures)]
    assert found == [True, True, False, False, False]
    other = Patience("accuracy", "Maximize", tie="loss")
    other.restore(json.loads(json.dumps(patience.document())))
    assert not other.would_be_best(0.9, 0.4)
    assert other.would_be_best(0.9, 0.3)


def test_one_measure_ends_it_and_another_chooses() -> None:
    patience = Patience("train", "Minimize", Stopping(0, 2), choice="held")
    for epoch, (train, held) in enumerate([(3, 3), (2, 1), (1, 2), (1, 4), (1, 5)]):
        assert patience.is_best(epoch, {"train": train, "held": held}) == (epoch < 2)
        assert patience.is_over(epoch) == (epoch == 4)
    assert patience.best_epoch == 1


@pytest.mark.parametrize(
    "document", [{}, {"best": "a", "mark": 1, "best_epoch": 1, "since": 0}, {"best": [], "mark": 1}]
)
def test_another_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        Patience("loss", "Minimize").restore(document)
