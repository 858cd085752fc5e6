"""The JSON schema of analysis_config.json, version 1.0.

Source: ANALYSIS_CONFIG_SCHEMA_V1_0 of the SageMaker Python SDK (`sagemaker/clarify.py`), which AWS's job checks too. Names of
formats and modes are case-insensitive.
"""

from __future__ import annotations

from typing import Any

_COLUMN = {"type": ["string", "integer"]}
_VALUES = {"type": "array", "items": {"type": ["integer", "number", "string"]}}
_TEXT, _WHOLE, _FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_NAMES = {"type": "array", "items": _TEXT}
_LANGUAGES = """
    chinese zh danish da dutch nl english en french fr german de greek el italian it japanese ja lithuanian lt multi-
    language xx nb polish pl portuguese pt romanian ro russian ru spanish es afrikaans af albanian sq arabic ar armenian hy
    basque eu bengali bn bulgarian bg catalan ca croatian hr czech cs estonian et finnish fi gujarati gu hebrew he hindi hi
    hungarian hu icelandic is indonesian id irish ga kannada kn kyrgyz ky latvian lv ligurian lij luxembourgish lb
    macedonian mk malayalam ml marathi mr nepali ne persian fa sanskrit sa serbian sr setswana tn sinhala si slovak sk
    slovenian sl swedish sv tagalog tl tamil ta tatar tt telugu te thai th turkish tr ukrainian uk urdu ur vietnamese vi
    yoruba yo
"""
LANGUAGES = ("norwegian bokmål", *_LANGUAGES.split())
FORMATS = (
    "text/csv",
    "application/jsonlines",
    "application/json",
    "application/sagemakercapturejson",
    "application/x-parquet",
    "application/x-image",
)
REQUEST_TYPES = (
    "text/csv",
    "application/jsonlines",
    "application/json",
    "image/jpeg",
    "image/png",
    "image/jpg",
    "application/x-npy",
)
ACCEPTED_TYPES = ("text/csv", "application/jsonlines", "application/json")


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_BASELINE = {
    "anyOf": [
        _TEXT,
        {"type": "object"},
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "array", "items": {"type": ["integer", "number", "string", "null"]}},
                    {"type": "object"},
                ]
            },
        },
    ]
}
_SHAP = _object({
    "baseline": _BASELINE,
    "num_clusters": _WHOLE | {"minimum": 1},
    "use_logit": _FLAG,
    "num_samples": _WHOLE | {"minimum": 1},
    "agg_method": _choice("mean_abs", "median", "mean_sq"),
    "save_local_shap_values": _FLAG,
    "text_config": _object(
        {
            "granularity": _choice("token", "sentence", "paragraph"),
            "language": _choice(*LANGUAGES),
            "max_top_tokens": _WHOLE | {"minimum": 1},
        },
        ("granularity", "language"),
    ),
    "image_config": _object({
        "num_segments": _WHOLE | {"minimum": 1},
        "segment_compactness": {"type": "number", "exclusiveMinimum": 0},
        "feature_extraction_method": _TEXT,
        "model_type": _choice("image_classification", "object_detection"),
        "max_objects": _WHOLE | {"minimum": 1},
        "iou_threshold": {"type": "number", "minimum": 0, "maximum": 1},
        "context": {"type": "number", "minimum": 0},
        "debug": {"type": "object"},
    }),
    "seed": _WHOLE | {"minimum": 0, "maximum": 2**32 - 1},
    "features_to_explain": {"type": "array", "items": _COLUMN},
    # Sagewright's own members: pairwise interactions, and how values are computed
    "interactions": _FLAG,
    "_explainer": _choice("kernel"),
})  # fmt: skip
_SERIES = _object(
    {
        "target_time_series": _COLUMN,
        "item_id": _COLUMN,
        "timestamp": _COLUMN,
        "related_time_series": {"type": "array", "items": _COLUMN},
        "static_covariates": {"type": "array", "items": _COLUMN},
        "dataset_format": _choice("columns", "item_records", "timestamp_records"),
    },
    ("target_time_series", "item_id", "timestamp"),
)
_ASYMMETRIC = _object(
    {
        "direction": _choice("chronological", "anti_chronological", "bidirectional"),
        "granularity": _choice("timewise", "fine_grained"),
        "num_samples": _WHOLE | {"minimum": 1},
        "baseline": {
            "anyOf": [
                _TEXT,
                _object({
                    "target_time_series": _choice("zero", "mean"),
                    "related_time_series": _choice("zero", "mean"),
                    "static_covariates": {"type": "object"},
                }),
            ]
        },
    },
    ("direction", "granularity"),
)  # fmt: skip
_BIAS = _object({"methods": {"anyOf": [_TEXT, _NAMES]}}, ("methods",))
_METHODS = _object({
    "shap": _SHAP,
    "pre_training_bias": _BIAS,
    "post_training_bias": _BIAS,
    "pdp": _object(
        {
            "grid_resolution": _WHOLE | {"minimum": 1},
            "features": {"type": "array", "items": _COLUMN},
            "top_k_features": _WHOLE | {"minimum": 1},
        }
    ),
    "report": _object({"name": _TEXT, "title": _TEXT}),
    "asymmetric_shapley_value": _ASYMMETRIC,
})  # fmt: skip
_PREDICTOR = _object({
    "endpoint_name": _TEXT,
    "endpoint_name_prefix": {"type": "string", "pattern": "^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", "maxLength": 23},
    "model_name": _TEXT,
    "target_model": _TEXT,
    "instance_type": _TEXT,
    "initial_instance_count": _WHOLE | {"minimum": 1},
    "accelerator_type": _TEXT,
    "content_type": _choice(*REQUEST_TYPES),
    "accept_type": _choice(*ACCEPTED_TYPES),
    "label": _COLUMN,
    "probability": _COLUMN,
    "label_headers": {"type": "array", "items": _COLUMN},
    "content_template": {"anyOf": [_TEXT, {"type": "object", "additionalProperties": _TEXT}]},
    "record_template": _TEXT,
    "custom_attributes": {"type": "string", "maxLength": 1024},
    "time_series_predictor_config": _object({"forecast": _TEXT}, ("forecast",)),
})  # fmt: skip
SCHEMA: dict[str, Any] = _object(
    {
        "version": _TEXT,
        "dataset_type": _choice(*FORMATS),
        "dataset_uri": _TEXT,
        "headers": _NAMES,
        "label": _COLUMN,
        "predicted_label": _COLUMN,
        "features": _TEXT,
        "label_values_or_threshold": _VALUES,
        "probability_threshold": {"type": "number"},
        "segment_config": {
            "type": "array",
            "items": _object(
                {
                    "config_name": _TEXT,
                    "name_or_index": _COLUMN,
                    "segments": {"type": "array", "items": {"type": "array", "items": {"type": ["string", "integer"]}}},
                    "display_aliases": _NAMES,
                },
                ("name_or_index", "segments"),
            ),
        },
        "facet": {
            "type": "array",
            "items": _object({"name_or_index": _COLUMN, "value_or_threshold": _VALUES}, ("name_or_index",)),
        },
        "facet_dataset_uri": _TEXT,
        "facet_headers": _NAMES,
        "predicted_label_dataset_uri": _TEXT,
        "predicted_label_headers": _NAMES,
        "excluded_columns": {"type": "array", "items": _COLUMN},
        "joinsource_name_or_index": _COLUMN,
        "group_variable": _COLUMN,
        "time_series_data_config": _SERIES,
        "methods": _METHODS,
        "predictor": _PREDICTOR,
    },
    ("dataset_type", "methods"),
)
"""Draft 2020-12; booleans are not integers (jsonschema tells them apart)."""
_CASELESS = """
    dataset_type agg_method granularity language model_type direction dataset_format content_type accept_type target_time_series
    related_time_series
"""
CASELESS = frozenset(_CASELESS.split())
"""Members whose values are compared in lower case where the schema lists values."""
