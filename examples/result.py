"""The last line of an example: a number, the bound that it must keep, the seconds since the start, and its page in Studio."""

import os
import time

_START = time.monotonic()


def check(measure: str, value: float, *, page: str, **bound: float) -> None:
    """Print the line. `bound` is one of at_least, at_most, above and below; a number beyond it raises AssertionError."""
    ((word, limit),) = bound.items()
    kept = {
        "at_least": value >= limit,
        "at_most": value <= limit,
        "above": value > limit,
        "below": value < limit,
    }[word]
    seconds, studio = time.monotonic() - _START, f"{os.environ['AWS_ENDPOINT_URL']}/studio/{page}"
    print(f"{measure} {value:.4g}, {word.replace('_', ' ')} {limit:.4g}, {seconds:.1f} s, {studio}", flush=True)
    assert kept, f"{measure} is {value:.4g}, which is not {word.replace('_', ' ')} {limit:.4g}"
