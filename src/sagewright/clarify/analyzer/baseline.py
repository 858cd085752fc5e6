"""The rows that SHAP values are computed against: in the configuration, in S3, or computed."""

from __future__ import annotations

import pandas as pd

from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.data.files import download
from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.data.tabular import read_csv, read_parquet
from sagewright.clarify.shap.baselines import computed_baseline, given_baseline, like


def find_baseline(config: AnalysisConfig, inputs: pd.DataFrame, settings: ShapSettings) -> pd.DataFrame:
    """Returns the configured rows, or those computed from the data. Raises CustomerError."""
    given = settings.baseline
    if given is None:
        return computed_baseline(inputs, settings.num_clusters, settings.seed)
    if isinstance(given, str):
        return _baseline_file(config, given, inputs)
    if config.features:  # rows in the form of the data set's records
        expression = compile_expression(config.features, "features")
        rows = [given] if isinstance(given, dict) else given
        found = [expression.search(row) if isinstance(row, dict) else row for row in rows]
        if isinstance(given, dict) and len(found) == 1 and found[0] and isinstance(found[0][0], list):
            found = found[0]
        given = [row if one is None else one for row, one in zip(rows, found, strict=False)] if found else rows
    return given_baseline(given, inputs)


def _baseline_file(config: AnalysisConfig, uri: str, inputs: pd.DataFrame) -> pd.DataFrame:
    paths = download(uri)
    if config.dataset_type == "application/x-parquet" and not paths[0].suffix.startswith(".csv"):
        return like(read_parquet(paths, ()), inputs)
    if paths[0].suffix in {".json", ".jsonl", ".jsonlines"} and config.features:
        from sagewright.clarify.data.jsonfiles import RecordExpressions, read_json, read_json_lines

        reader = read_json if config.dataset_type == "application/json" else read_json_lines
        return like(reader(paths, (), RecordExpressions(config.features)), inputs)
    return like(read_csv(paths, ()), inputs)
