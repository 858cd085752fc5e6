"""SHAP values and partial dependence of a table's rows."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.analyzer import shares
from sagewright.clarify.analyzer.baseline import find_baseline
from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.analyzer.settings import pdp_settings, shap_settings
from sagewright.clarify.analyzer.texts import explain_texts
from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.report.local import LocalValues
from sagewright.clarify.shap import output
from sagewright.clarify.shap.explanation import explain, scores_of
from sagewright.clarify.tables import Attributions, Model, Section, Way

_WAYS = (Way.EXACT, Way.COMPLETE, Way.SAMPLED)
"""From the strongest to the weakest: several hosts have the weakest of theirs."""


def explain_table(
    job: ClarifyJob, config: AnalysisConfig, dataset: Dataset, model: AnalysedModel
) -> tuple[Section, LocalValues | None]:
    """Returns the section `explanations`, {} on hosts that do not lead, and the values of rows for the report. Raises
    ClarifyError."""
    explanations: Section = {}
    found, local = None, None
    texts = bool(config.methods.get("shap", {}).get("text_config"))
    artefact = model.artefact() if _may_evaluate(config) and not texts else None
    if texts:
        section, local = explain_texts(job, config, dataset, model)
        explanations |= {"kernel_shap": section} if section else {}
    elif "shap" in config.methods:
        settings = shap_settings(config, dataset)
        found, baseline = _shap(job, config, dataset, model.scores, artefact)
        if found is not None:
            headers = model.predictor.label_headers
            explanations["kernel_shap"] = output.kernel_shap(found, headers, settings.agg_method)
            output.write_baseline(baseline, job.output)
            if found.interactions is not None:
                output.write_interactions(found, headers, job.output)
            names = tuple(output.label_names(headers, found.values.shape[2]))
            local = LocalValues(found, dataset.inputs, names)
            logging.info("Shap analysis finished.")
    if "pdp" in config.methods and job.is_leader:
        explanations["pdp"] = _pdp(config, dataset, model, artefact, found)
    return explanations, local


def _may_evaluate(config: AnalysisConfig) -> bool:
    """True if the model's artefact may stand for its endpoint."""
    return config.methods.get("shap", {}).get("_explainer") != "kernel"


def _shap(
    job: ClarifyJob, config: AnalysisConfig, dataset: Dataset, model: Model, artefact: Any
) -> tuple[Attributions | None, pd.DataFrame]:
    """Explains this host's rows. Returns the values of all rows on the leader, None on the others; and the baseline."""
    settings = shap_settings(config, dataset)
    if settings.interactions and len(job.hosts) > 1:
        raise CustomerError("Interactions are computed by one host: the job has several.")
    baseline = find_baseline(config, dataset.inputs, settings)
    inputs = dataset.inputs
    positions = shares.share(job, len(inputs))
    own = inputs.iloc[positions.start : positions.stop]
    found = explain(model, own, baseline, settings, artefact) if len(own) else None
    if settings.save_local_shap_values and found is not None:
        headers = config.predictor.label_headers if config.predictor else ()
        output.write_local(found, headers, job.output, shares.part(job))
    if len(job.hosts) == 1:
        return found, baseline
    return _together(job, found), baseline


def _together(job: ClarifyJob, found: Attributions | None) -> Attributions | None:
    """Returns the values of all hosts' rows on the leader, None on the others."""
    arrays = {}
    if found is not None:
        arrays = {"values": found.values, "expected": found.expected, "predictions": found.predictions}
        arrays["how"] = np.array([_WAYS.index(found.way), found.calls], dtype=np.float64)
        if found.errors is not None:
            arrays["errors"] = found.errors
    collected = [one for one in shares.collect(job, arrays) if one]
    if not collected or found is None:
        return None
    errors = [one["errors"] for one in collected if "errors" in one]
    how = np.array([one["how"] for one in collected])
    return replace(
        found,
        values=np.concatenate([one["values"] for one in collected]),
        predictions=np.concatenate([one["predictions"] for one in collected]),
        way=_WAYS[int(how[:, 0].max())],
        calls=int(how[:, 1].sum()),
        errors=np.concatenate(errors) if len(errors) == len(collected) else None,
    )


def _pdp(
    config: AnalysisConfig, dataset: Dataset, model: AnalysedModel, artefact: Any, found: Attributions | None
) -> list[Section]:
    from sagewright.clarify.pdp import partial_dependence

    settings = pdp_settings(config, dataset)
    top: list[str] = []
    if not settings.features and found is not None:
        agg = config.methods["shap"].get("agg_method", "mean_abs")
        top = output.top_features(found, agg, settings.top_k_features)
    logging.info("Calculating PDP")
    scores = scores_of(model.scores, dataset.inputs, artefact)
    return partial_dependence(scores, dataset.inputs, settings, model.predictor.label_headers, top)
