"""Requests of batch transform: answers in memory or in a file, on to the next server, and tried again."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sagewright.agent.transform import invoking
from sagewright.agent.transform.invoking import AnswerBody, Invoking, RequestFailed
from sagewright.model.jobs.brief import DataSet, Transform

Answers = Callable[[str, bytes], bytes | None]


class Server:
    """The model server of the host in a directory: its answer to each head and body, None to close the connection."""

    def __init__(self, directory: Path, answers: Answers) -> None:
        place = directory / "ml" / "serving"
        place.mkdir(parents=True)
        self._answers = answers
        self.heads: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX)
        handle = os.open(place, os.O_PATH)
        self._listener.bind(f"/proc/self/fd/{handle}/http.sock")
        os.close(handle)
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            one, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        with one, one.makefile("rb") as file:
            while head := b"".join(iter(file.readline, b"\r\n")).decode().lower():
                self.heads.append(head)
                headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
                if "content-length" in headers:
                    body = file.read(int(headers["content-length"]))
                else:
                    body = b""
                    while size := int(file.readline(), 16):
                        body += file.read(size)
                        file.readline()
                    file.readline()
                answer = self._answers(head, body)
                if answer is None:
                    return
                one.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
                )


def transform(**changes: object) -> Transform:
    return Transform(DataSet("s3://b/in"), "s3://b/out", "text/csv", timeout_s=20, retries=0, **changes)  # type: ignore[arg-type]


def made(tmp_path: Path, given: Transform) -> Invoking:
    return Invoking(tmp_path / "first", given, tmp_path / "scratch", lambda: None)


def test_a_large_answer_is_in_a_file_that_goes_on_to_the_next_server(tmp_path: Path) -> None:
    Server(tmp_path / "first", lambda _head, body: body * 3)
    second = Server(tmp_path / "second", lambda _head, body: b"%d" % len(body))
    answer = made(tmp_path, transform()).invoke(b"x" * 1_000_000)
    assert answer.file is not None
    assert (answer.size, sum(map(len, answer.pieces())), answer.whole()) == (3_000_000, 3_000_000, b"x" * 3_000_000)
    answer.close()
    answer = made(tmp_path, transform(onward=["second"])).invoke(b"x" * 1_000_000)
    assert answer == AnswerBody(b"3000000")
    assert "content-length: 3000000" in second.heads[0]
    assert "content-type: text/x" in second.heads[0]
    assert not list((tmp_path / "scratch").iterdir()), "the files have no names"


def test_a_body_that_is_made_is_sent_in_chunks(tmp_path: Path) -> None:
    server = Server(tmp_path / "first", lambda _head, body: body)

    def pieces() -> Iterator[bytes]:
        yield from (b"ab", b"", b"cd")

    assert made(tmp_path, transform()).invoke(pieces) == AnswerBody(b"abcd")
    assert "transfer-encoding: chunked" in server.heads[0]


def test_a_kept_connection_that_was_closed_is_no_failure(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def answers(_head: str, body: bytes) -> bytes | None:
        seen.append(body)
        return None if len(seen) == 2 else b"fine"

    Server(tmp_path / "first", answers)
    one = made(tmp_path, transform())
    assert [one.invoke(b"a"), one.invoke(b"b")] == [AnswerBody(b"fine")] * 2
    assert seen == [b"a", b"b", b"b"]


def test_an_answer_that_is_read_whole_has_a_limit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoking, "MOST_READ", 2_000_000)
    Server(tmp_path / "first", lambda _head, body: body)
    one = made(tmp_path, transform())
    with closing(one.invoke(b"x" * 1_900_000)) as allowed:
        assert allowed.whole() == b"x" * 1_900_000
    with (
        closing(one.invoke(b"x" * 2_100_000)) as large,
        pytest.raises(RequestFailed, match="has 2100000 bytes; one that is filtered or joined has at most 2000000"),
    ):
        large.whole()
    assert one.kept(b"x" * 1000).file is None
    with closing(one.kept(b"x" * 2_000_000)) as kept:
        assert kept.whole() == b"x" * 2_000_000
