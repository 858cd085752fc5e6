from __future__ import annotations

import dataclasses
import json
import math

from sagewright.tuning.study import Study, Trial, TrialState, next_number, whole_curves
from sagewright.tuning.suggestion import Suggestion
from tuning.studies import MIXED, completed, study


def test_all_that_goes_over_the_pipe_survives_json() -> None:
    described = study(MIXED, maximize=True, starts=({"rate": "0.1"},), max_resource=81, resumable=True)
    trial = Trial(3, {"rate": "0.1"}, TrialState.STOPPED, (0.1, math.inf), 0.2, continues=1, source="a-parent")
    suggestion = Suggestion({"rate": "0.1"}, continues=2, until=9)
    assert Study.read(json.loads(json.dumps(described.document()))) == described
    assert Trial.read(json.loads(json.dumps(trial.document()))) == trial
    assert Suggestion.read(json.loads(json.dumps(suggestion.document()))) == suggestion


def test_a_curve_begins_where_the_trial_that_it_continues_ended() -> None:
    first = completed(1, {}, 3.0)
    second = dataclasses.replace(completed(2, {}, 2.0), continues=1)
    third = dataclasses.replace(completed(3, {}, 1.0), continues=2)
    assert whole_curves([third, first, second])[3] == (3.0, 2.0, 1.0)


def test_what_counts_as_a_result() -> None:
    trial = completed(1, {}, 1.0)
    assert trial.result == 1.0
    for state in (TrialState.RUNNING, TrialState.FAILED):
        assert dataclasses.replace(trial, state=state).result is None
    for value in (None, math.nan, math.inf):
        assert dataclasses.replace(trial, value=value).result is None


def test_parents_have_no_part_in_the_numbers() -> None:
    assert next_number([completed(-4, {}, 1.0, source="p"), completed(2, {}, 1.0)]) == 3
    assert next_number([]) == 1
