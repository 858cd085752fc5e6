"""One algorithm's declaration, the single source of everything known about it.

Parsing, error texts, metric definitions, the training specification on the wire and the reference page are derived from it. This
module and the declarations need only the standard library, so the server can import them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagewright.algorithms.schema import channels, hyperparameters
from sagewright.algorithms.schema.channels import Channel, ChannelInput
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, Real
from sagewright.algorithms.schema.hyperparameters import Hyperparameter, Rule
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import TOOLKIT, Wording

LogStyle = Literal["xgboost", "first-party"]


@dataclass(frozen=True)
class Kernels:
    """The parts of an algorithm that numba compiles. `rehearse` names a function (`module:function`) that runs, on next to no data,
    everything that a job with the given values compiles. `by`: the hyperparameters that select among the kernels."""

    rehearse: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """One algorithm.

    `train` and `serve` name functions as `module:function`, imported only in the job. `train(job, values)` receives a `job.Job` and
    the validated hyperparameters. `serve(model_directory)` returns an object that answers requests with the model in that directory
    (`serving.messages.Answering`), or raises UserError. `fills_defaults`: if true, the values include the declared defaults of
    hyperparameters that weren't given; if false, only those that were given and differ from their defaults.
    """

    name: str
    title: str
    repositories: tuple[str, ...]
    hyperparameters: tuple[Hyperparameter, ...]
    channels: tuple[Channel, ...]
    metrics: tuple[Metric, ...]
    train: str
    serve: str | None = None
    rules: tuple[Rule, ...] = ()
    wording: Wording = TOOLKIT
    fills_defaults: bool = True
    default_content_type: str | None = None
    log_style: LogStyle = "first-party"
    kernels: Kernels | None = None

    def validate_hyperparameters(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Typed values by name. Raises UserError in the algorithm's wording."""
        values = hyperparameters.validate(self.hyperparameters, self.rules, given, self.wording)
        if self.fills_defaults:
            return {**hyperparameters.defaults(self.hyperparameters), **values}
        said = self.chosen(given)
        return {name: value for name, value in values.items() if name in said}

    def chosen(self, given: Mapping[str, str]) -> frozenset[str]:
        """The names of the given hyperparameters, already validated, whose values differ from their defaults."""
        return hyperparameters.chosen(self.hyperparameters, given)

    def unused(self, given: Mapping[str, str], values: Mapping[str, Any], *solver: str) -> list[str]:
        """The names of given hyperparameters that differ from their defaults and are not used; `solver` are the names of the
        running solver."""
        return hyperparameters.unused(self.hyperparameters, self.chosen(given), values, solver)

    def only_of(self, solver: str) -> frozenset[str]:
        """The names of hyperparameters that no other solver uses."""
        need = hyperparameters.SOLVER, (solver,)
        return frozenset(each.name for each in self.hyperparameters if need in each.needs)

    @property
    def has_solvers(self) -> bool:
        """True if the training itself decides which hyperparameters are used."""
        return any(
            name == hyperparameters.SOLVER and names for each in self.hyperparameters for name, names in each.needs
        )

    def validate_channels(self, given: Mapping[str, Mapping[str, str]]) -> dict[str, ChannelInput]:
        """The channels of `inputdataconfig.json`. Raises UserError."""
        return channels.validate(self.channels, self.default_content_type, given, self.wording)

    def metric_definitions(self) -> list[dict[str, str]]:
        """`[{"Name", "Regex"}]`, as DescribeTrainingJob shows them for a built-in algorithm."""
        return [{"Name": metric.name, "Regex": metric.regex} for metric in self.metrics]

    def training_specification(self) -> dict[str, Any]:
        """botocore's TrainingSpecification of this algorithm, without the image and instance types."""
        return {
            "SupportedHyperParameters": [_hyperparameter_specification(each) for each in self.hyperparameters],
            "TrainingChannels": [_channel_specification(channel) for channel in self.channels],
            "MetricDefinitions": self.metric_definitions(),
            "SupportedTuningJobObjectiveMetrics": [
                {"Type": metric.direction, "MetricName": metric.name} for metric in self.metrics if metric.objective
            ],
        }

    def recommended_ranges(self) -> dict[str, list[dict[str, Any]]]:
        """botocore's ParameterRanges with every recommended range of this algorithm."""
        ranges: dict[str, list[dict[str, Any]]] = {
            "IntegerParameterRanges": [],
            "ContinuousParameterRanges": [],
            "CategoricalParameterRanges": [],
        }
        for each in self.hyperparameters:
            if each.recommended is None:
                continue
            if each.domain.kind == "Categorical":
                ranges["CategoricalParameterRanges"].append({"Name": each.name, "Values": list(each.recommended)})
            else:
                low, high = each.recommended
                entry = {"Name": each.name, "MinValue": low, "MaxValue": high, "ScalingType": "Auto"}
                ranges[f"{each.domain.kind}ParameterRanges"].append(entry)
        return ranges


def _hyperparameter_specification(each: Hyperparameter) -> dict[str, Any]:
    specification: dict[str, Any] = {
        "Name": each.name,
        "Description": each.note or each.name,
        "Type": each.domain.kind,
        "IsTunable": each.recommended is not None,
        "IsRequired": each.required,
    }
    if each.default is not None:
        specification["DefaultValue"] = each.default
    if isinstance(each.domain, (Integer, Real)):
        low, high = each.domain.interval.low, each.domain.interval.high
        bounds = (
            (-(2**31), 2**31 - 1) if isinstance(each.domain, Integer) else (-sys.float_info.max, sys.float_info.max)
        )
        ends = [f"{min(max(end, bounds[0]), bounds[1]):.17g}" for end in (low, high)]
        specification["Range"] = {
            f"{each.domain.kind}ParameterRangeSpecification": {"MinValue": ends[0], "MaxValue": ends[1]}
        }
    elif isinstance(each.domain, (Choice, Flag)):
        words = list(each.domain.words) if isinstance(each.domain, Choice) else ["true", "false"]
        specification["Range"] = {"CategoricalParameterRangeSpecification": {"Values": words}}
    return specification


def _channel_specification(channel: Channel) -> dict[str, Any]:
    return {
        "Name": channel.name,
        "Description": channel.note or channel.name,
        "IsRequired": channel.required,
        "SupportedContentTypes": list(channel.content_types),
        "SupportedInputModes": list(channel.modes),
    }
