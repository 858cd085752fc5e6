"""The lines of MXNet's epochs."""

from __future__ import annotations

import logging
import re

import pytest

from sagewright.algorithms.deep.lines import EpochLines


def test_they_are_as_mxnet_writes_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lines = EpochLines(every=2)
    lines.begin()
    for number in range(5):
        lines.batch(3, number, 8, {"accuracy": 0.25})
    lines.end(3, {"accuracy": 0.5, "top_k_accuracy_2": 0.75})
    lines.validation(3, {"accuracy": 0.125})
    said = [re.sub(r"(Speed: |cost=)[0-9.]+", r"\1N", each) for each in caplog.messages]
    assert said == [
        "Epoch[3] Batch [2]\tSpeed: N samples/sec\taccuracy=0.250000",
        "Epoch[3] Batch [4]\tSpeed: N samples/sec\taccuracy=0.250000",
        "Epoch[3] Train-accuracy=0.500000",
        "Epoch[3] Train-top_k_accuracy_2=0.750000",
        "Epoch[3] Time cost=N",
        "Epoch[3] Validation-accuracy=0.125000",
    ]
