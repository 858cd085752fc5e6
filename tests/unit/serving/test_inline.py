"""A prediction in the loop's thread that takes too long ends its process, which is replaced."""

from __future__ import annotations

import subprocess
import sys

from sagewright.serving.inline import TIMED_OUT

PROGRAM = """
import sys, time
from sagewright.serving.inline import InlineWatch

watch = InlineWatch(float(sys.argv[1]))
for _ in range(3):
    watch.begin()
    watch.end()
watch.begin()
time.sleep(float(sys.argv[2]))
watch.end()
time.sleep(0.6)
"""


def ended(limit_s: float, takes_s: float) -> tuple[int, str]:
    command = [sys.executable, "-c", PROGRAM, str(limit_s), str(takes_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_what_takes_too_long_ends_the_process_and_says_where_it_was() -> None:
    status, said = ended(0.3, 30)
    assert status == TIMED_OUT
    assert "did not answer within 0.3 s; its worker is replaced" in said
    assert "line 10" in said


def test_what_ends_in_time_and_what_has_no_limit_goes_on() -> None:
    assert ended(5, 0.2) == (0, "")
    assert ended(0, 0.5) == (0, "")
