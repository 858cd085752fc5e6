"""The bias metrics as functions of counts.

`a` is the advantaged group, `d` the sensitive one. n counts rows, n(1) rows with a positive label, n̂(1) rows with a positive
prediction; q = n(1) / n. A metric that its data do not define raises NotComputable with AWS's text.

Source: developer guide, "Pre-training bias metrics" and "Post-training data and model bias metrics".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.tables import Array


class NotComputable(Exception):
    """The metric is undefined for these rows. Its text becomes `error` in analysis.json."""


@dataclass(frozen=True)
class Confusion:
    """Rows of a group by label and prediction. Before training, predictions equal labels."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, outcomes: NDArray[np.uint8]) -> Confusion:
        """Counts outcomes: 2 × label + prediction for each row."""
        tn, fp, fn, tp = (int(count) for count in np.bincount(outcomes, minlength=4))
        return cls(tp, fp, fn, tn)

    def __sub__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp - other.tp, self.fp - other.fp, self.fn - other.fn, self.tn - other.tn)

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def rows(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positive(self) -> int:
        return self.tp + self.fn

    @property
    def negative(self) -> int:
        return self.fp + self.tn

    @property
    def accepted(self) -> int:
        """Rows with a positive prediction."""
        return self.tp + self.fp

    @property
    def rejected(self) -> int:
        return self.fn + self.tn


@dataclass(frozen=True)
class Strata:
    """Rows of each value of the group variable: with a positive or negative outcome, and those of them in the sensitive group."""

    positive: Array
    negative: Array
    positive_d: Array
    negative_d: Array


@dataclass(frozen=True)
class GroupComparison:
    """Two groups of rows. `strata`: by label before training, by prediction after it; None without a group variable.

    `flip_test` computes FT from the rows themselves.
    """

    a: Confusion
    d: Confusion
    strata: Callable[[], Strata] | None = None
    flip_test: Callable[[], float] | None = None

    def check(self, no_a: str, no_d: str, *, d_first: bool = False) -> None:
        """Raises NotComputable if a group has no rows."""
        empty = [text for text, group in ((no_a, self.a), (no_d, self.d)) if not group.rows]
        if empty:
            raise NotComputable(empty[-1 if d_first else 0])


def ratio(numerator: float, denominator: float) -> float:
    """Quotient with smclarify's conventions: 0 / 0 = 0, x / 0 = ±∞."""
    if denominator:
        return numerator / denominator
    return 0.0 if not numerator else inf if numerator > 0 else -inf


def difference(left: float, right: float) -> float:
    """Difference in which ∞ − ∞ = 0."""
    return 0.0 if left == right else left - right


def class_imbalance(groups: GroupComparison) -> float:
    """CI = (na − nd) / (na + nd)."""
    groups.check(
        "CI: negated facet set is empty. Check that x[~facet] has non-zero length.",
        "CI: facet set is empty. Check that x[facet] has non-zero length.",
    )
    return (groups.a.rows - groups.d.rows) / (groups.a.rows + groups.d.rows)


def label_proportions(groups: GroupComparison) -> float:
    """DPL = qa − qd."""
    groups.check("Negative facet set is empty.", "Facet set is empty.")
    return groups.a.positive / groups.a.rows - groups.d.positive / groups.d.rows


def predicted_proportions(groups: GroupComparison) -> float:
    """DPPL = q̂a − q̂d."""
    groups.check("Negative facet set is empty.", "Facet set is empty.")
    return groups.a.accepted / groups.a.rows - groups.d.accepted / groups.d.rows


def distributions(groups: GroupComparison) -> list[tuple[float, float]]:
    """Pairs (Pa, Pd) of the probabilities of a negative and of a positive label, those that are above 0 in both groups.

    A label that one group lacks is left out, as smclarify does: the divergences stay finite.
    """
    counts = ((groups.a.negative, groups.d.negative), (groups.a.positive, groups.d.positive))
    pairs = [(a / groups.a.rows, d / groups.d.rows) for a, d in counts if a and d]
    if not pairs:
        raise NotComputable("No instance of common facet found, dataset may be too small")
    return pairs


def kullback_leibler(groups: GroupComparison) -> float:
    """KL = Σ Pa ln(Pa / Pd)."""
    return sum(a * log(a / d) for a, d in distributions(groups))


def jensen_shannon(groups: GroupComparison) -> float:
    """JS = ½ [KL(Pa ‖ P) + KL(Pd ‖ P)] with P = ½ (Pa + Pd)."""
    return sum(a * log(2 * a / (a + d)) + d * log(2 * d / (a + d)) for a, d in distributions(groups)) / 2


def euclidean_norm(groups: GroupComparison) -> float:
    """LP = ‖Pa − Pd‖₂."""
    return sqrt(sum((a - d) ** 2 for a, d in distributions(groups)))


def total_variation(groups: GroupComparison) -> float:
    """TVD = ½ ‖Pa − Pd‖₁."""
    return sum(abs(a - d) for a, d in distributions(groups)) / 2


def kolmogorov_smirnov(groups: GroupComparison) -> float:
    """KS = max |Pa − Pd|."""
    return max(abs(a - d) for a, d in distributions(groups))


def demographic_disparity(groups: GroupComparison) -> float:
    """CDDL and CDDPL = Σi ni DDi / n over the values i of the group variable.

    DDi = n(0)d / n(0) − n(1)d / n(1) within i: the sensitive group's share of the rejected rows minus that of the accepted ones.
    """
    if groups.strata is None:
        raise NotComputable("Group variable is empty or not provided")
    strata = groups.strata()
    for kind, total in (("positive", strata.positive), ("negative", strata.negative)):
        if not total.sum():
            raise NotComputable(f"No {kind} labels in set")
    shares = [
        np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
        for part, whole in ((strata.negative_d, strata.negative), (strata.positive_d, strata.positive))
    ]
    rows = strata.positive + strata.negative
    return ratio(float(rows @ (shares[0] - shares[1])), float(rows.sum()))


def disparate_impact(groups: GroupComparison) -> float:
    """DI = q̂d / q̂a."""
    groups.check("Negated facet set is empty", "Facet set is empty")
    return ratio(groups.d.accepted / groups.d.rows, groups.a.accepted / groups.a.rows)


def conditional_acceptance(groups: GroupComparison) -> float:
    """DCA = na(1) / n̂a(1) − nd(1) / n̂d(1)."""
    groups.check("DCO: Negated Facet set is empty", "DCO: Facet set is empty", d_first=True)
    return difference(ratio(groups.a.positive, groups.a.accepted), ratio(groups.d.positive, groups.d.accepted))


def conditional_rejection(groups: GroupComparison) -> float:
    """DCR = nd(0) / n̂d(0) − na(0) / n̂a(0)."""
    groups.check("DCO: Negated Facet set is empty", "DCO: Facet set is empty", d_first=True)
    return difference(ratio(groups.d.negative, groups.d.rejected), ratio(groups.a.negative, groups.a.rejected))


def specificity(groups: GroupComparison) -> float:
    """SD = TNRd − TNRa."""
    groups.check("DLA: Negated Facet set is empty", "DLA: Facet set is empty", d_first=True)
    return ratio(groups.d.tn, groups.d.negative) - ratio(groups.a.tn, groups.a.negative)


def recall(groups: GroupComparison) -> float:
    """RD = TPRa − TPRd."""
    groups.check("DLA: Negated Facet set is empty", "DLA: Facet set is empty", d_first=True)
    return ratio(groups.a.tp, groups.a.positive) - ratio(groups.d.tp, groups.d.positive)


def acceptance_rates(groups: GroupComparison) -> float:
    """DAR = precision_a − precision_d."""
    groups.check("DLR: Negated Facet set is empty", "DLR: Facet set is empty", d_first=True)
    return ratio(groups.a.tp, groups.a.accepted) - ratio(groups.d.tp, groups.d.accepted)


def rejection_rates(groups: GroupComparison) -> float:
    """DRR = NPVd − NPVa, NPV = TN / (TN + FN)."""
    groups.check("DLR: Negated Facet set is empty", "DLR: Facet set is empty", d_first=True)
    return ratio(groups.d.tn, groups.d.rejected) - ratio(groups.a.tn, groups.a.rejected)


def accuracy(groups: GroupComparison) -> float:
    """AD = ACCa − ACCd."""
    groups.check("Negated Facet set is empty", "Facet set is empty", d_first=True)
    a, d = groups.a, groups.d
    return (a.tp + a.tn) / a.rows - (d.tp + d.tn) / d.rows


def treatment_equality(groups: GroupComparison) -> float:
    """TE = FNd / FPd − FNa / FPa."""
    groups.check("Negated Facet set is empty", "Facet set is empty", d_first=True)
    return difference(ratio(groups.d.fn, groups.d.fp), ratio(groups.a.fn, groups.a.fp))


def flip_test(groups: GroupComparison) -> float:
    """FT = (F⁺ − F⁻) / nd.

    F⁺ counts sensitive rows with a positive prediction whose nearest advantaged neighbours got a negative one, F⁻ the opposite.
    """
    groups.check("Negated Facet set is empty", "Facet set is empty", d_first=True)
    if groups.flip_test is None:
        raise NotComputable("FlipTest needs the rows of the dataset")
    return groups.flip_test()


def generalized_entropy(groups: GroupComparison) -> float:
    """GE = (1 / 2n) Σ [(bi / b̄)² − 1] over all rows, with the benefit b = prediction − label + 1."""
    whole = groups.a + groups.d
    correct = whole.tp + whole.tn
    if not correct + whole.fp:
        raise NotComputable(
            "All predicted labels are false negatives. There should be at least one prediction that is not false negative."
        )
    mean = (correct + 2 * whole.fp) / whole.rows
    return ((correct + 4 * whole.fp) / whole.rows / mean**2 - 1) / 2


MEASURES: dict[str, Callable[[GroupComparison], float]] = {
    "CI": class_imbalance,
    "DPL": label_proportions,
    "KL": kullback_leibler,
    "JS": jensen_shannon,
    "LP": euclidean_norm,
    "TVD": total_variation,
    "KS": kolmogorov_smirnov,
    "CDDL": demographic_disparity,
    "DPPL": predicted_proportions,
    "DI": disparate_impact,
    "DCA": conditional_acceptance,
    "DCR": conditional_rejection,
    "SD": specificity,
    "RD": recall,
    "DAR": acceptance_rates,
    "DRR": rejection_rates,
    "AD": accuracy,
    "TE": treatment_equality,
    "CDDPL": demographic_disparity,
    "FT": flip_test,
    "GE": generalized_entropy,
}
"""By the name of the metric, as in `meaning`."""
