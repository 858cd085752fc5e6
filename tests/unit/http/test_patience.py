"""White space until a long answer is there."""

from __future__ import annotations

import threading

from sagewright.http.messages import HttpResponse
from sagewright.http.patience import AnswerPatience

PROLOGUE = '<?xml version="1.0"?>\n'


def patient(**seconds: float) -> AnswerPatience:
    return AnswerPatience(PROLOGUE.encode(), "application/xml", **seconds)


def test_an_answer_in_time_is_that_answer() -> None:
    answer = HttpResponse(404, [("a", "b")], b"x")
    assert patient().answer(lambda: answer) is answer


def test_a_late_answer_comes_behind_white_space() -> None:
    done = threading.Event()

    def work() -> HttpResponse:
        done.wait(10)
        return HttpResponse(400, [], f"{PROLOGUE}<Error><Code>InvalidPart</Code></Error>".encode())

    answer = patient(after_s=0.01, every_s=0.01).answer(work)
    assert answer.status == 200
    assert answer.headers == [("Content-Type", "application/xml")]
    assert not isinstance(answer.body, bytes)
    pieces = iter(answer.body)  # type: ignore[arg-type]
    assert next(pieces) == PROLOGUE.encode()
    assert [next(pieces) for _ in range(3)] == [b" "] * 3
    done.set()
    rest = b"".join(pieces)
    assert rest.strip() == b"<Error><Code>InvalidPart</Code></Error>"
