"""Semantic segmentation of few images: the small U-Net beside the network."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from masks import BASE, NAMES, Held
from PIL import Image

from pictures import encoded
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.semantic_segmentation import artefact, companions, model, predicting, unet_training
from sagewright.algorithms.semantic_segmentation.data import Scenes
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel, SegmentationMixture
from sagewright.algorithms.semantic_segmentation.scores import Confusion
from sagewright.algorithms.semantic_segmentation.unet import UNet, levels_of
from sagewright.algorithms.semantic_segmentation.unet_training import Windows

SIDE, KNOWN, HELD, LATER = 24, 20, 8, 12
SHARES = re.compile(r"the network has a share of (\S+), a linear model of pixels (\S+), a small U-Net (\S+)\.")


def crossed(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE, 3) and (SIDE, SIDE) uint8: upright and level bars of the same grey, of which the upright ones are class 1."""
    random = np.random.default_rng(seed)
    picture, mask = random.normal(70, 8, (SIDE, SIDE)), np.zeros((SIDE, SIDE), np.uint8)
    places = random.permutation(4)
    for number, place in enumerate(places[:3]):
        top, left = 2 + 12 * (place // 2), 2 + 12 * (place % 2)
        size = (9, 3) if number % 2 else (3, 9)
        part = (slice(top, top + size[0]), slice(left, left + size[1]))
        picture[part] += 110
        mask[part] = number % 2
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2), mask


def put(job: Any, **given: str) -> Any:
    values = {
        **BASE,
        "num_classes": "2",
        "num_training_samples": str(KNOWN),
        "base_size": str(SIDE),
        "crop_size": str(SIDE),
    }
    job.configure({**values, "epochs": "1", "learning_rate": "1e-9", **given}, dict.fromkeys(NAMES, "image/png"))
    for channel, numbers in (("train", range(KNOWN)), ("validation", range(100, 100 + HELD))):
        for number in numbers:
            for name, each in zip((channel, f"{channel}_annotation"), crossed(number), strict=True):
                job.put(name, f"some/{number:03d}.png", encoded(each))
    return job


def trained(run: Any, job: Any) -> Any:
    assert run(job, "semantic-segmentation") == 0, job.output
    return job


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    return {}


@pytest.fixture
def folder(kept: dict[str, Path], make_job: Any, run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model whose network has learnt nothing, for things that colours don't tell apart."""
    if "model" not in kept:
        job = trained(run, put(make_job("unet")))
        kept["model"] = tmp_path_factory.mktemp("unet") / "model"
        job.model.rename(kept["model"])
        (shares,) = SHARES.findall(job.output)
        assert float(shares[2]) > 0
    return kept["model"]


def measured(folder: Path) -> float:
    service, confusion = model.serve(folder), Confusion(2)
    for number in range(200, 200 + LATER):
        picture, mask = crossed(number)
        said = np.asarray(Image.open(io.BytesIO(service(encoded(picture), "image/png", "image/png").body)))
        confusion.add(torch.tensor(said), torch.tensor(mask))
    return confusion.measures()["mIOU"]


def test_shapes_are_learnt_though_the_network_learns_nothing(folder: Path) -> None:
    assert measured(folder) > 0.85


def test_a_mixture_with_a_unet_is_read_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    description, module = artefact.read(folder)
    assert isinstance(module, SegmentationMixture)
    assert module.unet is not None
    assert (module.unet_share, module.unet.scale) == (description.unet_share, description.unet_scale)
    artefact.write(tmp_path, description, module)
    for name in (artefact.WEIGHTS, artefact.DESCRIPTION):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_unet_of_an_earlier_version_has_three_levels(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / artefact.DESCRIPTION).read_bytes())
    del document["unet_levels"]
    (tmp_path / artefact.DESCRIPTION).write_text(json.dumps(document))
    (tmp_path / artefact.WEIGHTS).write_bytes((folder / artefact.WEIGHTS).read_bytes())
    _, module = artefact.read(tmp_path)
    assert isinstance(module, SegmentationMixture)
    assert module.unet is not None
    assert module.unet.levels == 3


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_the_number_of_levels_is_read_as_it_was_written(folder: Path, tmp_path: Path, levels: int) -> None:
    description, module = artefact.read(folder)
    assert isinstance(module, SegmentationMixture)
    deeper = SegmentationMixture(module.network, module.pixels, 0.5, UNet(2, 1.0, levels), 0.5)
    artefact.write(tmp_path, description, deeper)
    _, found = artefact.read(tmp_path)
    assert isinstance(found, SegmentationMixture)
    assert found.unet is not None
    pixels = torch.randint(0, 256, (1, 3, 40, 24))
    assert torch.equal(found.eval()(pixels)[0], deeper.eval()(pixels)[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unet_share": 1.5}, "unet_share is 1.5"),
        ({"unet_share": float("nan")}, "unet_share is nan"),
        ({"unet_share": "x"}, "describe a model"),
        ({"unet_scale": 0}, "unet_scale is 0"),
        ({"unet_scale": 7}, "unet_scale is 7"),
        ({"unet_scale": None}, "unet_share alone"),
        ({"unet_levels": 2}, "unet_levels is 2"),
        ({"unet_levels": 6}, "unet_levels is 6"),
        ({"unet_levels": "x"}, "describe a model"),
        ({"network_share": 0.9, "unet_share": 0.9}, "more than 1 together"),
    ],
    ids=str,
)
def test_what_does_not_describe_a_unet_is_refused(
    folder: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    document = json.loads((folder / artefact.DESCRIPTION).read_bytes())
    (tmp_path / artefact.DESCRIPTION).write_text(json.dumps({**document, **changes}))
    (tmp_path / artefact.WEIGHTS).write_bytes((folder / artefact.WEIGHTS).read_bytes())
    with pytest.raises(UserError, match=said):
        artefact.read(tmp_path)


def test_weights_without_the_unets_are_refused(folder: Path, tmp_path: Path) -> None:
    description, module = artefact.read(folder)
    assert isinstance(module, SegmentationMixture)
    artefact.write(tmp_path, description, SegmentationMixture(module.network, module.pixels, module.share))
    (tmp_path / artefact.DESCRIPTION).write_bytes((folder / artefact.DESCRIPTION).read_bytes())
    with pytest.raises(UserError):
        artefact.read(tmp_path)


def scenes(count: int = 6, shape: tuple[int, int] = (SIDE, SIDE)) -> Scenes:
    pairs = [crossed(number) for number in range(count)]
    pictures, masks = ([each[: shape[0], : shape[1]] for each in column] for column in zip(*pairs, strict=True))
    return Scenes(Held(*pictures), Held(*(mask[:, :, None] for mask in masks)))  # type: ignore[arg-type]


def own(seed: int = 0, base: int = SIDE, stops: bool = False) -> Any:
    values = {"num_classes": 2, "base_size": base}
    return SimpleNamespace(
        values=values, seed=seed, device=Device(torch.device("cpu")), termination=SimpleNamespace(requested=stops)
    )


def test_the_same_seed_gives_the_same_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_training, "STEPS", 5)
    monkeypatch.setattr(unet_training, "ROUNDS", 1)
    one, same, other = (unet_training.fitted(own(seed), scenes()) for seed in (1, 1, 2))
    assert one is not None
    assert same is not None
    assert other is not None
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    assert not torch.equal(one.last.weight, other.last.weight)


def test_a_job_that_is_asked_to_stop_has_no_unet() -> None:
    assert unet_training.fitted(own(stops=True), scenes()) is None


def test_it_sees_enlarged_images_in_their_own_size() -> None:
    assert unet_training.scale_of(scenes(), SIDE) == 1
    assert unet_training.scale_of(scenes(), 4 * SIDE) == 0.25
    large = SimpleNamespace(pictures=SimpleNamespace(shapes=[(900, 1000, 3)]))
    assert unet_training.scale_of(large, 512) == 0.5  # type: ignore[arg-type]
    windows = Windows.of(scenes(), 16)
    assert {each.shape for each in windows.pictures} == {(3, 16, 16)}
    torch.manual_seed(0)
    unet = UNet(3, 0.25).eval()
    assert unet(torch.randint(0, 256, (1, 3, 104, 72))).shape == (1, 3, 104, 72)


@pytest.mark.parametrize("levels", [3, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 5), (33, 16)])
def test_images_of_any_size_have_scores(shape: tuple[int, int], levels: int) -> None:
    assert UNet(2, 1.0, levels).eval()(torch.zeros(2, 3, *shape)).shape == (2, 2, *shape)


def test_larger_images_have_more_levels() -> None:
    assert [levels_of(side) for side in (17, 64, 65, 128, 129, 256)] == [3, 3, 4, 4, 5, 5]
    assert all(side / 2 ** (levels_of(side) - 1) <= 16 for side in range(1, 257))


@pytest.mark.parametrize("side", [96, 256])
def test_each_pixel_is_judged_by_most_of_the_image(side: int) -> None:
    """The same small thing means one class if a light is near the upper edge, and another if it is near the lower one."""
    torch.manual_seed(0)
    unet = UNet(2, 1.0, levels_of(side)).eval()
    pixels = torch.full((1, 3, side, side), 128.0, requires_grad=True)
    unet(pixels)[0, 0, side // 2, side // 2].backward()
    assert pixels.grad is not None
    reached = pixels.grad.abs().sum((0, 1, 2)).nonzero()
    assert int(reached.max() - reached.min()) > 0.65 * side


@pytest.mark.parametrize("side", [10, SIDE])
def test_windows_keep_images_and_masks_together(side: int) -> None:
    random, windows = np.random.default_rng(0), Windows.of(scenes(), SIDE)
    cuts = [windows.cut(number % 6, random, side) for number in range(30)]
    assert {(picture.shape, mask.shape) for picture, mask in cuts} == {((3, side, side), (side, side))}
    assert all((picture[0][mask == 1] > 120).all() for picture, mask in cuts)
    small = Windows([torch.full((3, 4, 6), 7, dtype=torch.uint8)], [torch.ones(4, 6, dtype=torch.uint8)], 8, 8)
    picture, mask = small.cut(0, random, 64)
    assert (picture == 7).all()
    assert (mask == 255).sum() == 64 - 24


def sided(seed: int, side: int, flipped: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(side, side, 3) and (side, side) uint8: two squares that look alike, one on each side; if `flipped`, in any order."""
    random = np.random.default_rng(seed)
    picture, mask = random.normal(70, 8, (side, side)), np.zeros((side, side), np.uint8)
    for label, left in enumerate((side // 12, 7 * side // 12), 1):
        top, wide = int(random.integers(0, 2 * side // 3)), side // 3
        part = (slice(top, top + wide), slice(left, left + wide))
        picture[part] += 110
        mask[part] = label if not flipped or seed % 2 else 3 - label
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2), mask


def of_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Scenes:
    return Scenes(Held(*(each[0] for each in pairs)), Held(*(each[1][:, :, None] for each in pairs)))  # type: ignore[arg-type]


def test_images_are_not_mirrored_if_a_class_has_a_side() -> None:
    assert not Windows.of(of_pairs([sided(number, SIDE) for number in range(12)]), SIDE).mirrored
    assert Windows.of(of_pairs([sided(number, SIDE, True) for number in range(12)]), SIDE).mirrored
    assert Windows.of(of_pairs([sided(number, SIDE) for number in range(4)]), SIDE).mirrored
    assert Windows.of(scenes(12), SIDE).mirrored
    holes = [(picture, np.where(mask == 1, 255, 0).astype(np.uint8)) for picture, mask in map(crossed, range(12))]
    assert Windows.of(of_pairs(holes), SIDE).mirrored


def test_a_class_that_only_its_place_in_the_image_tells_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_training, "STEPS", 60)
    monkeypatch.setattr(unet_training, "ROUNDS", 0)
    side, settings = 72, own(base=72)
    settings.values["num_classes"] = 3
    unet = unet_training.fitted(settings, of_pairs([sided(number, side) for number in range(16)]))
    assert unet is not None
    confusion = Confusion(3)
    with torch.inference_mode():
        for picture, mask in (sided(number, side) for number in range(100, 108)):
            said = unet(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].argmax(0)
            confusion.add(said, torch.from_numpy(mask))
    assert confusion.measures()["mIOU"] > 0.8


@pytest.mark.parametrize(("side", "whole"), [(64, 8), (96, 4), (128, 4), (256, 2)])
def test_the_last_steps_see_whole_images(monkeypatch: pytest.MonkeyPatch, side: int, whole: int) -> None:
    monkeypatch.setattr(unet_training, "STEPS", 8)
    monkeypatch.setattr(unet_training, "ROUNDS", 0)
    shapes, scores = [], UNet.scores
    monkeypatch.setattr(UNet, "scores", lambda unet, values: (shapes.append(values.shape[2:]), scores(unet, values))[1])
    settings = own(base=side)
    settings.values["num_classes"] = 3
    assert unet_training.fitted(settings, of_pairs([sided(number, side) for number in range(2)])) is not None
    assert shapes == [(64, 64)] * (8 - whole) + [(side, side)] * whole


def test_holes_teach_the_unet_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_training, "STEPS", 3)
    held = scenes(2)
    holes = Scenes(held.pictures, Held(*(np.full((SIDE, SIDE, 1), 255, np.uint8),) * 2))  # type: ignore[arg-type]
    found = unet_training.fitted(own(), holes)
    assert found is not None
    assert all(torch.isfinite(each).all() for each in found.state_dict().values())


def test_what_is_measured_for_each_share_is_what_the_mixture_answers() -> None:
    torch.manual_seed(0)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 2, 1)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
            return self.layer(pixels.float() / 255), None

    network, linear, unet, held = Network().eval(), PixelModel(2).eval(), UNet(2).eval(), scenes(5)
    pictures, masks = (np.stack([each[number] for number in range(5)]) for each in (held.pictures, held.masks))
    wider = masks[:, :, :, 0].repeat(2, 1).repeat(2, 2)
    trainer: Any = SimpleNamespace(own=own(), groups=lambda: [(pictures[:3], wider[:3]), (pictures[3:], wider[3:])])
    measures = companions.measured(trainer, (network, linear, unet))
    assert len(measures) == 15
    for shares, found in measures.items():
        assert sum(shares) == 1
        mixture, confusion = SegmentationMixture(network, linear, shares[0], unet, shares[2]).eval(), Confusion(2)  # type: ignore[arg-type]
        with torch.inference_mode():
            said = predicting.scores(mixture, own().device, pictures, (2 * SIDE, 2 * SIDE)).argmax(1)
        confusion.add(said, torch.from_numpy(wider))
        assert confusion.measures() == found
