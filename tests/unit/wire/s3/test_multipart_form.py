"""Forms with a file, in pieces of any size, and bodies that are none."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.errors import AwsError
from sagewright.wire.s3.multipart_form import MAX_FIELDS, MAX_HEADERS, FormBody, boundary

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
    return FormBody(Dripping(data, piece), b"B")


@given(
    data=st.binary(max_size=300).map(lambda d: d.replace(b"\r\n--B", b"")),
    piece=st.integers(1, 50),
    requested=st.integers(1, 40),
)
def test_the_file_comes_back_whole(data: bytes, piece: int, requested: int) -> None:
    form = body(part("key", b"k") + part("x-y", "ä\r\nb".encode()) + b"--B\r\n" + FILE + data + b"\r\n--B--\r\n", piece)
    assert form.fields == [("key", "k"), ("x-y", "ä\r\nb")]
    assert form.filename == 'a "b".txt'
    got = b""
    while chunk := form.read(requested):
        assert len(chunk) <= requested
        got += chunk
    assert (got, form.read(requested)) == (data, b"")


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
    assert boundary('multipart/form-data; charset=utf-8; boundary="a b"') == b"a b"
    assert boundary("Multipart/Form-Data; Boundary=x") == b"x"
    assert boundary("multipart/form-data") is None
    assert boundary("application/x-www-form-urlencoded; boundary=x") is None
    assert boundary("multipart/form-data; boundary=") is None
    assert boundary("multipart/form-data; boundary*=utf-8''%e2%82%ac") is None


def test_a_boundary_that_is_too_long() -> None:
    with pytest.raises(AwsError) as caught:
        FormBody(Dripping(part("key", b"k"), 7), b"B" * 1000)
    assert caught.value.code == "MalformedPOSTRequest"


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_headers_that_are_too_long(piece: int) -> None:
    long = b"x" * (MAX_HEADERS + 1)
    for head in (b"X: " + long, long + b": x", b"X: y\r\n" * (MAX_HEADERS // 2 + 1) + b"Z: z"):
        with pytest.raises(AwsError) as caught:
            body(b"--B\r\n" + head + b"\r\n\r\nv\r\n--B--\r\n", piece)
        assert caught.value.code == "MaxPostPreDataLengthExceededError"


def test_names_count_as_fields_do() -> None:
    parts = b"".join(part("n" * 5000, b"") for _ in range(MAX_FIELDS // 5000 + 1))
    with pytest.raises(AwsError) as caught:
        body(parts + b"--B--\r\n", 4096)
    assert caught.value.code == "MaxPostPreDataLengthExceededError"


@pytest.mark.parametrize("piece", [1, 4096])
def test_nonsense_behind_the_file_is_passed_over(piece: int) -> None:
    drip = Dripping(b"--B\r\n" + FILE + b"data\r\n--B\r\nno header at all\r\n--B--" + b"more" * 100, piece)
    form = FormBody(drip, b"B")
    assert (form.read(), form.read(1)) == (b"data", b"")
    assert drip.read() == b""


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'name="a%22b"', 'a"b'),
        (b'name="a\\"b"', 'a"b'),
        (b"name=plain", "plain"),
        ('name="\u00e4"'.encode(), "\u00e4"),
    ],
)
def test_names(head: bytes, name: str) -> None:
    form = body(b"--B\r\nContent-Disposition: form-data; " + head + b"\r\n\r\nv\r\n--B--\r\n")
    assert form.fields == [(name, "v")]


@given(st.binary(max_size=400), st.integers(1, 60))
def test_any_bytes_are_a_form_or_refused(data: bytes, piece: int) -> None:
    for sent in (data, b"--B\r\n" + data, b"--B\r\nContent-Disposition: form-data; " + data, b"--B\r\n" + FILE + data):
        try:
            form = body(sent, piece)
            while form.read(16):
                pass
        except AwsError as error:
            assert error.code in {"MalformedPOSTRequest", "MaxPostPreDataLengthExceededError"}
