"""Settings of the methods of analysis_config.json, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.clarify.tables import Value

PRE_TRAINING = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
POST_TRAINING = ("DPPL", "DI", "DCA", "DCR", "SD", "RD", "DAR", "DRR", "AD", "TE", "CDDPL", "FT", "GE")


@dataclass(frozen=True)
class Facet:
    """A sensitive attribute. `values`: the sensitive groups' values, or one threshold for a continuous column; () for each value in
    turn."""

    column: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Segmentation:
    """Groups of rows for which bias metrics are computed separately: lists of values, or of intervals such as `(1, 5]`."""

    column: str
    segments: tuple[tuple[Value, ...], ...]
    name: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class BiasSettings:
    """`label_values`: the positive values, or one threshold. `pre_training` and `post_training`: names of metrics, () for none."""

    label: str
    label_values: tuple[Value, ...]
    facets: tuple[Facet, ...]
    group_variable: str | None = None
    segmentations: tuple[Segmentation, ...] = ()
    pre_training: tuple[str, ...] = ()
    post_training: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextSettings:
    granularity: str  # token, sentence, paragraph
    language: str
    max_top_tokens: int = 50


@dataclass(frozen=True)
class ImageSettings:
    model_type: str = "IMAGE_CLASSIFICATION"
    num_segments: int = 20
    segment_compactness: int = 5
    max_objects: int = 3
    iou_threshold: float = 0.5
    context: float = 1.0
    feature_extraction_method: str = "segmentation"
    debug: dict[str, Any] | None = None


@dataclass(frozen=True)
class ShapSettings:
    """`baseline`: rows, an S3 URI, one JSON record, or None: then `num_clusters` (or the best number up to 12) rows are computed.

    `num_samples`: coalitions for each row, None for the default. `explainer`: "" for the best way, "kernel" to always call the
    model.
    """

    baseline: list[Any] | dict[str, Any] | str | None = None
    num_clusters: int | None = None
    num_samples: int | None = None
    seed: int | None = None
    use_logit: bool = False
    save_local_shap_values: bool = False
    agg_method: str = "mean_abs"  # mean_abs, median, mean_sq
    features_to_explain: tuple[str, ...] = ()
    interactions: bool = False
    explainer: str = ""
    text: TextSettings | None = None
    image: ImageSettings | None = None


@dataclass(frozen=True)
class PdpSettings:
    """`features`: columns; () for the `top_k_features` with the largest global SHAP values."""

    features: tuple[str, ...] = ()
    top_k_features: int = 10
    grid_resolution: int = 15


@dataclass(frozen=True)
class AsymmetricSettings:
    """Asymmetric Shapley values of time series."""

    direction: str = "chronological"  # chronological, anti_chronological, bidirectional
    granularity: str = "timewise"  # timewise, fine_grained
    num_samples: int | None = None
    baseline: dict[str, Any] | str | None = None


@dataclass(frozen=True)
class SeriesSettings:
    """Columns (or JMESPath expressions) of a time series data set. `dataset_format`: "" for CSV, else columns, item_records,
    timestamp_records."""

    target_time_series: str
    item_id: str
    timestamp: str
    related_time_series: tuple[str, ...] = ()
    static_covariates: tuple[str, ...] = ()
    dataset_format: str = ""


@dataclass(frozen=True)
class ReportSettings:
    name: str = "report"
    title: str = "SageMaker Analysis Report"
