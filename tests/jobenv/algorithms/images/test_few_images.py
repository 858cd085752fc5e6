"""Few images: the network's last steps are averaged, and other models have their shares."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pictures import digits, image_records, picture
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import artefact, companions, model, network
from sagewright.algorithms.image_classification.artefact import ImageDescription
from sagewright.algorithms.image_classification.mixture import SIDE, Mixture, Pixels

RECORDS = "application/x-recordio"
GIVEN = {
    "num_classes": "10", "num_training_samples": "90", "image_shape": "1,8,8", "num_layers": "20", "epochs": "2",
}  # fmt: skip


def trained(run: Any, job: Any, rows: np.ndarray, **given: str) -> Any:
    job.configure({**GIVEN, **given}, {"train": RECORDS, "validation": RECORDS})
    job.put("train", "a.rec", image_records(rows[:90]))
    job.put("validation", "b.rec", image_records(rows[90:130]))
    return succeeded(run, job)


def succeeded(run: Any, job: Any) -> Any:
    assert run(job, "image-classification") == 0, job.output
    return job


def accuracies(job: Any) -> list[float]:
    return [float(each) for each in re.findall(r"Epoch\S* Validation-accuracy=(\S*)", job.output)]


def model_archive(job: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for path in sorted(job.model.iterdir()):
            packed.add(path, path.name)
    return out.getvalue()


def answers(job: Any, rows: np.ndarray) -> np.ndarray:
    served = model.serve(job.model)
    return np.array([json.loads(served(picture(row[1:]), "image/png", "").body) for row in rows])


def test_few_images_are_classified_as_well_as_by_their_pixels(job: Any, run: Any) -> None:
    """Six steps are too few for a network; later images, which nothing was chosen on, judge."""
    rows = digits(10, 700)
    trained(run, job, rows)
    later = rows[130:]
    said = answers(job, later)
    ours = np.mean(said.argmax(axis=1) == later[:, 0])
    linear = LogisticRegression(max_iter=500).fit(rows[:90, 1:] / 255, rows[:90, 0])
    assert ours > linear.score(later[:, 1:] / 255, later[:, 0]) - 0.03
    assert np.allclose(said.sum(axis=1), 1, atol=1e-5)
    assert "a linear model of their pixels " in job.output


def test_the_last_accuracy_in_the_log_is_the_endpoints(job: Any, run: Any) -> None:
    rows = digits(10, 130)
    trained(run, job, rows, top_k="3")
    right = answers(job, rows[90:]).argmax(axis=1) == rows[90:, 0]
    assert np.mean(right) == pytest.approx(accuracies(job)[-1], abs=1e-6)
    assert accuracies(job)[-1] == max(accuracies(job))
    assert "Validation-top_k_accuracy_3" in job.output
    (ratio,) = re.findall(r"train baseline_ratio <loss>=(\S+)", job.output)
    assert float(ratio) < 0.5


def test_training_goes_on_from_a_model_with_a_linear_share(make_job: Any, run: Any) -> None:
    rows = digits(10, 130)
    first = trained(run, make_job("first"), rows)
    assert "network_share" in json.loads((first.model / artefact.SYMBOL).read_bytes())
    second = make_job("second")
    second.configure(
        {**GIVEN, "learning_rate": "0.0001"},
        {"train": RECORDS, "validation": RECORDS, "model": "application/x-sagemaker-model"},
    )
    second.put("train", "a.rec", image_records(rows[:90]))
    second.put("validation", "b.rec", image_records(rows[90:]))
    second.put("model", "model.tar.gz", model_archive(first))
    succeeded(run, second)
    assert "Training begins with the weights of channel model." in second.output


@pytest.mark.parametrize(
    ("network_chance", "linear_chance", "least", "most"),
    [(0.9, 0.1, 0.95, 1.0), (0.1, 0.9, 0.0, 0.05), (0.5, 0.5, 0.499, 0.501)],
)
def test_the_better_model_has_the_larger_share(
    network_chance: float, linear_chance: float, least: float, most: float
) -> None:
    labels = torch.zeros(60, dtype=torch.int64)
    scores = [torch.tensor([[each, 1 - each]]).log().repeat(60, 1) for each in (network_chance, linear_chance)]
    shares = companions.likely_shares(scores, labels)
    assert least <= shares[0] <= most
    assert sum(shares) == pytest.approx(1)


def test_two_images_decide_little() -> None:
    labels = torch.zeros(2, dtype=torch.int64)
    scores = [torch.tensor([[each, 1 - each]]).log().repeat(2, 1) for each in (0.9, 0.5)]
    assert 0.5 < companions.likely_shares(scores, labels)[0] < 0.75


@pytest.mark.parametrize(
    ("lost", "won", "worse"), [(0, 0, False), (4, 0, False), (5, 0, True), (9, 3, False), (12, 3, True)]
)
def test_a_mixture_is_refused_if_it_is_worse_by_more_than_chance(lost: int, won: int, worse: bool) -> None:
    right, rival = np.ones(100, bool), np.ones(100, bool)
    right[:lost] = False
    rival[lost : lost + won] = False
    assert companions.is_surely_worse(right, rival) is worse


def test_large_images_are_averaged() -> None:
    layer = Pixels((3, 100, 64), 2)
    assert layer.linear.in_features == 3 * SIDE * SIDE
    assert layer.flat(torch.full((1, 3, 100, 64), 255, dtype=torch.uint8)).mean() == pytest.approx(1)
    assert Pixels((1, 8, 9), 2).linear.in_features == 72


@pytest.mark.parametrize("share", [-0.1, 1.1, "much", float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: object) -> None:
    description = ImageDescription(20, (1, 8, 8), 2, False)
    artefact.write(tmp_path, description, Mixture(network.build(20, 1, 2), Pixels((1, 8, 8), 2), 0.5), 1)
    assert isinstance(artefact.read(tmp_path)[1], Mixture)
    document = json.loads((tmp_path / artefact.SYMBOL).read_bytes())
    (tmp_path / artefact.SYMBOL).write_text(json.dumps({**document, "network_share": share}))
    with pytest.raises(UserError, match="does not describe an image classifier"):
        artefact.read(tmp_path)


def test_a_linear_model_that_is_missing_is_named(tmp_path: Path) -> None:
    artefact.write(tmp_path, ImageDescription(20, (1, 8, 8), 2, False), network.build(20, 1, 2), 1)
    document = json.loads((tmp_path / artefact.SYMBOL).read_bytes())
    (tmp_path / artefact.SYMBOL).write_text(json.dumps({**document, "network_share": 0.5}))
    with pytest.raises(UserError, match=r"it lacks linear\.bias"):
        artefact.read(tmp_path)
