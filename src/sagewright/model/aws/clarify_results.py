"""Results of Clarify jobs: analysis.json, and rows of out.csv, as the command and Studio show them.

Members that another version of the file lacks are left out; a file with another structure raises BadAnalysis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REPOSITORY = "sagemaker-clarify-processing"
ANALYSIS, LOCAL, TEXTS = "analysis.json", "explanations_shap/out.csv", "explanations_shap/out.jsonl"
CONFIG_INPUT, DATA_INPUT = "analysis_config", "dataset"
STAGES = {"pre_training_bias_metrics": "before training", "post_training_bias_metrics": "after training"}


class BadAnalysis(ValueError):
    """The file is not a Clarify analysis."""


@dataclass(frozen=True)
class BiasMetric:
    """`value`: None if it can't be computed, for the reason in `error`."""

    name: str
    description: str
    value: float | None
    error: str = ""


@dataclass(frozen=True)
class FacetBias:
    """The metrics of one value of a facet. `stage`: before training, after training."""

    stage: str
    facet: str
    value: str
    metrics: tuple[BiasMetric, ...]


@dataclass(frozen=True)
class Importance:
    """Global SHAP values for one label, the largest first. `tokens`: values of tokens by feature, of texts."""

    label: str
    expected: float
    features: tuple[tuple[str, float], ...]
    tokens: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()


@dataclass(frozen=True)
class Dependence:
    """Partial dependence on one feature. `predictions`: for each label, one number per value; `shares`: share of the rows per
    value."""

    feature: str
    numeric: bool
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    predictions: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    error: str = ""


@dataclass(frozen=True)
class ClarifyAnalysis:
    biases: tuple[FacetBias, ...]
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]


def read_analysis(document: Any) -> ClarifyAnalysis:
    """Reads analysis.json. Raises BadAnalysis."""
    try:
        explanations = document.get("explanations") or {}
        return ClarifyAnalysis(
            tuple(_biases(document)),
            tuple(_importance(label, found) for label, found in (explanations.get("kernel_shap") or {}).items()),
            tuple(_dependence(found) for found in explanations.get("pdp") or ()),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadAnalysis(f"analysis.json has another form than Clarify writes: {error}") from None


def _biases(document: Mapping[str, Any]) -> Iterator[FacetBias]:
    for section, stage in STAGES.items():
        for facet, values in ((document.get(section) or {}).get("facets") or {}).items():
            for found in values:
                metrics = tuple(
                    BiasMetric(
                        one["name"], one.get("description", ""), _number(one.get("value")), str(one.get("error") or "")
                    )
                    for one in found["metrics"]
                )
                yield FacetBias(stage, facet, str(found["value_or_threshold"]), metrics)


def _importance(label: str, found: Mapping[str, Any]) -> Importance:
    features = ((str(name), float(value)) for name, value in found["global_shap_values"].items())
    tokens = (found.get("global_top_shap_text") or {}).items()
    return Importance(
        label,
        float(found["expected_value"]),
        tuple(sorted(features, key=lambda one: -abs(one[1]))),
        tuple((str(name), tuple((str(token), float(value)) for token, value in of.items())) for name, of in tokens),
    )


def _dependence(found: Mapping[str, Any]) -> Dependence:
    return Dependence(
        str(found["feature_name"]),
        found.get("data_type") == "numerical",
        tuple(found.get("feature_values") or ()),
        tuple(map(str, found.get("label_headers") or ())),
        tuple(tuple(map(float, one)) for one in found.get("model_predictions") or ()),
        tuple(map(float, found.get("data_distribution") or ())),
        str(found.get("error") or ""),
    )


def _number(value: Any) -> float | None:
    """Returns a metric's value; infinities are texts."""
    return None if value is None else float(value)


def row_values(
    header: Sequence[str], cells: Sequence[str], labels: Sequence[str]
) -> dict[str, list[tuple[str, float]]]:
    """Returns the values of a row of out.csv by label: pairs of feature and value, in the order of the columns. Raises
    BadAnalysis."""
    if len(header) != len(cells):
        raise BadAnalysis(f"A row of out.csv has {len(cells)} cells, its header {len(header)}.")
    found: dict[str, list[tuple[str, float]]] = {label: [] for label in labels}
    suffixes = sorted(labels, key=len, reverse=True)
    for name, cell in zip(header, cells, strict=True):
        label = next((one for one in suffixes if name.endswith(f"_{one}")), None)
        if label is None:
            continue
        try:
            found[label].append((name.removesuffix(f"_{label}"), float(cell)))
        except ValueError:
            raise BadAnalysis(f"out.csv has '{cell[:50]}' where a number is due.") from None
    return found
