"""Asymmetric Shapley values of time series."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sagewright.clarify.analyzer import shares
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.configuration.methods import AsymmetricSettings, SeriesSettings
from sagewright.clarify.data import dataset as datasets
from sagewright.clarify.data.files import download
from sagewright.clarify.data.jsonfiles import MAX_DOCUMENT_BYTES
from sagewright.clarify.data.tabular import read_csv
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.endpoint_client import EndpointClient
from sagewright.clarify.series.asymmetric import check_settings, explain
from sagewright.clarify.series.baselines import SeriesBaseline
from sagewright.clarify.series.forecasts import forecaster
from sagewright.clarify.series.items import SeriesItem
from sagewright.clarify.series.output import section, write_local
from sagewright.clarify.series.reading import items_of_document, items_of_table, names_of
from sagewright.clarify.tables import Section

JSON = "application/json"


def analyse_series(job: ClarifyJob, config: AnalysisConfig) -> Section:
    """Explains this host's time series of the data set. Returns {} on hosts that do not lead. Raises ClarifyError."""
    settings = _method(config)
    check_settings(settings)
    baseline = SeriesBaseline.parse(_baseline(settings.baseline))
    series = _series_settings(config)
    paths = datasets.find(config, job.data, job.config)
    table = None if config.dataset_type == JSON else read_csv(paths, config.headers)
    if table is not None:
        series = _by_name(series, table)

    def items() -> Iterator[SeriesItem]:
        return items_of_table(table, series) if table is not None else _items(paths, series)

    own = shares.share(job, sum(1 for _ in items()) if len(job.hosts) > 1 else 0)
    with AnalysedModel(config, job.arn) as model:
        shares.share_endpoint(job, model)
        client = EndpointClient(model.serve(), model.predictor, JSON, JSON)
        mine = items() if len(job.hosts) == 1 else itertools.islice(items(), own.start, own.stop)
        if len(own) or job.is_leader:
            found = explain(forecaster(client.invoke, model.predictor), mine, baseline, settings)
            path = write_local(found, names_of(series), settings, job.output, shares.part(job))
            logging.info("Wrote local explanations to: %s", path)
        shares.collect_documents(job, {})  # the endpoint stays until all hosts are ready
    if not job.is_leader:
        return {}
    return {"version": "1.0", "explanations": {"asymmetric_shapley_value": section(settings, job.output_uri)}}


def _method(config: AnalysisConfig) -> AsymmetricSettings:
    if config.asymmetric is None:
        raise CustomerError("Time series need the method 'asymmetric_shapley_value'.")
    others = sorted(set(config.methods) - {"asymmetric_shapley_value", "report"})
    if others:
        raise CustomerError(
            f"Time series are explained only by 'asymmetric_shapley_value', but '{others[0]}' is configured."
        )
    if config.dataset_type not in (JSON, "text/csv"):
        raise CustomerError(f"Time series must be of type {JSON} or text/csv, got {config.dataset_type}.")
    return config.asymmetric


def _series_settings(config: AnalysisConfig) -> SeriesSettings:
    given = config.document["time_series_data_config"]
    if config.dataset_type == JSON and not given.get("dataset_format"):
        raise CustomerError(
            "'dataset_format' of time_series_data_config is required for data of type application/json."
        )
    return SeriesSettings(
        target_time_series=str(given["target_time_series"]),
        item_id=str(given["item_id"]),
        timestamp=str(given["timestamp"]),
        related_time_series=tuple(map(str, given.get("related_time_series") or ())),
        static_covariates=tuple(map(str, given.get("static_covariates") or ())),
        dataset_format=given["dataset_format"] if config.dataset_type == JSON else "",
    )


def _by_name(series: SeriesSettings, table: pd.DataFrame) -> SeriesSettings:
    """The settings with names of columns; the SDK gives their indices."""

    def named(column: str, purpose: str) -> str:
        return datasets.resolve(table, column, purpose)

    return replace(
        series,
        target_time_series=named(series.target_time_series, "target_time_series"),
        item_id=named(series.item_id, "item_id"),
        timestamp=named(series.timestamp, "timestamp"),
        related_time_series=tuple(named(one, "related_time_series") for one in series.related_time_series),
        static_covariates=tuple(named(one, "static_covariates") for one in series.static_covariates),
    )


def _items(paths: Sequence[Path], series: SeriesSettings) -> Iterator[SeriesItem]:
    for path in paths:
        yield from items_of_document(_document(path), series)


def _document(path: Path) -> Any:
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise CustomerError(f"{path.name} has more than {MAX_DOCUMENT_BYTES >> 20} MiB; divide it into several files.")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise CustomerError(f"{path.name} is not valid JSON.") from None


def _baseline(given: Any) -> Any:
    """The baseline's object, read from S3 if it is a URI."""
    return _document(download(given)[0]) if isinstance(given, str) else given
