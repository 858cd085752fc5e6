"""The configured methods in AWS's order, analysis.json and the report."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from sagewright.clarify.analyzer import drift, shares
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.analyzer.settings import bias_settings
from sagewright.clarify.configuration import analysis as configuration
from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.configuration.methods import BiasSettings
from sagewright.clarify.data import dataset as datasets
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.captured import is_captured, load_captured
from sagewright.clarify.tables import Section, Value

if TYPE_CHECKING:
    from sagewright.clarify.report.local import LocalValues

VERSION = "1.0"


def analyse(job: ClarifyJob) -> None:
    """Runs the analysis of a job and writes its results below its output. Raises ClarifyError."""
    config = configuration.load(job.config)
    logging.info("Running Python / Pandas based analyzer.")
    logging.info("Dataset type: %s uri: %s", config.dataset_type, job.data)
    job.output.mkdir(parents=True, exist_ok=True)
    analysis, local = _analysed(job, config)
    if not job.is_leader:
        return
    text = json.dumps(analysis, indent=4, allow_nan=False)
    logging.info("Collected analyses:\n%s", text if len(text) < 1 << 16 else text[: 1 << 16] + " …")
    (job.output / "analysis.json").write_text(text, encoding="utf-8")
    drift.check(job, analysis)
    if "report" in config.methods:
        _report(job, config, analysis, local)


def _analysed(job: ClarifyJob, config: AnalysisConfig) -> tuple[Section, LocalValues | None]:
    if config.dataset_type == "application/x-image":
        from sagewright.clarify.analyzer.pictures import analyse_pictures

        return analyse_pictures(job, config)
    if "time_series_data_config" in config.document:
        from sagewright.clarify.analyzer.series import analyse_series

        return analyse_series(job, config), None
    return _analyse_table(job, config)


def _analyse_table(job: ClarifyJob, config: AnalysisConfig) -> tuple[Section, LocalValues | None]:
    dataset = _load(job, config)
    analysis: Section = {"version": VERSION}
    with _model(config, job) as model:
        if model is not None:
            shares.share_endpoint(job, model)
        if config.post_training and job.is_leader:
            analysis["post_training_bias_metrics"] = _post_training(config, dataset, model)
        if config.pre_training and job.is_leader:
            from sagewright.clarify.bias.metrics import pre_training_bias

            logging.info("Calculating pre-training bias metrics")
            settings = bias_settings(config, dataset)
            analysis["pre_training_bias_metrics"] = pre_training_bias(_bias_table(dataset, settings), settings)
        local = None
        if "shap" in config.methods or "pdp" in config.methods:
            from sagewright.clarify.analyzer.explaining import explain_table

            assert model is not None  # the rules of the configuration demand a predictor
            explanations, local = explain_table(job, config, dataset, model)
            if explanations:
                analysis["explanations"] = explanations
    return analysis, local


def _load(job: ClarifyJob, config: AnalysisConfig) -> Dataset:
    logging.info("Loading dataset...")
    start = time.monotonic()
    paths = datasets.find(config, job.data, job.config)
    dataset = load_captured(config, paths) if is_captured(config, paths) else datasets.load(config, paths)
    info = io.StringIO()
    dataset.table.info(buf=info, memory_usage=False, max_cols=100, show_counts=True)
    logging.info("Loaded dataset in %.1f seconds. Dataset info:\n%s", time.monotonic() - start, info.getvalue().strip())
    return dataset


@contextlib.contextmanager
def _model(config: AnalysisConfig, job: ClarifyJob) -> Iterator[AnalysedModel | None]:
    if not config.needs_predictions:
        yield None
        return
    with AnalysedModel(config, job.arn) as model:
        yield model


def _post_training(config: AnalysisConfig, dataset: Dataset, model: AnalysedModel | None) -> Section:
    from sagewright.clarify.bias.metrics import post_training_bias

    settings = bias_settings(config, dataset)
    if dataset.predicted_label:
        predicted = dataset.table[dataset.predicted_label]
    else:
        if model is None:
            raise CustomerError("The captured records have no predictions: the endpoint must capture its output.")
        model.start()
        logging.info("Getting predictions from the endpoint")
        threshold = _threshold(config, dataset.table[dataset.label])
        if not model.predictor.label_headers and model.predictor.label is None and threshold is not None:
            logging.info("We assume a prediction above %.3f indicates 1 and below or equal indicates 0.", threshold)
        labels = model.labels(dataset.inputs, threshold)
        predicted = pd.Series(labels, index=dataset.table.index, name="predicted_label")
        predicted = _as_labels(predicted, dataset.table[dataset.label])
        predicted = _as_texts(predicted, dataset.table[dataset.label], config.label_values)
    logging.info("Calculating post-training bias metrics")
    return post_training_bias(_bias_table(dataset, settings), predicted, settings)


def _threshold(config: AnalysisConfig, label: pd.Series) -> float | None:
    """Returns the score above which a prediction is 1; None for a regression, whose predictions have the label's own threshold.

    AWS does not document the second case; its notebook "pipelines_clarify_model_monitor_integration" needs it.
    """
    given = "probability_threshold" in config.document or (
        config.predictor and config.predictor.probability is not None
    )
    regression = pd.api.types.is_float_dtype(label.dtype) and not label.dropna().isin((0, 1)).all()
    return None if regression and not given else config.probability_threshold


def _bias_table(dataset: Dataset, settings: BiasSettings) -> pd.DataFrame:
    """Returns the columns that bias metrics read: without those that only join data sets, or that the model never sees."""
    named = {settings.label, settings.group_variable}
    named |= {one.column for one in settings.facets} | {one.column for one in settings.segmentations}
    return dataset.table[[name for name in dataset.table.columns if name in dataset.features or name in named]]


def _as_texts(predicted: pd.Series, label: pd.Series, positive: Sequence[Value]) -> pd.Series:
    """Returns predictions of 1 and 0 as the two texts of the observed labels, of which one is configured as the positive one."""
    found = sorted(label.dropna().unique(), key=str) if label.dtype == object else []
    if len(found) != 2 or len(positive) != 1 or positive[0] not in found or not predicted.isin((0, 1)).all():
        return predicted
    (other,) = [each for each in found if each != positive[0]]
    if not all(isinstance(each, str) and not each.strip().isdecimal() for each in found):
        return predicted
    logging.info("A prediction of 1 counts as %r, and one of 0 as %r.", positive[0], other)
    return predicted.map({1: positive[0], 0: other})


def _as_labels(predicted: pd.Series, label: pd.Series) -> pd.Series:
    """Returns the predictions in the type of the observed labels where their values allow that: label headers are texts."""
    if predicted.dtype == label.dtype:
        return predicted
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        converted = predicted.astype(label.dtype)
        if (converted.astype(str) == predicted.astype(str)).all() or (
            pd.api.types.is_numeric_dtype(predicted) and (converted == predicted).all()
        ):
            return converted
    return predicted


def _report(job: ClarifyJob, config: AnalysisConfig, analysis: Section, local: LocalValues | None) -> None:
    from sagewright.clarify.report import write

    start = time.monotonic()
    write(analysis, config.document, config.report, job.output, local)
    logging.info("Wrote the report in %.1f seconds", time.monotonic() - start)
