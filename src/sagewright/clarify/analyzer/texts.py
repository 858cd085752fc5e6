"""SHAP values of the pieces of texts."""

from __future__ import annotations

import logging

import pandas as pd

from sagewright.clarify.analyzer.baseline import find_baseline
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.analyzer.settings import shap_settings
from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.report.local import LocalValues
from sagewright.clarify.shap import output
from sagewright.clarify.shap.baselines import computed_baseline
from sagewright.clarify.tables import Section
from sagewright.clarify.texts.columns import free_text_columns, with_empty_texts
from sagewright.clarify.texts.explanation import explain
from sagewright.clarify.texts.output import LocalTexts, record
from sagewright.clarify.texts.summary import TextSummary


def explain_texts(
    job: ClarifyJob, config: AnalysisConfig, dataset: Dataset, model: AnalysedModel
) -> tuple[Section, LocalValues]:
    """Returns the section `kernel_shap` and notes for the report, and writes out.jsonl. One host explains all texts. Raises
    CustomerError."""
    settings = shap_settings(config, dataset)
    assert settings.text is not None  # the caller checks it
    if len(job.hosts) > 1:
        logging.info("Texts are explained by one host; the others have nothing to do.")
    inputs = dataset.inputs
    texts = free_text_columns(inputs)
    baseline = _baseline(config, inputs, texts, settings)
    summary = TextSummary(settings.agg_method, settings.features_to_explain)
    joined = dataset.table[dataset.joinsource].tolist() if dataset.joinsource else None
    with LocalTexts(job.output) as local:
        for row, found in enumerate(explain(model.scores, inputs, texts, baseline, settings)):
            summary.add(found)
            if settings.save_local_shap_values:
                local.write(record(found, settings.features_to_explain, joined[row] if joined else None))
    output.write_baseline(baseline, job.output)
    if settings.save_local_shap_values:
        logging.info("Wrote %d local explanations to: %s", len(inputs), local.path)
    else:
        local.path.unlink()
    logging.info("Shap analysis finished.")
    section = summary.kernel_shap(model.predictor.label_headers, settings.text.max_top_tokens)
    return section, LocalValues(notes=summary.notes())


def _baseline(
    config: AnalysisConfig, inputs: pd.DataFrame, texts: tuple[str, ...], settings: ShapSettings
) -> pd.DataFrame:
    """Returns the configured rows; without any, empty texts beside clusters of the other features."""
    if settings.baseline is not None:
        return find_baseline(config, inputs, settings)
    others = inputs.drop(columns=list(texts))
    clusters = computed_baseline(others, settings.num_clusters, settings.seed) if len(others.columns) else others
    return with_empty_texts(clusters, inputs, texts)
