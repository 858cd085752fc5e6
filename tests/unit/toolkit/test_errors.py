"""The part of a script's output that becomes the reason of the failure."""

from __future__ import annotations

import pytest

from sagewright.toolkit.errors import error_message

HEAD = b"Traceback (most recent call last):\n"


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"", ""),
        (b"epoch 1\n" + HEAD + b'  File "a.py", line 1, in f\nValueError: bad\n',
         'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: bad'),
        (HEAD + b"  one\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
         + HEAD + b"  two\nValueError: 2\n", "Traceback (most recent call last):\n  two\nValueError: 2"),
        (b"Segmentation fault\n", "Segmentation fault"),
        (b"\xff\n", "\N{REPLACEMENT CHARACTER}"),
    ],
)  # fmt: skip
def test_the_last_traceback_else_the_end(tail: bytes, message: str) -> None:
    assert error_message(tail) == message


def test_of_much_output_the_last_lines_are_kept_whole() -> None:
    lines = error_message(b"".join(b"line %d\n" % number for number in range(1000))).splitlines()

    assert lines[-1] == "line 999"
    assert all(line.startswith("line ") for line in lines)


def test_a_deep_traceback_keeps_its_exception() -> None:
    deep = (
        HEAD + b"".join(b'  File "a.py", line %d\n    call()\n' % number for number in range(500)) + b"OSError: end\n"
    )

    message = error_message(deep)
    assert message.endswith("OSError: end")
    assert len(message) <= 800
