from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sagewright.algorithms.firstparty import artefact as files
from sagewright.algorithms.linear_learner.model import LinearModel
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.online import explainer as online
from sagewright.clarify.online import sessions
from sagewright.clarify.online.explainer import OnlineExplainer
from sagewright.clarify.online.sessions import OpenExplanations, ScoreRequest
from sagewright.clarify.online.settings import CONFIGURATION, EXPLAINED_IMAGE, ExplainerSettings

CSV = "text/csv"


def explainer(baseline: str = "0,0,0", shap: dict[str, object] | None = None, **inference: object) -> OnlineExplainer:
    given = {
        "ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": baseline}, **(shap or {})},
        "InferenceConfig": inference,
    }
    return OnlineExplainer(ExplainerSettings.read({CONFIGURATION: json.dumps(given)}))


def score(body: bytes) -> bytes:
    rows = [[float(cell) for cell in line.split(",")] for line in body.decode().splitlines()]
    return "".join(f"{(1 + row[0] * row[1] / 10 + row[2] / 10) / 4}\n" for row in rows).encode()


def answered(made: OnlineExplainer, body: str, enable: str | None = None) -> tuple[dict[str, object], list[int]]:
    """The explained answer, and how many records each question had."""
    asked: list[int] = []

    def ask(some: bytes, media: str) -> bytes:
        assert media == CSV
        asked.append(some.count(b"\n"))
        return score(some)

    found = made.explain(body.encode(), (CSV, CSV, CSV), score(body.encode()), enable, ask)
    return json.loads(found), asked


def of(record: list[dict[str, list[dict[str, list[float]]]]]) -> list[float]:
    return [one["attributions"][0]["attribution"][0] for one in record]


def test_values_add_up_to_the_prediction() -> None:
    document, asked = answered(explainer("0,0,0\n1,1,1"), "1,2,3\n4,5,6\n")
    first, second = document["explanations"]["kernel_shap"]
    expected = (0.25 + (1 + 0.1 + 0.1) / 4) / 2
    assert sum(of(first)) == pytest.approx((1 + 0.2 + 0.3) / 4 - expected)
    assert sum(of(second)) == pytest.approx((1 + 2 + 0.6) / 4 - expected)
    assert sum(asked) <= 2 + 2 * (6 * 2 + 1)


def test_questions_keep_to_the_limits_and_the_baseline_is_scored_once() -> None:
    made = explainer(MaxRecordCount=4)
    _, asked = answered(made, "1,2,3\n")
    assert max(asked) <= 4
    _, again = answered(made, "1,2,3\n")
    assert sum(again) == sum(asked) - 1


def test_log_odds_and_samples() -> None:
    document, _ = answered(explainer(shap={"UseLogit": True, "NumberOfSamples": 4, "Seed": 1}), "1,2,3\n")
    probability = (1 + 0.2 + 0.3) / 4
    expected = np.log(probability / (1 - probability)) - np.log(0.25 / 0.75)
    assert sum(of(document["explanations"]["kernel_shap"][0])) == pytest.approx(expected)


def test_nothing_is_asked_where_nothing_is_selected() -> None:
    document, asked = answered(explainer(), "1,2,3\n", "[0] > `9`")
    assert document["explanations"] == {}
    assert asked == []


@pytest.mark.parametrize(
    ("body", "answer", "message"),
    [
        (b"1,2\n", b"1\n", "records of 2 features, and the SHAP baseline 3"),
        (b"1,2,3\n", b"1\n2\n", "answered 2 records to a request of 1"),
        (b"1,2,3\n", b"yes\n", "Could not convert string to float"),
    ],
)
def test_requests_that_do_not_fit(body: bytes, answer: bytes, message: str) -> None:
    with pytest.raises(CustomerError, match=message):
        explainer().explain(body, (CSV, CSV, CSV), answer, None, lambda some, media: score(some))


def test_an_image_without_configuration_is_no_model() -> None:
    with pytest.raises(CustomerError, match="it can't be used as a model"):
        ExplainerSettings.read({})


def test_sessions_ask_and_end() -> None:
    opened = OpenExplanations()
    first = opened.begin(lambda ask: ask(b"one", CSV) + ask(b"two", CSV))
    assert isinstance(first, ScoreRequest)
    assert (first.body, first.content_type) == (b"one", CSV)
    second = opened.go_on(first.session, b"1")
    assert isinstance(second, ScoreRequest)
    assert opened.go_on(first.session, b"2") == b"12"
    with pytest.raises(CustomerError, match="over"):
        opened.go_on(first.session, b"3")


def test_errors_of_the_work_are_raised_where_it_is_asked() -> None:
    def fails(ask: Callable[[bytes, str], bytes]) -> bytes:
        ask(b"x", CSV)
        raise CustomerError("no")

    opened = OpenExplanations()
    question = opened.begin(fails)
    assert isinstance(question, ScoreRequest)
    with pytest.raises(CustomerError, match="no"):
        opened.go_on(question.session, b"1")


def test_abandoned_sessions_end_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.05)
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    opened = OpenExplanations()
    before = threading.active_count()
    for _ in range(2):
        opened.begin(lambda ask: ask(b"x", CSV))
    for thread in threading.enumerate():
        if thread.name == "explanation":
            thread.join(5)
    assert threading.active_count() == before
    assert isinstance(opened.begin(lambda ask: ask(b"x", CSV)), ScoreRequest)


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 1)
    opened = OpenExplanations()
    question = opened.begin(lambda ask: ask(b"x", CSV))
    with pytest.raises(CustomerError, match="1 explanations are in progress"):
        opened.begin(lambda ask: b"")
    assert isinstance(question, ScoreRequest)
    opened.go_on(question.session, b"")


def test_explanations_end_with_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "LIMIT_S", -1.0)
    with pytest.raises(CustomerError, match="could not be explained within -1 s"):
        answered(explainer(), "1,2,3\n")


def test_exact_values_end_with_their_time_between_two_rows_of_the_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LinearModel("binary_classifier", np.ones((3, 1)), np.zeros(1))
    files.write(tmp_path, model.encode())
    baseline = "".join(f"{place},0,0\n" for place in range(80))
    given = {"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": baseline}}}
    environment = {CONFIGURATION: json.dumps(given), EXPLAINED_IMAGE: "linear-learner:1"}
    made = OnlineExplainer(ExplainerSettings.read(environment), tmp_path)
    answer = b"0.6456563\n"
    clock = itertools.count()
    monkeypatch.setattr(online, "time", SimpleNamespace(monotonic=lambda: next(clock)))  # each look takes a second
    with pytest.raises(CustomerError, match="could not be explained within 60 s"):
        made.explain(b"0.1,0.2,0.3\n", (CSV, CSV, CSV), answer, None, lambda some, media: answer)


def test_what_a_session_waits_for_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.05)
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 1)
    released, opened = threading.Event(), OpenExplanations()

    def slow(ask: Callable[[bytes, str], bytes]) -> bytes:
        released.wait(10)
        return b""

    with pytest.raises(CustomerError, match=r"takes more than 0\.05 s"):
        opened.begin(slow)
    released.set()
    for thread in threading.enumerate():
        if thread.name == "explanation":
            thread.join(5)
    assert isinstance(opened.begin(lambda ask: ask(b"x", CSV)), ScoreRequest)
