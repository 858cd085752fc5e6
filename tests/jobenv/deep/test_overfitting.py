"""The end of a training that only learns its examples by heart."""

from __future__ import annotations

from sagewright.algorithms.deep.training.overfitting import Overfitting
from sagewright.algorithms.deep.training.patience import Patience, Stopping


def ended(held: list[float], learnt: list[float], least: int = 20) -> int | None:
    """The epoch after which a training with these losses ends, if any."""
    patience = Patience("learnt", "Minimize", Stopping(least, 3, 0.0), overfitting=Overfitting("held", "learnt", 3))
    for epoch, (other, own) in enumerate(zip(held, learnt, strict=True)):
        patience.is_best(epoch, {"held": other, "learnt": own})
        if patience.is_over(epoch):
            return epoch
    return None


def test_it_ends_where_only_the_loss_of_its_own_examples_falls() -> None:
    assert ended([0.7, 0.6, 0.65, 0.8, 0.9, 1.0], [0.7, 0.5, 0.4, 0.3, 0.2, 0.1]) == 4


def test_it_goes_on_while_nothing_is_learnt_and_while_others_gain() -> None:
    assert ended([0.7, 0.71, 0.72, 0.71, 0.7, 0.71], [0.70, 0.69, 0.69, 0.68, 0.68, 0.67]) is None
    assert ended([0.7, 0.71, 0.65, 0.66, 0.6, 0.61], [0.7, 0.5, 0.3, 0.2, 0.1, 0.05]) is None


def test_a_checkpoint_keeps_it() -> None:
    first = Patience("learnt", "Minimize", overfitting=Overfitting("held", "learnt", 3))
    for epoch, (held, learnt) in enumerate([(0.7, 0.7), (0.6, 0.5), (0.7, 0.4), (0.8, 0.3)]):
        first.is_best(epoch, {"held": held, "learnt": learnt})
    again = Patience("learnt", "Minimize", overfitting=Overfitting("held", "learnt", 3))
    again.restore(first.document())
    again.is_best(4, {"held": 0.9, "learnt": 0.2})
    assert again.is_over(4)


def test_measures_without_held_out_examples_do_not_end_it() -> None:
    patience = Patience("learnt", "Minimize", overfitting=Overfitting("held", "learnt", 1))
    for epoch, learnt in enumerate([0.7, 0.3, 0.1]):
        patience.is_best(epoch, {"learnt": learnt})
        assert not patience.is_over(epoch)
