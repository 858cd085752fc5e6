"""analysis_config.json as a dataclass."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from sagewright.clarify.configuration.methods import (
    POST_TRAINING,
    PRE_TRAINING,
    AsymmetricSettings,
    ReportSettings,
)
from sagewright.clarify.configuration.monitored import CAPTURED, completed
from sagewright.clarify.configuration.schema import CASELESS, SCHEMA
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Value

Column: TypeAlias = int | str
"""A column by name, or by its index; in JSON formats a JMESPath expression."""
MAX_CONFIG_BYTES = 20 << 20
MODEL_VARIABLE = "SAGEWRIGHT_CLARIFY_MODEL"


@dataclass(frozen=True)
class Predictor:
    """Where predictions come from, and the forms of requests and answers. Exactly one of `endpoint_name`, `model_name` is set."""

    endpoint_name: str = ""
    model_name: str = ""
    endpoint_name_prefix: str = "sm-clarify"
    instance_type: str = ""
    initial_instance_count: int = 1
    accelerator_type: str = ""
    target_model: str = ""
    custom_attributes: str = ""
    content_type: str = ""
    accept_type: str = ""
    label: Column | None = None
    probability: Column | None = None
    label_headers: tuple[str, ...] = ()
    content_template: str | Mapping[str, str] | None = None
    record_template: str | None = None
    forecast: str = ""


@dataclass(frozen=True)
class AnalysisConfig:
    """The configuration, checked against the schema and the rules that need no data.

    `methods` are the configured methods' members; () and None stand for what is not configured.
    """

    document: Mapping[str, Any]
    dataset_type: str
    methods: Mapping[str, Mapping[str, Any]]
    dataset_uri: str = ""
    headers: tuple[str, ...] = ()
    features: str = ""
    label: Column | None = None
    predicted_label: Column | None = None
    label_values: tuple[Value, ...] = ()
    probability_threshold: float = 0.5
    excluded: tuple[Column, ...] = ()
    joinsource: Column | None = None
    predictor: Predictor | None = None
    pre_training: tuple[str, ...] = ()
    post_training: tuple[str, ...] = ()
    report: ReportSettings = field(default_factory=ReportSettings)
    asymmetric: AsymmetricSettings | None = None

    @property
    def needs_predictions(self) -> bool:
        """True if some method evaluates the model."""
        explains = any(name in self.methods for name in ("shap", "pdp", "asymmetric_shapley_value"))
        return explains or (bool(self.post_training) and not self.has_predictions and self.dataset_type != CAPTURED)

    @property
    def has_predictions(self) -> bool:
        """True if a column or a file has predicted labels; captured records may have them too."""
        return self.predicted_label is not None or "predicted_label_dataset_uri" in self.document


def load(path: Path, environment: Mapping[str, str] = os.environ) -> AnalysisConfig:
    """Reads a file. A check step names the model in the environment, a monitor more than that. Raises CustomerError."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_CONFIG_BYTES + 1)
        document = json.loads(text) if len(text) <= MAX_CONFIG_BYTES else None
    except FileNotFoundError:
        raise CustomerError(
            f"Unable to load analysis configuration as JSON. There is no file {path.name} in the input 'analysis_config'."
        ) from None
    except (ValueError, RecursionError) as error:
        raise CustomerError(f"Unable to load analysis configuration as JSON. {error}") from None
    if document is None:
        raise CustomerError(
            f"Unable to load analysis configuration as JSON. It has more than {MAX_CONFIG_BYTES >> 20} MiB."
        )
    predictor = document.get("predictor") if isinstance(document, dict) else None
    if environment.get(MODEL_VARIABLE) and isinstance(predictor, dict) and not predictor.get("endpoint_name"):
        predictor.setdefault("model_name", environment[MODEL_VARIABLE])
    return read(completed(document, environment))


def read(document: Any) -> AnalysisConfig:
    """Checks a configuration and returns it as a dataclass. Raises CustomerError."""
    document = _lowered(document)
    _check_schema(document)
    methods: dict[str, dict[str, Any]] = document["methods"]
    config = AnalysisConfig(
        document=document,
        dataset_type=document["dataset_type"],
        methods=methods,
        dataset_uri=document.get("dataset_uri", ""),
        headers=tuple(document.get("headers") or ()),
        features=document.get("features", ""),
        label=document.get("label"),
        predicted_label=document.get("predicted_label"),
        label_values=tuple(document.get("label_values_or_threshold") or ()),
        probability_threshold=float(document.get("probability_threshold", 0.5)),
        excluded=tuple(document.get("excluded_columns") or ()),
        joinsource=document.get("joinsource_name_or_index"),
        predictor=_predictor(document.get("predictor")),
        pre_training=_metrics(methods.get("pre_training_bias"), PRE_TRAINING),
        post_training=_metrics(methods.get("post_training_bias"), POST_TRAINING),
        report=ReportSettings(**methods.get("report", {})),
        asymmetric=AsymmetricSettings(**methods["asymmetric_shapley_value"])
        if "asymmetric_shapley_value" in methods
        else None,
    )
    _check_rules(config)
    return config


def _lowered(value: Any) -> Any:
    """Returns a copy with the case-insensitive values in lower case."""
    if isinstance(value, dict):
        return {
            name: member.lower() if name in CASELESS and isinstance(member, str) and _is_word(name, member) else _lowered(member)
            for name, member in value.items()
        }  # fmt: skip
    return [_lowered(one) for one in value] if isinstance(value, list) else value


def _is_word(name: str, value: str) -> bool:
    """True unless `value` names a column: target_time_series is a mode in one place and a column in another."""
    return not name.endswith("time_series") or value.lower() in {"zero", "mean"}


def _check_schema(document: Any) -> None:
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(SCHEMA).iter_errors(document), key=lambda error: list(map(str, error.path)))
    if errors:
        first = errors[0]
        place = ".".join(map(str, first.path)) or "the configuration"
        more = f" There are {len(errors) - 1} more errors." if len(errors) > 1 else ""
        raise CustomerError(
            f"Analysis configuration schema validation error. {place}: {str(first.message)[:500]}.{more}"
        )


def _predictor(given: dict[str, Any] | None) -> Predictor | None:
    if given is None:
        return None
    series = given.get("time_series_predictor_config") or {}
    members = {name: value for name, value in given.items() if name != "time_series_predictor_config"}
    members["label_headers"] = tuple(map(str, given.get("label_headers") or ()))
    if members.get("endpoint_name"):
        members["model_name"] = ""  # the endpoint has precedence
    return Predictor(**members, forecast=series.get("forecast", ""))


def _metrics(method: Mapping[str, Any] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if method is None:
        return ()
    named = method["methods"]
    if named == "all":
        return known
    named = [named] if isinstance(named, str) else named
    for name in named:
        if name not in known:
            raise CustomerError(f"The bias metric '{name}' does not exist. Valid: all, {', '.join(known)}.")
    return tuple(name for name in known if name in named)


def _check_rules(config: AnalysisConfig) -> None:
    methods, predictor = config.methods, config.predictor
    if not any(name for name in methods if name != "report"):
        raise CustomerError("Analysis configuration schema validation error. methods: no method is configured.")
    if config.pre_training or config.post_training:
        if config.label is None:
            raise CustomerError("Headers must contain label. The configuration has no 'label'.")
        if not config.document.get("facet"):
            raise CustomerError("Unable to locate the facet. The configuration has no 'facet'.")
    _check_pdp(methods, config)
    if config.needs_predictions:
        if predictor is None:
            raise CustomerError("The configured methods need predictions: 'predictor' must be configured.")
        _check_predictor(predictor)
    by_expressions = {"application/jsonlines", "application/json"}
    if (
        config.dataset_type in by_expressions
        and "time_series_data_config" not in config.document
        and not config.features
    ):
        raise CustomerError(f"'features' is required for data of type {config.dataset_type}.")
    csv_only = ("facet_dataset_uri", "predicted_label_dataset_uri")
    for name in csv_only:
        if name in config.document and config.dataset_type != "text/csv":
            raise CustomerError(f"'{name}' is supported for data of type text/csv only, got {config.dataset_type}.")


def _check_pdp(methods: Mapping[str, Mapping[str, Any]], config: AnalysisConfig) -> None:
    if "pdp" in methods and not methods["pdp"].get("features") and "shap" not in methods:
        raise CustomerError("PDP needs 'features', or the method 'shap' to choose the most important ones.")
    if config.asymmetric is not None:
        if "time_series_data_config" not in config.document:
            raise CustomerError("asymmetric_shapley_value needs 'time_series_data_config'.")
        if config.asymmetric.granularity == "fine_grained" and config.asymmetric.direction != "chronological":
            raise CustomerError(
                "The granularity fine_grained supports the direction chronological only, got "
                f"{config.asymmetric.direction}."
            )


def _check_predictor(predictor: Predictor) -> None:
    if not predictor.endpoint_name and not predictor.model_name:
        raise CustomerError("'predictor' needs 'model_name' or 'endpoint_name'.")
    if predictor.model_name and not predictor.instance_type:
        raise CustomerError("'predictor' needs 'instance_type' and 'initial_instance_count' with 'model_name'.")
