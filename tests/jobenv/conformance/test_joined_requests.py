"""Requests that come together, for every built-in algorithm of Amazon's own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from test_every_algorithm import FIRST_PARTY, SAMPLES, answers, assert_same, body, trained

from sagewright.serving.messages import Request


@FIRST_PARTY
def test_requests_that_come_together_are_answered_as_alone(job: Any, run: Any, name: str) -> None:
    """One prediction for all of them: a row is not to notice the others, nor the bad ones among them."""
    answering, rows = trained(job, run, name)
    media, lines = SAMPLES[name].asks, "application/jsonlines"
    asked = [
        Request(body(rows[:1], media, name), media, lines),
        Request(body(rows[1:4], media, name), media, lines),
        Request(b"\0\1\2", media, lines),
        Request(body(rows[4:5], media, name), media, "image/png"),
        Request(body(rows[5:9], lines, name), lines, "application/json"),
    ]
    together = answering.invoke_all(asked)
    for each, answer in zip(asked, together, strict=True):
        alone = answering.invoke(each.body, each.content_type, each.accept)
        assert (answer.status, answer.content_type) == (alone.status, alone.content_type)
        if alone.status == 200 and each.accept == lines:
            assert_same(answers(answer), answers(alone))
        elif alone.status == 200:
            said, expected = (next(iter(json.loads(one.body).values())) for one in (answer, alone))
            assert len(said) == len(expected) == 4
            assert [list(row) for row in said] == [list(row) for row in expected]
        else:
            assert answer.body == alone.body
    wrong = Request(body(np.column_stack([rows[:1], rows[:1]]), media, name), media, lines)
    statuses = [one.status for one in answering.invoke_all([asked[0], wrong])]
    assert statuses == [200, answering.invoke(wrong.body, media, lines).status]
