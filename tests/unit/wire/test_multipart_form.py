"""Forms with a file, in pieces of any size, and bodies that are none."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.errors import AwsError
from sagewright.wire.multipart_form import MAX_FIELDS, FormBody, boundary

FILE = b'Content-Disposition: form-data; name="file"; filename="a \\"b\\".txt"\r\n\r\n'


class Dripping:
    """At most `size` bytes at once, whatever is asked for."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(data), size

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(self._size)


def part(name: str, value: bytes) -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)


def body(data: bytes, piece: int = 7) -> FormBody:
    return FormBody(Dripping(data, piece), "B")


@given(
    data=st.binary(max_size=300).map(lambda d: d.replace(b"\r\n--B", b"")),
    piece=st.integers(1, 50),
    asked=st.integers(1, 40),
)
def test_the_file_comes_back_whole(data: bytes, piece: int, asked: int) -> None:
    form = body(part("key", b"k") + part("x-y", "ä\r\nb".encode()) + b"--B\r\n" + FILE + data + b"\r\n--B--\r\n", piece)
    assert form.fields == [("key", "k"), ("x-y", "ä\r\nb")]
    assert form.filename == 'a "b".txt'
    got = b""
    while chunk := form.read(asked):
        assert len(chunk) <= asked
        got += chunk
    assert (got, form.read(asked)) == (data, b"")


def test_what_is_behind_the_file_is_not_looked_at() -> None:
    form = body(b"--B\r\n" + FILE + b"data\r\n" + part("late", b"x") + b"--B--\r\n")
    assert (form.read(), form.fields) == (b"data", [])


def test_a_form_without_a_file() -> None:
    form = body(part("key", b"k") + b"--B--\r\n")
    assert (form.filename, form.read()) == (None, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        part("key", b"k"),
        b"--B\r\nX: y\r\n\r\nv\r\n--B--\r\n",
        part("key", b"\xff") + b"--B--\r\n",
    ],
)
def test_bodies_that_are_no_form(data: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        body(data)
    assert caught.value.code == "MalformedPOSTRequest"


def test_a_file_that_is_cut_off() -> None:
    form = body(b"--B\r\n" + FILE + b"half of it")
    with pytest.raises(AwsError) as caught:
        form.read(100)
    assert caught.value.code == "MalformedPOSTRequest"


def test_fields_that_are_too_long() -> None:
    for data in (part("a", b"x" * (MAX_FIELDS + 1)), part("a", b"x" * 15_000) + part("b", b"x" * 15_000)):
        with pytest.raises(AwsError) as caught:
            body(data + b"--B--\r\n", 4096)
        assert caught.value.code == "MaxPostPreDataLengthExceededError"


def test_boundaries() -> None:
    assert boundary('multipart/form-data; charset=utf-8; boundary="a b"') == "a b"
    assert boundary("Multipart/Form-Data; Boundary=x") == "x"
    assert boundary("multipart/form-data") is None
    assert boundary("application/x-www-form-urlencoded; boundary=x") is None
