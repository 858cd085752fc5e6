"""Image classification of few images: a small plain network beside the residual one."""

from __future__ import annotations

import io
import json
import re
import signal
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pictures import digits, encoded, image_record, image_records
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import artefact, companions, model, network, plain_training
from sagewright.algorithms.image_classification.artefact import ImageDescription
from sagewright.algorithms.image_classification.mixture import Mixture, Pixels
from sagewright.algorithms.image_classification.plain import SIDE, Plain

RECORDS = "application/x-recordio"
EDGE, KNOWN, HELD, LATER = 14, 120, 40, 200
GIVEN = {
    "num_classes": "3", "num_training_samples": str(KNOWN), "image_shape": f"1,{EDGE},{EDGE}", "num_layers": "20", "epochs": "2",
}  # fmt: skip
SHARES = re.compile(
    r"the network has a share of (\S+), a linear model of their pixels (\S+), a small plain network (\S+)\."
)


def shapes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, EDGE, EDGE) of a cross, a square or its outline anywhere, lighter or darker than the ground."""
    random = np.random.default_rng(0)
    labels, size = random.integers(0, 3, count), 6
    cross = np.eye(size) + np.eye(size)[::-1] > 0
    outline = np.ones((size, size), bool)
    outline[1:-1, 1:-1] = False
    masks = np.stack([cross, np.ones((size, size), bool), outline])
    made = random.normal(0, 8, (count, EDGE, EDGE))
    for number, label in enumerate(labels):
        top, left = random.integers(0, EDGE - size, 2)
        ground, tone = random.permutation([random.uniform(0, 100), random.uniform(150, 255)])
        made[number] += ground
        made[number, top : top + size, left : left + size] += masks[label] * (tone - ground)
    return np.clip(made, 0, 255).astype(np.uint8), labels


def packed(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    return recordio.write_frames(
        image_record(encoded(each), [float(label)]) for each, label in zip(pixels, labels, strict=True)
    )


def configured(job: Any, **given: str) -> Any:
    """A job with the first shapes to learn from, and the next to be measured on."""
    pixels, labels = shapes(KNOWN + HELD)
    job.configure({**GIVEN, **given}, {"train": RECORDS, "validation": RECORDS})
    job.put("train", "a.rec", packed(pixels[:KNOWN], labels[:KNOWN]))
    job.put("validation", "b.rec", packed(pixels[KNOWN:], labels[KNOWN:]))
    return job


def trained(job: Any, run: Any, **given: str) -> Any:
    assert run(configured(job, **given), "image-classification") == 0, job.output
    return job


def written(job: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in job.model.iterdir()}


def model_archive(job: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path in sorted(job.model.iterdir()):
            archive.add(path, path.name)
    return out.getvalue()


def test_shapes_anywhere_are_learnt_from_few_images(job: Any, run: Any) -> None:
    """Eight steps at a rate of 0.1 teach the network nothing; later images, which nothing was chosen on, judge."""
    pixels, labels = shapes(KNOWN + HELD + LATER)
    later = slice(KNOWN + HELD, None)
    trained(job, run)
    shares = [float(each) for each in SHARES.findall(job.output)[0]]
    assert shares[2] > 0.5
    assert sum(shares) == pytest.approx(1, abs=0.02)
    served = model.serve(job.model)
    said = np.array([json.loads(served(encoded(each), "image/png", "").body) for each in pixels[later]])
    assert np.mean(said.argmax(axis=1) != labels[later]) < 0.1
    assert np.allclose(said.sum(axis=1), 1, atol=1e-5)
    accuracies = re.findall(r"Epoch\S* Validation-accuracy=(\S*)", job.output)
    assert float(accuracies[-1]) > 0.9


def test_the_same_seed_gives_the_same_files(make_job: Any, run: Any) -> None:
    first, same, other = (
        trained(make_job(name), run, epochs="1", _seed=seed) for name, seed in (("a", "7"), ("b", "7"), ("c", "8"))
    )
    assert written(first) == written(same)
    assert written(first) != written(other)


def test_a_network_that_goes_on_has_no_plain_one_beside_it(make_job: Any, run: Any) -> None:
    first = trained(make_job("first"), run)
    assert "plain_share" in json.loads((first.model / artefact.SYMBOL).read_bytes())
    second = configured(make_job("second"))
    second.configure(GIVEN, {"train": RECORDS, "validation": RECORDS, "model": "application/x-sagemaker-model"})
    second.put("model", "model.tar.gz", model_archive(first))
    assert run(second, "image-classification") == 0, second.output
    assert "Training begins with the weights of channel model." in second.output
    assert "plain network" not in second.output
    assert "plain_share" not in json.loads((second.model / artefact.SYMBOL).read_bytes())


def test_many_images_have_no_plain_network(job: Any, run: Any) -> None:
    count = plain_training.MOST_IMAGES + 1
    rows = digits(3, 530)
    given = {**GIVEN, "image_shape": "1,8,8", "epochs": "1", "num_training_samples": str(count)}
    job.configure(given, {"train": RECORDS, "validation": RECORDS})
    job.put("train", "a.rec", image_records(np.resize(rows[:500], (count, rows.shape[1]))))
    job.put("validation", "b.rec", image_records(rows[500:]))
    assert run(job, "image-classification") == 0, job.output
    assert "plain network" not in job.output
    assert "plain_share" not in json.loads((job.model / artefact.SYMBOL).read_bytes())


def test_sigterm_leaves_a_model_without_a_plain_network(job: Any) -> None:
    process = configured(job, epochs="100000").start("image-classification", OMP_NUM_THREADS="1")
    for line in process.stdout:
        if "Validation-accuracy" in line:
            break
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "plain network" not in said
    assert model.serve(job.model)(encoded(shapes(1)[0][0]), "image/png", "").status == 200


def test_shifts_keep_the_size_and_repeat_the_edges() -> None:
    images = torch.arange(24 * 24.0).reshape(1, 1, 24, 24).repeat(200, 1, 1, 1)
    made = plain_training.shifted(images, np.random.default_rng(0))
    assert made.shape == images.shape
    middles = made[:, 0, 12, 12]
    assert len(middles.unique()) == 25  # two pixels either way
    assert set(made.unique().tolist()) <= set(images.unique().tolist())


def test_each_image_comes_once_before_any_comes_again() -> None:
    order = plain_training.order(np.random.default_rng(0), 40)
    assert order.shape == (plain_training.STEPS, plain_training.BATCH)
    assert sorted(order.ravel()[:40]) == sorted(order.ravel()[40:80]) == list(range(40))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (3, 200, 100)])
def test_images_of_any_size_have_scores(shape: tuple[int, int, int]) -> None:
    plain = Plain(shape, 4).eval()
    assert plain.scaled(torch.zeros((2, *shape), dtype=torch.uint8)).shape[2:] == (
        min(shape[1], SIDE),
        min(shape[2], SIDE),
    )
    assert plain(torch.full((2, *shape), 255, dtype=torch.uint8)).shape == (2, 4)


def test_the_best_of_three_models_has_most() -> None:
    labels = torch.zeros(60, dtype=torch.int64)
    scores = [torch.tensor([[each, 1 - each]]).log().repeat(60, 1) for each in (0.4, 0.5, 0.9)]
    shares = companions.likely_shares(scores, labels)
    assert shares[2] > 0.9
    assert sum(shares) == pytest.approx(1)


def test_many_images_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (25,), generator=random)
    scores = [torch.randn((25, 3), generator=random) for _ in range(3)]
    at_once = companions.likely_shares(scores, labels)
    monkeypatch.setattr(companions, "PART", 10)
    assert companions.likely_shares(scores, labels) == pytest.approx(at_once)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The folder of a mixture of three models."""
    plain = Plain((1, 8, 8), 2).eval()
    mixture = Mixture(network.build(20, 1, 2), Pixels((1, 8, 8), 2), 0.25, plain, 0.5)
    artefact.write(tmp_path, ImageDescription(20, (1, 8, 8), 2, False), mixture, 1)
    return tmp_path


def test_a_mixture_of_three_is_read_as_it_was_written(stored: Path) -> None:
    read = artefact.read(stored)[1]
    assert isinstance(read, Mixture)
    assert (read.share, read.plain_share) == (0.25, 0.5)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), np.uint8))
    with torch.inference_mode():
        parts = [each(images).softmax(1) for each in (read.eval().network, read.pixels, read.plain)]
        expected = 0.25 * parts[0] + 0.25 * parts[1] + 0.5 * parts[2]
        assert torch.allclose(read(images).exp(), expected, atol=1e-6)


@pytest.mark.parametrize("share", [-0.1, 0.8, 1.1, "much", float("nan")])
def test_a_plain_share_that_is_none_is_refused(stored: Path, share: object) -> None:
    document = json.loads((stored / artefact.SYMBOL).read_bytes())
    (stored / artefact.SYMBOL).write_text(json.dumps({**document, "plain_share": share}))
    with pytest.raises(UserError, match="does not describe an image classifier"):
        artefact.read(stored)


def test_plain_weights_without_a_share_are_refused(stored: Path) -> None:
    document = json.loads((stored / artefact.SYMBOL).read_bytes())
    del document["plain_share"]
    (stored / artefact.SYMBOL).write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"it has plain\."):
        artefact.read(stored)
