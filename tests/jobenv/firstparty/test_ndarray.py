"""The codec of MXNet's files, on bytes that MXNet 1.9.1 wrote."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import ndarray

LIST = bytes.fromhex(
    "120100000000000000000000000000000100000000000000c9fa93f9000000000200000002000000000000000200000000000000"
    "0100000000000000000000000000803f0000004000004040000080400000000000000000"
)
"""`mx.nd.save(path, [mx.nd.array([[1, 2], [3, 4]])])`"""
NAMED = bytes.fromhex(
    "120100000000000000000000000000000200000000000000c9fa93f9000000000100000002000000000000000100000000000000"
    "01000000000000000000f83f0000000000000440c9fa93f900000000020000000100000000000000010000000000000001000000"
    "00000000060000000700000000000000020000000000000005000000000000006172673a7705000000000000006172673a6e"
)
"""`mx.nd.save(path, {"arg:w": float64 [1.5, 2.5], "arg:n": int64 [[7]]})`"""
OLDEST = bytes.fromhex(
    "1201000000000000000000000000000001000000000000000200000001000000020000000100000000000000000000000000803f"
    "000000400000000000000000"
)
"""The form without a magic number: two dimensions, 1 and 2."""


def test_a_list_is_written_and_read_as_mxnet_does() -> None:
    points = np.array([[1, 2], [3, 4]], np.float32)
    assert ndarray.encode([points]) == LIST
    (read,) = ndarray.decode(LIST)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, points)


def test_named_arrays_are_written_and_read_as_mxnet_does() -> None:
    given_ = {"arg:w": np.array([1.5, 2.5]), "arg:n": np.array([[7]])}
    assert ndarray.encode(given_) == NAMED
    read = ndarray.decode(NAMED)
    assert isinstance(read, dict)
    assert {name: (array.dtype.str, array.tolist()) for name, array in read.items()} == {
        "arg:w": ("<f8", [1.5, 2.5]),
        "arg:n": ("<i8", [[7]]),
    }
    number, weight = ndarray.named(NAMED, "n", "w")
    assert (number.tolist(), weight.tolist()) == ([[7]], [1.5, 2.5])


def test_the_oldest_form_is_read() -> None:
    assert ndarray.decode(OLDEST)[0].tolist() == [[1.0, 2.0]]


def test_a_missing_array_is_named() -> None:
    with pytest.raises(UserError, match="no array bias, only n, w"):
        ndarray.named(NAMED, "bias")
    with pytest.raises(UserError, match="without names"):
        ndarray.named(LIST, "bias")


@pytest.mark.parametrize("data", [b"", b"\0" * 24, LIST[:40], LIST[:-1], LIST[:24] + b"\xff" * 60, NAMED[:-3]])
def test_what_is_no_such_file_is_the_users_fault(data: bytes) -> None:
    with pytest.raises(UserError, match="not a file of MXNet arrays"):
        ndarray.decode(data)


@given(st.lists(arrays.arrays(np.float32, arrays.array_shapes(max_dims=3), elements=st.floats(-9, 9, width=32))))
def test_what_was_written_is_read(values: list[np.ndarray]) -> None:
    read = ndarray.decode(ndarray.encode(values))
    assert len(read) == len(values)
    for left, right in zip(read, values, strict=True):
        np.testing.assert_array_equal(left, right)
