"""Image classification is compared with the commonest class, and tries a lower rate where it is no better."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pictures import digits, image_records

RECORDS = "application/x-recordio"
BASE = {
    "num_classes": "3", "num_training_samples": "90", "image_shape": "1,8,8", "num_layers": "20", "mini_batch_size": "10",
}  # fmt: skip


def trained(job: Any, run: Any, rows: np.ndarray, **given: str) -> str:
    """The log of a job of RecordIO files: 90 images to learn from, 60 others to be measured on."""
    job.configure({**BASE, **given}, {"train": RECORDS, "validation": RECORDS})
    job.put("train", "a.rec", image_records(rows[:90]))
    job.put("validation", "b.rec", image_records(rows[90:]))
    assert run(job, "image-classification") == 0, job.output
    output: str = job.output
    return output


def accuracies(output: str) -> list[float]:
    return [float(each) for each in re.findall(r"Epoch\S* Validation-accuracy=(\S*)", output)]


def test_a_training_that_learns_nothing_is_repeated_more_gently(job: Any, run: Any) -> None:
    """Images of one colour say nothing of their class: neither training is better than the commonest one."""
    rows = np.full((150, 65), 90, np.float32)
    rows[:, 0] = np.arange(150) % 3
    output = trained(job, run, rows, epochs="1")
    assert output.count("another training begins, with a learning_rate of 0.01") == 1
    assert accuracies(output)[-1] == pytest.approx(1 / 3, abs=0.01)
    assert "train baseline_ratio <loss>=1.0" in output


def test_a_rate_that_the_job_sets_is_kept(job: Any, run: Any) -> None:
    rows = np.full((150, 65), 90, np.float32)
    rows[:, 0] = np.arange(150) % 3
    output = trained(job, run, rows, epochs="1", learning_rate="0.2")
    assert "another training" not in output
    assert "train baseline_ratio <loss>=1.0" in output


def test_the_ratio_is_that_of_the_stored_model(job: Any, run: Any) -> None:
    output = trained(job, run, digits(3, 150), epochs="8", learning_rate="0.05")
    (ratio,) = re.findall(r"train baseline_ratio <loss>=(\S+)", output)
    assert float(ratio) == pytest.approx((1 - max(accuracies(output))) * 1.5, rel=0.2)
