"""The catalogue of built-in algorithms. Standard library only: the server reads metric definitions here.

A new algorithm is one line in `MODULES`; its module holds `DECLARATION`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from sagewright.algorithms.schema.declaration import Declaration

MODULES = (
    "sagewright.algorithms.blazingtext.declaration",
    "sagewright.algorithms.deepar.declaration",
    "sagewright.algorithms.factorization_machines.declaration",
    "sagewright.algorithms.image_classification.declaration",
    "sagewright.algorithms.ipinsights.declaration",
    "sagewright.algorithms.kmeans.declaration",
    "sagewright.algorithms.knn.declaration",
    "sagewright.algorithms.lda.declaration",
    "sagewright.algorithms.linear_learner.declaration",
    "sagewright.algorithms.ntm.declaration",
    "sagewright.algorithms.object2vec.declaration",
    "sagewright.algorithms.object_detection.declaration",
    "sagewright.algorithms.pca.declaration",
    "sagewright.algorithms.randomcutforest.declaration",
    "sagewright.algorithms.semantic_segmentation.declaration",
    "sagewright.algorithms.seq2seq.declaration",
    "sagewright.algorithms.xgboost.declaration",
)


@cache
def declarations() -> dict[str, Declaration]:
    """Every algorithm's declaration, by the algorithm's name."""
    found: tuple[Declaration, ...] = tuple(import_module(module).DECLARATION for module in MODULES)
    return {declaration.name: declaration for declaration in found}


def find(repository: str) -> Declaration | None:
    """The declaration of the algorithm whose image is in `repository` (`sagemaker-xgboost`), or None."""
    for declaration in declarations().values():
        if repository in declaration.repositories:
            return declaration
    return None


def metric_definitions(repository: str) -> list[dict[str, str]]:
    """`[{"Name", "Regex"}]` of the algorithm in `repository`; empty when there is none."""
    declaration = find(repository)
    return declaration.metric_definitions() if declaration else []
