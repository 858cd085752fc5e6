"""Converts XGBoost's binary model format to today's JSON: releases before 1.6 wrote it by default, those from 3.1 on don't read it.

Source: XGBoost 0.90, 1.0 and 1.7: `LearnerModelParam`, `GBTreeModelParam`, `TreeParam`, `RegTree::Node` and `RTreeNodeStat`, as
`LearnerImpl::Save` writes them one after another, and the schema of JSON models in its documentation. All numbers are
little-endian, a string is its length (8 bytes) and its bytes.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost.library import xgb

MAGIC, WITH_CONFIGURATION = b"binf", b"CONFIG-offset:"
_LEARNER = np.dtype([
    ("base_score", "<f4"), ("num_feature", "<u4"), ("num_class", "<i4"), ("has_attributes", "<i4"), ("has_metrics", "<i4"),
    ("major", "<u4"), ("minor", "<u4"), ("reserved", "<i4", 27),
])  # fmt: skip
_TREES = np.dtype([
    ("num_trees", "<i4"), ("num_parallel_tree", "<i4"), ("num_feature", "<i4"), ("pad", "<i4"), ("buffer", "<i8"),
    ("num_groups", "<i4"), ("size_leaf_vector", "<i4"), ("reserved", "<i4", 32),
])  # fmt: skip
_TREE = np.dtype([
    ("num_roots", "<i4"), ("num_nodes", "<i4"), ("num_deleted", "<i4"), ("max_depth", "<i4"), ("num_feature", "<i4"),
    ("size_leaf_vector", "<i4"), ("reserved", "<i4", 31),
])  # fmt: skip
_NODE = np.dtype([("parent", "<u4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
_STATISTICS = np.dtype([("loss_change", "<f4"), ("sum_hessian", "<f4"), ("weight", "<f4"), ("leaf_children", "<i4")])
_LINEAR = np.dtype([("num_feature", "<u4"), ("num_groups", "<i4"), ("reserved", "<i4", 32)])
_LOW_BITS = 0x7FFF_FFFF
_LONGEST_NAME, _MOST_ATTRIBUTES, _MOST_CLASSES = 64, 10_000, 1_000_000
_RENAMED = {"reg:linear": "reg:squarederror", "gpu:reg:linear": "reg:squarederror"}
_SIGMOID = {"reg:logistic", "binary:logistic", "binary:logitraw"}
_EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"}
_OF_THE_LEARNER = ("SAVED_PARAM_", "count_poisson_max_delta_step", "objective")
"""Attributes that the learner adds to the user's."""


def is_binary(content: bytes) -> bool:
    """True if the content begins as a model in this format. Releases before 1.0 wrote no mark; there the objective's name serves as
    one.
    """
    if content.startswith((MAGIC, WITH_CONFIGURATION)):
        return True
    name = content[_LEARNER.itemsize + 8 : _LEARNER.itemsize + 8 + _LONGEST_NAME]
    length = int.from_bytes(content[_LEARNER.itemsize : _LEARNER.itemsize + 8], "little")
    return 0 < length <= len(name) and name[:length].isascii() and b":" in name[:length]


def load(content: bytes) -> Any:
    """Returns the booster. Raises UserError if the content can't be read."""
    found = document(content)
    try:
        return xgb.Booster(model_file=bytearray(json.dumps(found).encode()))
    except xgb.core.XGBoostError as error:
        raise UserError(f"Unable to load model: {str(error).splitlines()[0]}") from error


def document(content: bytes) -> dict[str, Any]:
    """Returns the same model as XGBoost's JSON. Raises UserError for a file that ends too early or holds invalid values."""
    if content.startswith(WITH_CONFIGURATION):
        content = content[len(WITH_CONFIGURATION) + 8 :]
    file = _File(content[len(MAGIC) :] if content.startswith(MAGIC) else content)
    learner = file.record(_LEARNER)
    objective, booster = file.text(), file.text()
    objective = _RENAMED.get(objective, objective)
    gradient_booster = _gradient_booster(file, booster)
    attributes = file.pairs() if learner["has_attributes"] else {}
    kept = {name: value for name, value in attributes.items() if not name.startswith(_OF_THE_LEARNER)}
    classes = int(learner["num_class"])
    if not 0 <= classes <= _MOST_CLASSES:
        raise UserError(f"Unable to load model: it has {classes} classes, not 0 to {_MOST_CLASSES}.")
    parameters = {
        "base_score": repr(_base_score(learner, objective)),
        "boost_from_average": "0",  # keeps the score: with 1, linear boosters of XGBoost 3.2 add another
        "num_class": str(classes),
        "num_feature": str(learner["num_feature"]),
    }
    return {
        "version": [1, 7, 6],
        "learner": {
            "attributes": kept,
            "gradient_booster": gradient_booster,
            "learner_model_param": parameters,
            "objective": _objective(objective, classes),
        },
    }


def _objective(name: str, classes: int) -> dict[str, Any]:
    """Returns the objective's document with default parameters: the binary format keeps none, and predictions need none."""
    known = {"objective": name, "num_feature": 1, **({"num_class": classes} if classes else {})}
    try:
        found: dict[str, Any] = json.loads(xgb.Booster(known).save_config())["learner"]["objective"]
    except xgb.core.XGBoostError:
        raise UserError(
            f"Unable to load model: its objective {name!r} is unknown to XGBoost {xgb.__version__}."
        ) from None
    return found


def _base_score(learner: Any, objective: str) -> float:
    """Returns the base score in the space of predictions. Before 1.0 it is stored as a margin."""
    score = float(learner["base_score"])
    if learner["major"] >= 1 or objective not in _SIGMOID | _EXPONENTIAL:
        return score
    with np.errstate(over="ignore"):
        return float(1 / (1 + np.exp(-score)) if objective in _SIGMOID else np.exp(score))


def _gradient_booster(file: _File, name: str) -> dict[str, Any]:
    if name == "gblinear":
        file.record(_LINEAR)
        weights = file.array(np.dtype("<f4"), file.length())
        return {"name": name, "model": {"weights": weights.tolist(), "boosted_rounds": 0}}
    if name not in {"gbtree", "dart"}:
        raise UserError(f"Unable to load model: its booster {name!r} is none of gbtree, dart and gblinear.")
    trees = _trees(file)
    if name == "gbtree":
        return {"name": name, "model": trees}
    weights = file.array(np.dtype("<f4"), file.length()) if trees["trees"] else np.zeros(0, "<f4")
    return {"name": name, "gbtree": {"name": "gbtree", "model": trees}, "weight_drop": weights.tolist()}


def _trees(file: _File) -> dict[str, Any]:
    parameters = file.record(_TREES)
    count = file.count(parameters["num_trees"], _TREE)
    parallel = max(int(parameters["num_parallel_tree"]), 1)
    trees = [_tree(file, number) for number in range(count)]
    return {
        "gbtree_model_param": {
            "num_trees": str(count),
            "num_parallel_tree": str(parallel if count % parallel == 0 else 1),
            "size_leaf_vector": "0",
        },
        "trees": trees,
        "tree_info": file.array(np.dtype("<i4"), count).tolist(),
    }


def _tree(file: _File, number: int) -> dict[str, Any]:
    parameters = file.record(_TREE)
    count = file.count(parameters["num_nodes"], _NODE)
    nodes, statistics = file.array(_NODE, count), file.array(_STATISTICS, count)
    if parameters["size_leaf_vector"] > 1:
        raise UserError("Unable to load model: its trees have vectors as leaves, which no release of XGBoost trained.")
    if not _is_tree(nodes):
        raise UserError(f"Unable to load model: the nodes of its tree {number} are invalid.")
    return {
        "id": number,
        "tree_param": {
            "num_nodes": str(count),
            "num_deleted": str(parameters["num_deleted"]),
            "num_feature": str(parameters["num_feature"]),
            "size_leaf_vector": "1",
        },
        "parents": (nodes["parent"] & _LOW_BITS).tolist(),
        "left_children": nodes["left"].tolist(),
        "right_children": nodes["right"].tolist(),
        "split_indices": (nodes["split"] & _LOW_BITS).tolist(),
        "default_left": (nodes["split"] >> 31).tolist(),
        "split_conditions": nodes["value"].tolist(),
        "split_type": [0] * count,
        "loss_changes": statistics["loss_change"].tolist(),
        "sum_hessian": statistics["sum_hessian"].tolist(),
        "base_weights": statistics["weight"].tolist(),
        **{name: [] for name in ("categories", "categories_nodes", "categories_segments", "categories_sizes")},
    }


def _is_tree(nodes: NDArray[Any]) -> bool:
    """True if each child names the parent that leads to it, so that there are no cycles."""
    (inner,) = np.nonzero(nodes["left"] != -1)
    parents = nodes["parent"] & _LOW_BITS
    for side in ("left", "right"):
        children = nodes[side][inner]
        if ((children <= 0) | (children >= len(nodes))).any() or (parents[children] != inner).any():
            return False
    return len(nodes) > 0 and parents[0] == _LOW_BITS


class _File:
    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def array(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        end = self._place + dtype.itemsize * count
        if end > len(self._content):
            raise UserError("Unable to load model: the file ends too early.")
        found = np.frombuffer(self._content, dtype, count, self._place)
        self._place = end
        return found

    def record(self, dtype: np.dtype[Any]) -> Any:
        return self.array(dtype, 1)[0]

    def count(self, given: int, dtype: np.dtype[Any]) -> int:
        """Returns `given`, a count of items. Raises UserError if the rest of the file is too short for them."""
        if not 0 <= given <= (len(self._content) - self._place) // dtype.itemsize:
            raise UserError("Unable to load model: the file ends too early.")
        return int(given)

    def length(self) -> int:
        return int(self.array(np.dtype("<u8"), 1)[0])

    def text(self) -> str:
        content: bytes = self.array(np.dtype("u1"), self.length()).tobytes()
        return content.decode(errors="replace")

    def pairs(self) -> dict[str, str]:
        count = self.length()
        if count > _MOST_ATTRIBUTES:
            raise UserError(f"Unable to load model: it has {count} attributes, more than {_MOST_ATTRIBUTES}.")
        return {self.text(): self.text() for _ in range(count)}
