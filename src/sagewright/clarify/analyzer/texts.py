"""SHAP values of the pieces of texts."""

from __future__ import annotations

import contextlib
import logging

import pandas as pd

from sagewright.clarify.analyzer import shares
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
    """Explains this host's rows and writes its out.jsonl. Returns the section `kernel_shap`, {} on hosts that do not lead, and
    notes for the report. Raises ClarifyError."""
    settings = shap_settings(config, dataset)
    assert settings.text is not None  # the caller checks it
    inputs = dataset.inputs
    texts = free_text_columns(inputs)
    baseline = _baseline(config, inputs, texts, settings)
    summary = TextSummary(settings.agg_method, settings.features_to_explain)
    joined = dataset.table[dataset.joinsource].tolist() if dataset.joinsource else None
    own = shares.share(job, len(inputs))
    rows = inputs.iloc[own.start : own.stop]
    local = (
        LocalTexts(job.output, shares.part(job))
        if settings.save_local_shap_values and (len(own) or job.is_leader)
        else None
    )
    with local or contextlib.nullcontext():
        found = explain(model.scores, rows, texts, baseline, settings) if len(own) or job.is_leader else iter(())
        for row, one in zip(own, found, strict=True):
            summary.add(one)
            if local is not None:
                local.write(record(one, settings.features_to_explain, joined[row] if joined else None))
    if local is not None:
        logging.info("Wrote %d local explanations to: %s", len(own), local.path)
    collected = shares.collect_documents(job, summary.document())
    if not job.is_leader:
        return {}, LocalValues()
    for document in collected[1:]:
        summary.merge(document)
    output.write_baseline(baseline, job.output)
    logging.info("Shap analysis finished.")
    section = summary.kernel_shap(model.predictor.label_headers, settings.text.max_top_tokens)
    return section, LocalValues(notes=summary.notes())


def _baseline(
    config: AnalysisConfig, inputs: pd.DataFrame, texts: tuple[str, ...], settings: ShapSettings
) -> pd.DataFrame:
    """Returns the configured rows; without any, empty texts, combined with clusters of the other features."""
    if settings.baseline is not None:
        return find_baseline(config, inputs, settings)
    others = inputs.drop(columns=list(texts))
    clusters = computed_baseline(others, settings.num_clusters, settings.seed) if len(others.columns) else others
    return with_empty_texts(clusters, inputs, texts)
