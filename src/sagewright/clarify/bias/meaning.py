"""Names, descriptions and meanings of the bias metrics, for analysis.json, reports and pages.

Studio reads it: it imports no NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """`description` is AWS's text in analysis.json; `meaning` says what is measured and how to read its sign."""

    name: str
    description: str
    formula: str
    range: str
    meaning: str


_ALL = (
    Metric(
        "CI",
        "Class Imbalance (CI)",
        "(na − nd) / (na + nd)",
        "[−1, 1]",
        "Compares the sizes of the groups: above 0 the sensitive group has fewer rows than the others, below 0 it has more.",
    ),
    Metric(
        "DPL",
        "Difference in Positive Proportions in Labels (DPL)",
        "qa − qd",
        "[−1, 1]",
        "Compares how often the labels are positive: above 0 the sensitive group gets fewer positive labels, below 0 more.",
    ),
    Metric(
        "KL",
        "Kullback-Liebler Divergence (KL)",
        "Σ Pa ln(Pa / Pd)",
        "[0, ∞)",
        "Measures how much the label distribution of the sensitive group departs from that of the others; 0 means no difference.",
    ),
    Metric(
        "JS",
        "Jensen-Shannon Divergence (JS)",
        "½ [KL(Pa ‖ P) + KL(Pd ‖ P)], P = ½ (Pa + Pd)",
        "[0, ln 2)",
        "Measures how far both groups' label distributions are from their average; 0 means no difference.",
    ),
    Metric(
        "LP",
        "L-p Norm (LP)",
        "‖Pa − Pd‖₂",
        "[0, √2)",
        "Measures the Euclidean distance between the label distributions of the two groups; 0 means no difference.",
    ),
    Metric(
        "TVD",
        "Total Variation Distance (TVD)",
        "½ ‖Pa − Pd‖₁",
        "[0, 1)",
        "Measures the share of labels that would have to change to give both groups the same distribution; 0 means none.",
    ),
    Metric(
        "KS",
        "Kolmogorov-Smirnov Distance (KS)",
        "max |Pa − Pd|",
        "[0, 1]",
        "Measures the largest gap between the groups for any one label; 0 means no difference.",
    ),
    Metric(
        "CDDL",
        "Conditional Demographic Disparity in Labels (CDDL)",
        "Σi ni DDi / n, DDi = n(0)d / n(0) − n(1)d / n(1) in group i",
        "[−1, 1]",
        "Compares the sensitive group's share of negative labels with its share of positive ones, within each value of the group "
        "variable: above 0 it is rejected more than it is accepted.",
    ),
    Metric(
        "DPPL",
        "Difference in Positive Proportions in Predicted Labels (DPPL)",
        "q̂a − q̂d",
        "[−1, 1]",
        "Compares how often the model predicts the positive outcome: above 0 it does so less often for the sensitive "
        "group, below 0 "
        "more often.",
    ),
    Metric(
        "DI",
        "Disparate Impact (DI)",
        "q̂d / q̂a",
        "[0, ∞)",
        "Divides the sensitive group's rate of positive predictions by the others': 1 means parity, below 1 the "
        "sensitive group gets "
        "fewer.",
    ),
    Metric(
        "DCA",
        "Difference in Conditional Acceptance (DCA)",
        "na(1) / n̂a(1) − nd(1) / n̂d(1)",
        "(−∞, ∞)",
        "Compares observed with predicted positives: below 0 the model accepts too few of the sensitive group, relative "
        "to the others; "
        "above 0 too few of the others.",
    ),
    Metric(
        "DCR",
        "Difference in Conditional Rejection (DCR)",
        "nd(0) / n̂d(0) − na(0) / n̂a(0)",
        "(−∞, ∞)",
        "Compares observed with predicted negatives: below 0 the model rejects too many of the sensitive group, relative to the "
        "others; above 0 too many of the others.",
    ),
    Metric(
        "SD",
        "Specificity Difference (SD)",
        "TNRd − TNRa",
        "[−1, 1]",
        "Compares how often negatives are recognised: above 0 the sensitive group has fewer false positives, below 0 more.",
    ),
    Metric(
        "RD",
        "Recall Difference (RD)",
        "TPRa − TPRd",
        "[−1, 1]",
        "Compares how often positives are recognised: above 0 the model misses more positives of the sensitive group, "
        "below 0 fewer.",
    ),
    Metric(
        "DAR",
        "Difference in Acceptance Rates (DAR)",
        "TPa / n̂a(1) − TPd / n̂d(1)",
        "[−1, 1]",
        "Compares precision: above 0 positive predictions are wrong more often for the sensitive group, below 0 less often.",
    ),
    Metric(
        "DRR",
        "Difference in Rejection Rates (DRR)",
        "TNd / n̂d(0) − TNa / n̂a(0)",
        "[−1, 1]",
        "Compares how often rejections are right: above 0 they are right more often for the sensitive group, below 0 less often.",
    ),
    Metric(
        "AD",
        "Accuracy Difference (AD)",
        "ACCa − ACCd",
        "[−1, 1]",
        "Compares accuracy: above 0 the model is less accurate for the sensitive group, below 0 more accurate.",
    ),
    Metric(
        "TE",
        "Treatment Equality (TE)",
        "FNd / FPd − FNa / FPa",
        "(−∞, ∞)",
        "Compares the kinds of errors: above 0 the sensitive group has more false negatives for each false positive, "
        "below 0 fewer.",
    ),
    Metric(
        "CDDPL",
        "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
        "Σi ni DDi / n, DDi = n̂(0)d / n̂(0) − n̂(1)d / n̂(1) in group i",
        "[−1, 1]",
        "Compares the sensitive group's share of negative predictions with its share of positive ones, within each value of the "
        "group variable: above 0 it is rejected more than it is accepted.",
    ),
    Metric(
        "FT",
        "Flip Test (FT)",
        "(F⁺ − F⁻) / nd",
        "[−1, 1]",
        "Compares each row of the sensitive group with its nearest neighbours among the others: above 0 the sensitive group is "
        "favoured, below 0 similar rows of the others get the positive outcome more often.",
    ),
    Metric(
        "GE",
        "Generalized Entropy (GE)",
        "1/(2n) Σ [(bi / b̄)² − 1], b = prediction − label + 1",
        "[0, ∞)",
        "Measures how unevenly the model's errors benefit individual rows, whatever their group; 0 means evenly.",
    ),
)

METRICS = {metric.name: metric for metric in _ALL}
