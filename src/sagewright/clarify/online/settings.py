"""The configuration of an explainer, which the endpoint's reconciler writes to its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.clarify.configuration.analysis import Column, Predictor
from sagewright.clarify.configuration.methods import ShapSettings, TextSettings
from sagewright.clarify.errors import CustomerError

CONFIGURATION = "SAGEWRIGHT_EXPLAINER"
"""A ClarifyExplainerConfig as JSON."""
EXPLAINED_IMAGE = "SAGEWRIGHT_EXPLAINED_IMAGE"
"""The image of the model's container if its artefact may stand for it, else "". """
CSV, JSON_LINES = "text/csv", "application/jsonlines"
MEDIA = (CSV, JSON_LINES)
DEFAULT_PAYLOAD_MB = 6


@dataclass(frozen=True)
class ExplainerSettings:
    """`features`: JMESPath of a JSON line's features, "" for the whole; `enable`: JMESPath that selects records, "" for all;
    `types`: numerical, categorical or text, () if the cells decide; `baseline`: text of the type `baseline_type`, or its URI.
    """

    predictor: Predictor
    shap: ShapSettings
    features: str = ""
    enable: str = ""
    headers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    baseline: str = ""
    baseline_uri: str = ""
    baseline_type: str = CSV
    most_records: int | None = None
    most_bytes: int = DEFAULT_PAYLOAD_MB << 20
    image: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> ExplainerSettings:
        """Raises CustomerError without a configuration."""
        if CONFIGURATION not in environment:
            raise CustomerError("Clarify's image explains the predictions of a model; it can't be used as a model.")
        given: dict[str, Any] = json.loads(environment[CONFIGURATION])
        inference, shap = given.get("InferenceConfig") or {}, given["ShapConfig"]
        baseline, text = shap["ShapBaselineConfig"], shap.get("TextConfig")
        return cls(
            predictor=Predictor(
                label=_place(inference, "Label"),
                probability=_place(inference, "Probability"),
                label_headers=tuple(inference.get("LabelHeaders") or ()),
                content_template=inference.get("ContentTemplate"),
            ),
            shap=ShapSettings(
                num_samples=shap.get("NumberOfSamples"),
                seed=shap.get("Seed"),
                use_logit=bool(shap.get("UseLogit")),
                text=TextSettings(text["Granularity"], text["Language"]) if text else None,
            ),
            features=inference.get("FeaturesAttribute") or "",
            enable=given.get("EnableExplanations") or "",
            headers=tuple(inference.get("FeatureHeaders") or ()),
            types=tuple(inference.get("FeatureTypes") or ()),
            baseline=baseline.get("ShapBaseline") or "",
            baseline_uri=baseline.get("ShapBaselineUri") or "",
            baseline_type=baseline.get("MimeType") or CSV,
            most_records=inference.get("MaxRecordCount"),
            most_bytes=inference.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) << 20,
            image=environment.get(EXPLAINED_IMAGE, ""),
        )


def _place(inference: Mapping[str, Any], name: str) -> Column | None:
    index = inference.get(f"{name}Index")
    return index if index is not None else inference.get(f"{name}Attribute")
