"""Predictions of a regression keep their values: the label's own threshold tells which are positive."""

import pandas as pd
import pytest

from sagewright.clarify.analyzer.analysis import _as_texts, _threshold
from sagewright.clarify.configuration.analysis import read
from sagewright.clarify.prediction.answers import AnswerForm, predicted_labels

BASE = {
    "dataset_type": "text/csv", "label": "y", "label_values_or_threshold": [15.0], "facet": [{"name_or_index": "g"}],
    "methods": {"post_training_bias": {"methods": "all"}},
}  # fmt: skip
MODEL = {"model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1}


@pytest.mark.parametrize(
    ("label", "config", "expected"),
    [
        ([3.0, 15.5, 20.0], {}, None),
        ([3.0, 15.5, None], {}, None),
        ([0.0, 1.0, 1.0], {}, 0.5),
        ([3, 15, 20], {}, 0.5),
        (["a", "b"], {}, 0.5),
        ([3.0, 15.5], {"probability_threshold": 0.7}, 0.7),
        ([3.0, 15.5], {"predictor": MODEL | {"probability": 1}}, 0.5),
    ],
)
def test_only_a_regressions_predictions_have_no_threshold(label, config, expected):
    assert _threshold(read(BASE | {"predictor": MODEL} | config), pd.Series(label)) == expected


def test_without_a_threshold_scores_are_predictions():
    config = read(BASE | {"predictor": MODEL})
    answers = AnswerForm(config.predictor, "text/csv").parse(b"14.5\n20\n", 2)
    assert predicted_labels(answers, (), None) == [14.5, 20.0]
    assert predicted_labels(answers, (), 15) == [0, 1]


@pytest.mark.parametrize(
    ("label", "predicted", "positive", "expected"),
    [
        (["ja", "nein", "ja"], [1, 0, 0], ("ja",), ["ja", "nein", "nein"]),
        (["ja", None, "nein"], [1, 0, 0], ("nein",), ["nein", "ja", "ja"]),
        (["ja", "nein", "weiß nicht"], [1, 0, 1], ("ja",), [1, 0, 1]),
        (["ja", "nein", "ja"], ["ja", "ja", "nein"], ("ja",), ["ja", "ja", "nein"]),
        (["ja", "nein", "ja"], [1, 0, 1], ("yes",), [1, 0, 1]),
        (["1", "0", "1"], [1, 0, 1], ("1",), [1, 0, 1]),
        ([1, 0, 1], [1, 0, 1], (1,), [1, 0, 1]),
    ],
)
def test_predictions_of_one_and_zero_are_the_labels_two_texts(label, predicted, positive, expected):
    assert _as_texts(pd.Series(predicted), pd.Series(label), positive).tolist() == expected
