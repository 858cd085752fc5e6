"""Settings of the methods with columns by name: the configuration names them by index too."""

from __future__ import annotations

from typing import Any

from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.configuration.methods import (
    BiasSettings,
    Facet,
    ImageSettings,
    PdpSettings,
    Segmentation,
    ShapSettings,
    TextSettings,
)
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.errors import CustomerError


def bias_settings(config: AnalysisConfig, dataset: Dataset) -> BiasSettings:
    """Raises CustomerError if a column does not exist."""
    if not dataset.label:
        raise CustomerError("Headers must contain label. The data set has no label.")
    group = config.document.get("group_variable")
    return BiasSettings(
        label=dataset.label,
        label_values=config.label_values,
        facets=tuple(_facet(given, dataset) for given in config.document.get("facet") or ()),
        group_variable=None if group is None else dataset.column(group, "group_variable"),
        segmentations=tuple(_segmentation(given, dataset) for given in config.document.get("segment_config") or ()),
        pre_training=config.pre_training,
        post_training=config.post_training,
    )


def _facet(given: dict[str, Any], dataset: Dataset) -> Facet:
    try:
        column = dataset.column(given["name_or_index"], "facet")
    except CustomerError as error:
        raise CustomerError(f"Unable to locate the facet. {error}") from None
    return Facet(column, tuple(given.get("value_or_threshold") or ()))


def _segmentation(given: dict[str, Any], dataset: Dataset) -> Segmentation:
    return Segmentation(
        column=dataset.column(given["name_or_index"], "segment_config"),
        segments=tuple(map(tuple, given["segments"])),
        name=given.get("config_name") or "",
        aliases=tuple(given.get("display_aliases") or ()),
    )


def shap_settings(config: AnalysisConfig, dataset: Dataset | None) -> ShapSettings:
    """Settings of the method `shap`; `dataset` is None for images. Raises CustomerError."""
    given = dict(config.methods["shap"])
    text, image = given.pop("text_config", None), given.pop("image_config", None)
    explained = given.pop("features_to_explain", None) or ()
    names = [] if dataset is None else [_feature(dataset, column) for column in explained]
    explainer = given.pop("_explainer", "")
    return ShapSettings(
        **given,
        features_to_explain=tuple(names),
        explainer=explainer,
        text=None if text is None else TextSettings(**text),
        image=None if image is None else ImageSettings(**_upper(image)),
    )


def _upper(image: dict[str, Any]) -> dict[str, Any]:
    named = {"model_type": str(image["model_type"]).upper()} if "model_type" in image else {}
    return {**image, **named}


def pdp_settings(config: AnalysisConfig, dataset: Dataset) -> PdpSettings:
    """Settings of the method `pdp`. Raises CustomerError."""
    given = config.methods["pdp"]
    names = [_feature(dataset, column) for column in given.get("features") or ()]
    more = {name: given[name] for name in ("top_k_features", "grid_resolution") if name in given}
    return PdpSettings(features=tuple(names), **more)


def _feature(dataset: Dataset, column: int | str) -> str:
    name = dataset.column(column, "features")
    if name not in dataset.features:
        raise CustomerError(f"Feature names not found. '{name}' is not a feature of the model.")
    return name
