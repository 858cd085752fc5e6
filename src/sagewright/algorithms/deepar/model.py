"""A trained DeepAR model and its files.

`model_algo-1-0000.params` has the weights (safetensors), `model_algo-1-symbol.json` the rest. AWS's files have the same names but
MXNet's content, and are refused. Source: the contract's algorithms/deepar.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deepar import residual
from sagewright.algorithms.deepar.beside import linear
from sagewright.algorithms.deepar.beside.cold import Begun, Cold, Columns
from sagewright.algorithms.deepar.beside.experts import EXPERTS
from sagewright.algorithms.deepar.beside.linear import About, Linear
from sagewright.algorithms.deepar.beside.pooled import Experts, Pooled
from sagewright.algorithms.deepar.calibration import Beside, Calibrated, Calibration
from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.dataset import Fields
from sagewright.algorithms.deepar.data.frequency import CYCLES_MINUTES, Frequency
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout
from sagewright.algorithms.deepar.data.scaling import KINDS, Scaling
from sagewright.algorithms.deepar.forecaster import Forecaster
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecasting
from sagewright.algorithms.deepar.likelihoods import LIKELIHOODS
from sagewright.algorithms.deepar.logarithms import Exponential
from sagewright.algorithms.deepar.network import Network, Shape
from sagewright.algorithms.deepar.residual import ResidualForecaster, ResidualNetwork
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory

PARAMS, SYMBOL = "model_algo-1-0000.params", "model_algo-1-symbol.json"
FORMAT = 1
_OF_LAYOUT = ("width", "lagged", "cardinality", "history", "horizon", "direct")
Checked = TypeVar("Checked")


@dataclass(frozen=True)
class Model:
    """`layout` and `fields` describe the accepted series, the other fields the forecast; `reach`: see `Forecaster`."""

    layout: Layout
    fields: Fields
    network: Network | ResidualNetwork
    scaling: Scaling
    normal: Normal
    reach: float
    experts: Experts | None = None
    calibration: Calibration = Calibration()
    linear: Linear | None = None
    cold: Cold | None = None

    @property
    def about(self) -> About:
        return About(self.scaling, self.normal, self.reach)

    @property
    def alone(self) -> Forecasting:
        """The network, calibrated, without experts."""
        return Calibrated(self.plain, self.calibration, Beside(self.linear, self.about))

    @property
    def plain(self) -> Forecasting:
        """The network alone, as it is."""
        if isinstance(self.network, ResidualNetwork):
            return ResidualForecaster(self.network, self.scaling, self.normal)
        return Forecaster(self.network, self.scaling, self.normal, self.reach)

    @property
    def forecaster(self) -> Forecasting:
        found = self.alone if self.experts is None else Pooled(self.alone, self.experts, self.scaling)
        found = found if self.cold is None else Begun(found, self.cold, self.about)
        return Exponential(found) if self.layout.logged else found

    def write(self, directory: Path) -> None:
        layout, experts = self.layout, self.experts
        network = {name: value for name, value in asdict(self.network.shape).items() if name not in _OF_LAYOUT}
        kind = "residual" if isinstance(self.network, ResidualNetwork) else "recurrent"
        document = {
            "format": FORMAT,
            "time_freq": str(layout.frequency),
            "context_length": layout.context,
            "prediction_length": layout.horizon,
            "lags": list(layout.lags),
            "cardinality": list(layout.cardinality),
            "num_dynamic_feat": layout.features,
            "direct": layout.direct,
            "levelled": layout.levelled,
            "logged": layout.logged,
            "unseen": list(layout.unseen),
            "ignored": sorted(self.fields.ignored),
            "network": {"kind": kind, **network},
            "scaling": asdict(self.scaling),
            "normal": asdict(self.normal),
            "reach": self.reach,
            "calibration": asdict(self.calibration),
            "linear": None if self.linear is None else _listed(self.linear),
            "cold": None if self.cold is None else _listed(self.cold),
            "experts": None if experts is None else _described(experts),
        }
        weights.write(directory / PARAMS, self.network.state_dict())
        weights.write_json(directory / SYMBOL, document)

    @classmethod
    def read(cls, directory: Path) -> Model:
        """Raises UserError if the folder has no model, or one of another format."""
        tensors = weights.read(directory / PARAMS)
        document = weights.read_json(directory / SYMBOL)
        try:
            model = cls._of(document)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UserError(f"{SYMBOL} does not describe a DeepAR model: {error!r}") from error
        weights.fill(model.network, tensors, PARAMS)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
            raise UserError(f"{PARAMS} has weights that are not numbers.")
        return model

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Model:
        _only(document["format"], FORMAT.__eq__, "format")
        layout = Layout(
            Frequency.parse(document["time_freq"]),
            _count(document["context_length"]),
            _count(document["prediction_length"]),
            tuple(_count(lag) for lag in document["lags"]),
            tuple(_count(each) for each in document["cardinality"]),
            _count(document["num_dynamic_feat"], 0),
            document.get("direct") is True,
            document.get("levelled") is True,
            document.get("logged") is True,
            tuple(str(_only(name, CYCLES_MINUTES.__contains__, "unseen")) for name in document.get("unseen", [])),
        )
        ignored = frozenset(
            _only(name, ("cat", "dynamic_feat").__contains__, "ignored") for name in document["ignored"]
        )
        given = document["scaling"]
        scaling = Scaling(
            _only(given["kind"], KINDS.__contains__, "kind"), _count(given["season"]),
            (_number(given["usual"][0]), _number(given["usual"][1])),
            None if given["floor"] is None else _number(given["floor"]),
            _by_cat(given.get("by_cat", []), layout), _number(given.get("apart", 0.0)),
            given.get("limited") is True, layout.logged,
        )  # fmt: skip
        normal = Normal(*(tuple(map(_number, document["normal"][name])) for name in ("mean", "deviation")))
        if not len(normal.mean) == len(normal.deviation) == 2 + layout.features:
            raise ValueError("normal has another number of features")
        return cls(
            layout, Fields(layout.cardinality, layout.features, ignored), _network(document["network"], layout),
            scaling, normal, _number(document["reach"]), _experts(document["experts"], layout),
            _calibration(document.get("calibration", {})), _linear(document.get("linear"), layout),
            _cold(document.get("cold"), layout),
        )  # fmt: skip


def _listed(given: Linear | Cold) -> dict[str, Any]:
    """The fields, with lists instead of arrays."""
    return {name: each.tolist() if isinstance(each, np.ndarray) else each for name, each in asdict(given).items()}


def _by_cat(given: Any, layout: Layout) -> tuple[tuple[tuple[float, float], ...], ...]:
    found = tuple(tuple((_number(shift), _number(factor)) for shift, factor in each) for each in given)
    if found and tuple(map(len, found)) != layout.cardinality:
        raise ValueError("scaling has other categories")
    return found


def _network(given: Mapping[str, Any], layout: Layout) -> Network | ResidualNetwork:
    shape: Shape | residual.ResidualShape
    dropout, embedding = _number(given["dropout"]), _count(given["embedding"])
    if _only(given["kind"], ("recurrent", "residual").__contains__, "network") == "residual":
        shape = residual.shape(layout, dropout, embedding)
    else:
        shape = Shape(
            inputs.width(layout), 1 + len(layout.lags), _count(given["layers"]), _count(given["cells"]), dropout,
            _only(given["likelihood"], LIKELIHOODS.__contains__, "likelihood"), layout.cardinality, embedding,
            inputs.direct(layout),
        )  # fmt: skip
    memory.require(4 * shape.numbers, "The network", "A larger instance type has more.")
    return Network(shape) if isinstance(shape, Shape) else ResidualNetwork(shape)


def _described(experts: Experts) -> dict[str, Any]:
    return {"names": experts.names, "errors": experts.errors.tolist(), "weights": experts.weights.tolist()}


def _calibration(given: Mapping[str, Any]) -> Calibration:
    found = Calibration(**{name: _only(_number(given[name]), lambda each: each >= 0, name) for name in given})
    parts = found.past, found.season, found.smoothing, found.ces + found.damped
    _only(max(parts), lambda each: each < 1 + 1e-9, "past, season, smoothing, ces and damped")
    return found


def _linear(given: Any, layout: Layout) -> Linear | None:
    if given is None:
        return None
    weights = np.array([_number(each) for each in given["weights"]])
    if len(weights) == linear.width(layout) - 1:  # of a model that knows no longer season
        weights = np.append(weights, 0.0)
    if weights.shape != (linear.width(layout),):
        raise ValueError(f"linear: {len(weights)} weights")
    return Linear(weights, _only(_number(given["error"]), lambda each: each >= 0, "error"))


def _cold(given: Any, layout: Layout) -> Cold | None:
    if given is None:
        return None
    weights, errors = (np.array([_number(each) for each in given[name]]) for name in ("weights", "errors"))
    if weights.shape != (Columns.of(layout).width,) or errors.shape != (len(LEVELS),):
        raise ValueError(f"cold: {len(weights)} weights, {len(errors)} errors")
    near = _only(_number(given["near"]), lambda each: 0 < each <= 1, "near")
    return Cold(weights, np.sort(errors), near, _count(given["until"]))


def _experts(given: Any, layout: Layout) -> Experts | None:
    if given is None:
        return None
    names = tuple(_only(name, EXPERTS.__contains__, "experts") for name in given["names"])
    errors, weights = (np.asarray(given[name], np.float64) for name in ("errors", "weights"))
    if errors.shape != (len(names), layout.horizon, len(LEVELS)) or weights.shape != (1 + len(names),):
        raise ValueError(f"experts: errors of shape {errors.shape}, weights of shape {weights.shape}")
    if not np.isfinite(errors).all() or not np.isfinite(weights).all():
        raise ValueError("experts: no numbers")
    return Experts(names, errors, weights)


def _count(given: Any, least: int = 1) -> int:
    return int(_only(given, lambda value: type(value) is int and least <= value < 1 << 31, "whole numbers"))


def _number(given: Any) -> float:
    return float(_only(given, lambda value: type(value) in (int, float) and bool(np.isfinite(value)), "numbers"))


def _only(given: Checked, holds: Callable[[Any], bool], what: str) -> Checked:
    if not holds(given):
        raise ValueError(f"{what}: {str(given)[:50]!r}")
    return given
