"""Image classification is compared with the commonest class, tries a lower rate where it is no better, and answers with
frequencies of the classes where it is worse.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from pictures import digits, encoded, image_record, image_records
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import model

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


def test_a_model_worse_than_the_commonest_values_is_replaced_by_them(job: Any, run: Any) -> None:
    """The network has learnt nothing, and no image has any of the labels but the last."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
    records = recordio.write_frames(image_record(encoded(each), [0.0, 0.0, 1.0]) for each in pixels)
    given = {"multi_label": "1", "epochs": "1", "learning_rate": "0.000000001"}
    job.configure({**BASE, **given}, {"train": RECORDS, "validation": RECORDS})
    job.put("train", "a.rec", records)
    job.put("validation", "b.rec", records)
    assert run(job, "image-classification") == 0, job.output
    assert job.output.count("of its deviation from that, 0 % remain") == 1
    assert "train baseline_ratio <loss>=1.0" in job.output
    assert accuracies(job.output)[-1] == 1
    served = model.serve(job.model)
    answers = np.array([json.loads(served(encoded(each), "image/png", "").body) for each in pixels[:5]])
    assert np.allclose(answers, [0.5 / 41, 0.5 / 41, 40.5 / 41], atol=1e-5)


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_one_label_is_guessed_no_worse_than_the_commonest_class(job: Any, run: Any, seed: str) -> None:
    """Pictures of noise, nearly all of one class: with so many classes, no linear model of pixels is beside the network."""
    random = np.random.default_rng(int(seed))
    rows = np.column_stack([np.arange(150) % 10 // 9, random.integers(0, 256, (150, 64))]).astype(np.float32)
    output = trained(job, run, rows, epochs="1", learning_rate="0.000000001", num_classes="6000", _seed=seed)
    assert "of its deviation from that, 0 % remain" in output
    assert accuracies(output)[-1] == pytest.approx(0.9, abs=0.01)
    served = model.serve(job.model)
    answer = json.loads(served(encoded(rows[0, 1:].reshape(8, 8).astype(np.uint8)), "image/png", "").body)
    assert answer[0] == max(answer)
    assert sum(answer) == pytest.approx(1, abs=1e-4)
