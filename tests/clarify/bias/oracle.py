"""smclarify 0.5, AWS's own code, as the reference of the sections of analysis.json."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from smclarify.bias import report as smclarify

STAGES = {"pre_training": smclarify.StageType.PRE_TRAINING, "post_training": smclarify.StageType.POST_TRAINING}


def facet_reports(
    table: pd.DataFrame,
    facet: str,
    values: list[Any],
    label: tuple[str, list[Any]],
    predicted: pd.Series | None,
    group: str | None,
) -> list[dict[str, Any]]:
    name, positive = label
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return smclarify.bias_report(
            table,
            smclarify.FacetColumn(facet, list(values) or None),
            smclarify.LabelColumn(name, table[name], list(positive)),
            STAGES["pre_training" if predicted is None else "post_training"],
            None if predicted is None else smclarify.LabelColumn(str(predicted.name), predicted, list(positive)),
            ["all"],
            None if group is None else table[group],
        )


def label_text(series: pd.Series, positive: list[Any]) -> str:
    return smclarify.label_value_or_threshold(series, list(positive))
