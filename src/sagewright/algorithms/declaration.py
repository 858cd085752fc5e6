"""One algorithm's declaration: everything that others derive their knowledge of it from.

Parsing, error texts, metric definitions, the training specification of the wire and the reference page come from here.
Nothing in this module or in the declarations needs more than the standard library, so a server may import them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagewright.algorithms import channels, hyperparameters
from sagewright.algorithms.channels import Channel, ChannelInput
from sagewright.algorithms.domains import Choice, Flag, Integer, Real
from sagewright.algorithms.hyperparameters import Hyperparameter, Rule
from sagewright.algorithms.metrics import Metric
from sagewright.algorithms.wording import TOOLKIT, Wording

LogStyle = Literal["xgboost", "first-party"]


@dataclass(frozen=True)
class Kernels:
    """What of an algorithm numba compiles. `rehearse` names the function (`module:function`) that runs on next to nothing all that
    a job with the values it gets compiles; `by`: the hyperparameters that choose among it."""

    rehearse: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """One algorithm.

    `train` and `serve` name functions as `module:function`; they are imported in the job only. `train(job, values)` gets
    a `job.Job` and the validated hyperparameters; `serve(model_directory)` gives what answers with the model there
    (`serving.messages.Answering`), or raises UserError. `fills_defaults` says whether the values hold the declared defaults
    of what wasn't given, or only what was given and differs from its default.
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
        """The names of what was given, validated before, and differs from its default."""
        return hyperparameters.chosen(self.hyperparameters, given)

    def unused(self, given: Mapping[str, str], values: Mapping[str, Any], *solver: str) -> list[str]:
        """The names of what was given, differs from its default and is not used; `solver` are the names of the one that runs."""
        return hyperparameters.unused(self.hyperparameters, self.chosen(given), values, solver)

    def only_of(self, solver: str) -> frozenset[str]:
        """The names of hyperparameters that no other solver uses."""
        need = hyperparameters.SOLVER, (solver,)
        return frozenset(each.name for each in self.hyperparameters if need in each.needs)

    @property
    def has_solvers(self) -> bool:
        """Whether it is decided in the training what is used."""
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
        """botocore's TrainingSpecification of this algorithm, less the image and instance types."""
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
