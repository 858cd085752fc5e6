"""Configurations of time series that do not fit are refused before an endpoint is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.series import analyse_series
from sagewright.clarify.configuration import analysis as configuration
from sagewright.clarify.errors import CustomerError

SERIES = {"target_time_series": "[].y", "item_id": "[].id", "timestamp": "[].t", "dataset_format": "timestamp_records"}
TIMEWISE = {"direction": "chronological", "granularity": "timewise"}
PREDICTOR = {
    "endpoint_name": "e",
    "content_template": "$records",
    "record_template": "$target_time_series",
    "time_series_predictor_config": {"forecast": "[*]"},
}


def job_of(tmp_path: Path, document: dict[str, Any]) -> ClarifyJob:
    path = tmp_path / "analysis_config.json"
    path.write_text(json.dumps(document))
    return ClarifyJob(
        tmp_path, "arn", "job", path, tmp_path / "data", tmp_path / "out", "s3://b/o", "algo-1", ("algo-1",)
    )


@pytest.mark.parametrize(
    ("change", "methods", "text"),
    [
        ({}, {"shap": {}}, "Time series need the method 'asymmetric_shapley_value'"),
        ({}, {"asymmetric_shapley_value": TIMEWISE, "shap": {}},
         "Time series are explained only by 'asymmetric_shapley_value', but 'shap' is configured"),
        ({}, {"asymmetric_shapley_value": {"direction": "chronological", "granularity": "fine_grained"}},
         "num_samples of asymmetric_shapley_value must be at least 1"),
        ({"dataset_type": "application/x-parquet"}, {"asymmetric_shapley_value": TIMEWISE},
         "Time series must be of type application/json or text/csv, got application/x-parquet"),
        ({"time_series_data_config": {name: SERIES[name] for name in list(SERIES)[:3]}},
         {"asymmetric_shapley_value": TIMEWISE},
         "'dataset_format' of time_series_data_config is required"),
    ],
)  # fmt: skip
def test_what_does_not_fit(change: dict[str, Any], methods: dict[str, Any], text: str, tmp_path: Path) -> None:
    document = {
        "dataset_type": "application/json",
        "time_series_data_config": SERIES,
        "predictor": PREDICTOR,
        "methods": methods,
    }
    job = job_of(tmp_path, document | change)
    with pytest.raises(CustomerError) as caught:
        analyse_series(job, configuration.load(job.config))
    assert str(caught.value).startswith(text)
