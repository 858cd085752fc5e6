"""Scores and labels from a model's answers."""

import pytest

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.prediction.answers import AnswerForm, WrongAnswer, predicted_labels


def parse(accept, body, records, **predictor):
    return AnswerForm(Predictor(endpoint_name="e", **predictor), accept).parse(body.encode(), records)


@pytest.mark.parametrize(
    ("accept", "body", "predictor", "scores"),
    [
        ("text/csv", "0.25\n0.75\n", {}, [[0.25], [0.75]]),
        ("text/csv", "0.25,0.75\n1,0\n", {}, [[0.25, 0.75], [1, 0]]),
        ("text/csv", "yes,0.25\nno,0.75\n", {"label": 0, "probability": 1}, [[0.25], [0.75]]),
        ("text/csv", '"[0.1, 0.9]"\n"[0.6, 0.4]"\n', {"probability": 0}, [[0.1, 0.9], [0.6, 0.4]]),
        ("application/jsonlines", '{"score": 0.25}\n{"score": 0.75}\n', {}, [[0.25], [0.75]]),
        ("application/jsonlines", '{"p": [0.1, 0.9]}\n{"p": [0.6, 0.4]}\n', {"probability": "p"}, [[0.1, 0.9], [0.6, 0.4]]),
        ("application/json", "[0.25, 0.75]", {}, [[0.25], [0.75]]),
        ("application/json", '{"p": [{"s": 0.25}, {"s": 0.75}]}', {"probability": "p[*].s"}, [[0.25], [0.75]]),
    ],
)  # fmt: skip
def test_scores(accept, body, predictor, scores):
    assert parse(accept, body, 2, **predictor).scores.tolist() == scores


def test_one_record_of_json_may_be_its_value():
    answers = parse("application/json", '{"score": [0.1, 0.9]}', 1, probability="score")
    assert answers.scores.tolist() == [[0.1, 0.9]]


def test_labels_by_threshold_headers_and_the_models_own():
    scores = parse("text/csv", "0.5\n0.51\n", 2)
    assert predicted_labels(scores, (), 0.5) == [0, 1]
    several = parse("text/csv", "0.1,0.9\n0.6,0.4\n", 2)
    assert predicted_labels(several, ("no", "yes"), 0.5) == ["yes", "no"]
    assert predicted_labels(several, (), 0.5) == [1, 0]
    own = parse("application/jsonlines", '{"l": ["a"]}\n{"l": "b"}\n', 2, label="l")
    assert predicted_labels(own, (), 0.5) == ["a", "b"]
    with pytest.raises(WrongAnswer, match="'label_headers' has 1 names, the model answers 2 scores"):
        predicted_labels(several, ("no",), 0.5)


@pytest.mark.parametrize(
    ("accept", "body", "predictor", "message"),
    [
        ("text/csv", "1\n", {}, "answered 1 records to a request of 2"),
        ("text/csv", "a\nb\n", {}, "Could not convert string to float"),
        ("text/csv", "1\n2\n", {"probability": 3}, "has no column 3"),
        ("text/csv", "1,2\n3\n", {}, "different numbers of scores"),
        ("application/json", "{", {}, "not valid JSON"),
        ("application/json", '{"a": 1}', {}, "must say where"),
        ("application/jsonlines", '{"a": 1}\n{"a": 2}', {"probability": "b"}, "finds nothing"),
    ],
)
def test_other_answers_are_explained(accept, body, predictor, message):
    with pytest.raises(WrongAnswer, match=message):
        parse(accept, body, 2, **predictor)
