"""Explains XGBoost's errors to the job's owner."""

from __future__ import annotations

import re

from sagewright.algorithms.errors import AlgorithmError, JobError, UserError

_PLACE = re.compile(r"^\[[0-9:]+\] \S+?:[0-9]+: ")
_USER_FAULTS = re.compile(
    r"label must be|labels? contains? nan|label and prediction size not match|feature_names mismatch|must be in \(0,1\)"
    r"|base_score|only contains pos or neg samples|Meta info like label or weight|Weights must be positive"
    r"|reg_lambda should be|Invalid Parameter format|Invalid Input: |should be greater equal|must be equal to or greater"
    r"|Unknown objective function|Unknown metric function|Unknown updater|expected to be one of|relevance degree"
    r"|Number of columns does not match|must be sorted|must be in interval|binary labels|must be in the range"
    r"|doesn't support distributed|tree method|constraint|labels_lower_bound|can only be used with|exceeds? bound"
    r"|can not be used to modify existing trees|too large to convert|No more tree left|contains `inf`"
    r"|does not support data matrices",
    re.IGNORECASE,
)
"""Fragments of messages about labels, weights and parameter values, in XGBoost 1.x to 3.x."""


def explain(error: Exception) -> JobError:
    """Returns the error as the user's or the algorithm's, without XGBoost's source positions and stack trace."""
    text = _PLACE.sub("", str(error).split("Stack trace:")[0].strip())
    if _USER_FAULTS.search(text):
        return UserError(text)
    return AlgorithmError(f"XGB train call failed with exception:\n {text}")
