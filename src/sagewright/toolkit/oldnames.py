"""Modules of old scikit-learn releases, for the scripts and pickles of their images: each is mapped to the newer release's module,
or to the package that was bundled.

Source: the deprecations of scikit-learn 0.21 to 0.24, which made modules private, and dropped copies of other packages.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

VARIABLE = "SAGEWRIGHT_OLD_NAMES"
"""Names the framework whose old names are supported in a job: the server sets it only for old images."""
_PRIVATE = {
    "cluster": {"k_means_": "_kmeans", "dbscan_": "_dbscan", "hierarchical": "_agglomerative", "mean_shift_": "_mean_shift"},
    "covariance": {"empirical_covariance_": "_empirical_covariance", "elliptic_envelope": "_elliptic_envelope"},
    "decomposition": {"pca": "_pca", "nmf": "_nmf", "truncated_svd": "_truncated_svd", "incremental_pca": "_incremental_pca"},
    "ensemble": {
        "forest": "_forest", "gradient_boosting": "_gb", "bagging": "_bagging", "iforest": "_iforest",
        "weight_boosting": "_weight_boosting", "voting": "_voting", "voting_classifier": "_voting",
    },
    "linear_model": {
        "base": "_base", "logistic": "_logistic", "ridge": "_ridge", "coordinate_descent": "_coordinate_descent",
        "stochastic_gradient": "_stochastic_gradient", "least_angle": "_least_angle", "perceptron": "_perceptron",
    },
    "metrics": {"classification": "_classification", "ranking": "_ranking", "regression": "_regression", "scorer": "_scorer"},
    "mixture": {"gaussian_mixture": "_gaussian_mixture", "base": "_base"},
    "neighbors": {
        "classification": "_classification", "regression": "_regression", "unsupervised": "_unsupervised", "base": "_base",
        "kde": "_kde", "lof": "_lof",
    },
    "neural_network": {"multilayer_perceptron": "_multilayer_perceptron", "rbm": "_rbm"},
    "preprocessing": {"data": "_data", "label": "_label", "_encoders": "_encoders"},
    "svm": {"classes": "_classes", "base": "_base"},
    "tree": {"tree": "_classes", "export": "_export"},
    "utils": {"testing": "_testing", "mocking": "_mocking"},
}  # fmt: skip
RENAMED = {
    "sklearn.externals.joblib": "joblib",
    "sklearn.externals.six": "six",
    **{
        f"sklearn.{package}.{old}": f"sklearn.{package}.{new}"
        for package, names in _PRIVATE.items()
        for old, new in names.items()
    },
}


def find_spec(name: str) -> ModuleSpec | None:
    """Returns the module for an old name; None for any other, and for jobs of newer images."""
    target = RENAMED.get(name)
    if target is None or name.partition(".")[0] != os.environ.get(VARIABLE):
        return None
    return ModuleSpec(name, _Alias(target))


class _Alias(Loader):
    """A loader that loads nothing, but returns the module `target`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Returns the module with its imported submodules, whose classes pickles name: importing them again would create other
        classes."""
        module = import_module(self._target)
        self._spec = module.__spec__
        for name, part in list(sys.modules.items()):
            if name.startswith(f"{self._target}."):
                sys.modules[spec.name + name[len(self._target) :]] = part
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
