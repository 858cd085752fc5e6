"""White space until a long answer is there."""

from __future__ import annotations

import threading

from sagewright.wire.body import BytesBody
from sagewright.wire.http import HttpRequest, HttpResponse
from sagewright.wire.patience import Patience
from sagewright.wire.protocols.rest_xml import PROLOGUE


def test_an_answer_in_time_is_that_answer() -> None:
    answer = HttpResponse(404, [("a", "b")], b"x")
    assert Patience().answer(lambda: answer) is answer


def test_a_late_answer_comes_behind_white_space() -> None:
    done = threading.Event()

    def work() -> HttpResponse:
        done.wait(10)
        return HttpResponse(400, [], f"{PROLOGUE}<Error><Code>InvalidPart</Code></Error>".encode())

    answer = Patience(after_s=0.01, every_s=0.01).answer(work)
    assert answer.status == 200
    assert not isinstance(answer.body, bytes)
    pieces = iter(answer.body)  # type: ignore[arg-type]
    assert next(pieces) == PROLOGUE.encode()
    assert [next(pieces) for _ in range(3)] == [b" "] * 3
    done.set()
    rest = b"".join(pieces)
    assert rest.strip() == b"<Error><Code>InvalidPart</Code></Error>"


def test_completions_alone_need_it() -> None:
    def asked(method: str, query: str) -> HttpRequest:
        return HttpRequest(method, "/b/k", query, {}, BytesBody(b""))

    assert Patience().is_needed(asked("POST", "uploadId=x"))
    assert not Patience().is_needed(asked("POST", "uploads="))
    assert not Patience().is_needed(asked("PUT", "partNumber=1&uploadId=x"))
