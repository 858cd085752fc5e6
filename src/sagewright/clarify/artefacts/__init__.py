"""Models of the built-in algorithms, read from their artefacts and evaluated without an endpoint.

    artefact  the interface, and which models can be read
    boosters  built-in XGBoost
    forest    trees as arrays, with the paths of their leaves
    treeshap  exact Shapley values of trees: from tables, or leaf by leaf
    linear    built-in linear learner
    logistic  exact Shapley values of a logistic function of a weighted sum

`sagewright.algorithms` reads and evaluates them, as the endpoint does. Nothing is unpickled but boosters' states.
"""

from sagewright.clarify.artefacts.artefact import ModelArtefact, open_artefact

__all__ = ["ModelArtefact", "open_artefact"]
