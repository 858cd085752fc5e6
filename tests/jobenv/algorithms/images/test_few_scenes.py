"""Semantic segmentation of few images: a linear model of pixels and a small U-Net beside the network."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from masks import put_scenes, scene
from PIL import Image

from pictures import encoded
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.semantic_segmentation import artefact, companions, model, unet_training
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel, SegmentationMixture
from sagewright.algorithms.semantic_segmentation.scores import Confusion

SHARED = re.compile(
    r"Images are few: the network has a share of (\S+), a linear model of pixels (\S+), a small U-Net (\S+)\."
)


def trained(run: Any, job: Any) -> Any:
    assert run(job, "semantic-segmentation") == 0, job.output
    return job


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small U-Net, which has a test of its own, takes seconds otherwise."""
    monkeypatch.setattr(unet_training, "STEPS", 4)
    monkeypatch.setattr(unet_training, "ROUNDS", 0)


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    return {}


@pytest.fixture
def mixture(kept: dict[str, Path], make_job: Any, run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model whose network has learnt nothing."""
    if "model" not in kept:
        job = trained(run, put_scenes(make_job("mixture"), epochs="1", learning_rate="1e-9"))
        kept["model"] = tmp_path_factory.mktemp("mixture") / "model"
        job.model.rename(kept["model"])
        (shares,) = SHARED.findall(job.output)
        assert float(shares[0]) < 1 == sum(map(float, shares))
        said = [float(each) for each in re.findall(r"validation mIOU: (\S+)", job.output)]
        assert said[-1] > 0.9 > said[0]
    return kept["model"]


def test_colours_are_learnt_though_the_network_learns_nothing(mixture: Path) -> None:
    service, confusion = model.serve(mixture), Confusion(3)
    for number in range(200, 206):
        picture, mask = scene(number)
        said = np.asarray(Image.open(io.BytesIO(service(encoded(picture), "image/png", "image/png").body)))
        confusion.add(torch.tensor(said), torch.tensor(mask))
    assert confusion.measures()["mIOU"] > 0.9


def test_a_mixture_is_read_as_it_was_written(mixture: Path, tmp_path: Path) -> None:
    description, module = artefact.read(mixture)
    assert isinstance(module, SegmentationMixture)
    assert module.share == description.network_share < 1
    artefact.write(tmp_path, description, module)
    for name in (artefact.WEIGHTS, artefact.DESCRIPTION):
        assert (tmp_path / name).read_bytes() == (mixture / name).read_bytes()


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "x", None])
def test_a_share_that_is_none_is_refused(mixture: Path, tmp_path: Path, share: Any) -> None:
    document = json.loads((mixture / artefact.DESCRIPTION).read_bytes())
    (tmp_path / artefact.DESCRIPTION).write_text(json.dumps({**document, "network_share": share}))
    (tmp_path / artefact.WEIGHTS).write_bytes((mixture / artefact.WEIGHTS).read_bytes())
    with pytest.raises(UserError, match="does not describe a model of this algorithm"):
        artefact.read(tmp_path)


def test_weights_without_those_of_pixels_are_refused(mixture: Path, tmp_path: Path) -> None:
    description, module = artefact.read(mixture)
    assert isinstance(module, SegmentationMixture)
    artefact.write(tmp_path, description, module.network)
    (tmp_path / artefact.DESCRIPTION).write_bytes((mixture / artefact.DESCRIPTION).read_bytes())
    with pytest.raises(UserError):
        artefact.read(tmp_path)


def test_the_mixture_has_the_shares_of_both_models() -> None:
    torch.manual_seed(0)
    fixed = torch.randn(1, 3, 6, 5)

    class Fixed(torch.nn.Module):
        def forward(self, _pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
            return fixed, None

    of_pixels = PixelModel(3)
    picture = torch.randint(0, 256, (1, 3, 6, 5))
    found = SegmentationMixture(Fixed(), of_pixels, 0.25)(picture)[0].exp()  # type: ignore[arg-type]
    expected = 0.25 * fixed.softmax(1) + 0.75 * of_pixels(picture).softmax(1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(found.sum(1), torch.ones(1, 6, 5))


def test_features_are_values_and_means_around_them() -> None:
    picture = torch.randint(0, 256, (1, 3, 12, 10))
    found = PixelModel(2).features(picture)
    assert found.shape == (1, 9, 12, 10)
    assert torch.allclose(found[:, :3], picture / 255)
    assert torch.allclose(found[0, 3:6, 5, 5], picture[0, :, 4:7, 4:7].float().mean((1, 2)) / 255, atol=1e-6)
    assert torch.allclose(found[0, 6:, 0, 0], picture[0, :, :5, :5].float().mean((1, 2)) / 255, atol=1e-6)


@pytest.mark.parametrize("counts", [(4, 1), (1, 4)])
def test_many_images_have_no_other_models(monkeypatch: pytest.MonkeyPatch, counts: tuple[int, int]) -> None:
    monkeypatch.setattr(companions, "MOST_IMAGES", 3)

    class Trainer:
        own, train, validation = None, range(counts[0]), range(counts[1])

    assert companions.beside(Trainer(), None) is None  # type: ignore[arg-type]


def test_large_images_have_no_other_models(job: Any, run: Any) -> None:
    """The limit is on validation_mini_batch_size x classes x base_size²: 2 x 254 x 400² is beyond it."""
    changes = {"num_classes": "254", "base_size": "400", "crop_size": "40", "epochs": "1"}
    trained(run, put_scenes(job, count=2, later=2, **changes))
    assert not SHARED.search(job.output)
    assert "validation mIOU" in job.output


def test_holes_teach_no_model_anything(make_job: Any, run: Any) -> None:
    job = put_scenes(make_job("holes"), count=6, later=2, epochs="1", learning_rate="1e-9")
    for number in range(6):
        job.put("train_annotation", f"some/{number}.png", encoded(np.full((32, 40), 255, np.uint8)))
    assert run(job, "semantic-segmentation") == 0, job.output
    assert not SHARED.search(job.output)
