"""Responses that take longer than clients wait: white space keeps the connection alive until the document is complete.

Source: S3 API reference, CompleteMultipartUpload: status 200 first, then white space, and possibly an error in the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from sagewright.http.messages import HttpResponse

WORKERS = 32


@dataclass(frozen=True)
class AnswerPatience:
    """Sends `prologue` after `after_s` seconds, then a space every `every_s`; botocore gives up on a silent server after 60.

    Documents begin with `prologue`, and white space after it has no meaning.
    """

    prologue: bytes
    media_type: str
    after_s: float = 10.0
    every_s: float = 5.0
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, "completion"))

    def answer(self, work: Callable[[], HttpResponse]) -> HttpResponse:
        """Returns the response of `work` if it is ready in time; else 200, followed by its document when it is ready."""
        future = self._pool.submit(work)
        if wait([future], self.after_s).done:
            return future.result()
        return HttpResponse(200, [("Content-Type", self.media_type)], self._pieces(future))

    def _pieces(self, future: Future[HttpResponse]) -> Iterator[bytes]:
        yield self.prologue
        while not wait([future], self.every_s).done:
            yield b" "
        body = future.result().body
        assert isinstance(body, bytes)
        yield body.removeprefix(self.prologue)
