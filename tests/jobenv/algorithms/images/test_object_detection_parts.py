"""Object detection's pure pieces: anchors, matching, mining, suppression, augmentation, average precision."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.vgg import vgg16
from torchvision.ops import box_iou, nms

from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.deep.training.pace import Pace
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.object_detection import (
    anchors,
    augmentation,
    beginning,
    boxes,
    freezing,
    labels,
    matching,
    network,
    training,
)
from sagewright.algorithms.object_detection.scores import Precision


def random_boxes(count: int, seed: int = 0) -> torch.Tensor:
    corners = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed))
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def test_overlaps_are_torchvisions() -> None:
    one, other = random_boxes(30), random_boxes(20, 1)
    assert torch.allclose(boxes.overlaps(one, other), box_iou(one, other), atol=1e-6)
    assert boxes.overlaps(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_what_is_encoded_is_decoded() -> None:
    given = anchors.anchors(300)[1000:1030]
    things = random_boxes(30)
    assert torch.allclose(boxes.decode(boxes.encode(things, given), given), things, atol=1e-5)
    far = boxes.decode(torch.full((30, 4), 1e9), given)
    assert torch.isfinite(far).all()


@pytest.mark.parametrize(("base", "width"), [("vgg-16", 8), ("vgg-16", 32), ("resnet-50", 8)])
def test_a_new_network_says_the_same_everywhere(base: str, width: int) -> None:
    """Whatever its width: scores that are far apart before the first step would take epochs to unlearn."""
    torch.manual_seed(0)
    module = network.Detector(base, 3, anchors.maps(300), width, base == "vgg-16").train()
    with torch.inference_mode():
        scores, offsets = module(torch.randint(0, 256, (2, 3, 300, 300)))
    assert (scores.softmax(2) - 1 / 4).abs().mean() < 0.02
    assert offsets.abs().mean() < 0.1


def test_few_images_are_learnt_in_more_steps() -> None:
    """AWS's mini-batches of 32 would leave 20 images 30 steps."""
    values = {"optimizer": "sgd", "learning_rate": 0.001, "mini_batch_size": 32, "epochs": 30}
    own: Any = SimpleNamespace(values=values, chosen=frozenset())
    sizes = [Pace.of(own, images, from_scratch=True, steps=training.STEPS).batch for images in (20, 80, 1000)]
    assert sizes == [4, 6, 32]


def test_suppression_is_torchvisions() -> None:
    found, scores = random_boxes(300), torch.rand(300, generator=torch.Generator().manual_seed(2))
    for threshold in (0.2, 0.45, 0.8):
        ours = boxes.suppressed(found, scores, torch.zeros(300, dtype=torch.int64), threshold)
        assert ours.tolist() == nms(found, scores, threshold).tolist()
    classes = torch.arange(300) % 3
    ours = boxes.suppressed(found, scores, classes, 0.45)
    each = [
        torch.arange(300)[classes == label][nms(found[classes == label], scores[classes == label], 0.45)]
        for label in range(3)
    ]
    assert sorted(ours.tolist()) == sorted(torch.cat(each).tolist())
    assert len(boxes.suppressed(found[:0], scores[:0], classes[:0], 0.5)) == 0


def test_anchors_are_those_of_the_paper() -> None:
    """8,732 and 24,564 boxes (section 3.1, and the longer version's 3.3)."""
    ours = anchors.anchors(300)
    assert (len(ours), len(anchors.anchors(512))) == (8732, 24564)
    first = ours[:4]
    assert torch.allclose((first[:, :2] + first[:, 2:]) / 2, torch.full((4, 2), 0.5 / 38))
    assert (
        (ours[:, 2:] - ours[:, :2]).prod(1)[-4:].sqrt() - torch.tensor([0.88, 0.9613, 0.88, 0.88])
    ).abs().max() < 1e-3
    assert torch.allclose(boxes.areas(first), torch.tensor([0.01, 0.02, 0.01, 0.01]), atol=1e-6)


@pytest.mark.parametrize("base", [network.VGG, network.RESNET])
@pytest.mark.parametrize("side", [300, 333, 447, 448, 512])
def test_there_is_an_answer_for_each_anchor(base: str, side: int) -> None:
    with torch.device("meta"):
        module = network.Detector(base, 3, anchors.maps(side), 64, True).eval()
        scores, offsets = module(torch.empty(1, 3, side, side))
    count = len(anchors.anchors(side))
    assert (scores.shape, offsets.shape) == ((1, count, 4), (1, count, 4))


def test_vgg_says_what_torchvisions_says() -> None:
    theirs = vgg16(weights=None).eval()
    ours = network.Vgg(64, False).eval()
    beginning.fill(ours, theirs.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        fourth = theirs.features[:23](images)
        first, last = ours(images)
    expected = 20 * fourth / fourth.norm(dim=1, keepdim=True).clamp(min=1e-6)
    assert torch.allclose(first, expected, rtol=1e-3, atol=1e-4)
    assert last.shape == (1, 1024, 4, 4)
    full = theirs.classifier[0].weight.view(4096, 512, 7, 7)
    assert torch.equal(ours.fc6.weight[5], full[20, :, ::3, ::3])
    with pytest.raises(UserError, match="belongs to another network"):
        beginning.fill(ours, {**theirs.state_dict(), "classifier.3.weight": torch.zeros(3, 3)})


def test_each_thing_has_its_closest_anchor_and_the_others_that_overlap_it() -> None:
    given = torch.tensor([[0, 0, 0.5, 0.5], [0, 0, 0.45, 0.5], [0.5, 0.5, 1, 1], [0.6, 0.6, 1, 1], [0, 0.5, 0.5, 1]])
    things = torch.tensor([[0, 0, 0.5, 0.5], [0.9, 0.9, 1, 1]])
    assert matching.match(things, given).tolist() == [0, 0, -1, 1, -1]
    twins = torch.tensor([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]])
    assert sorted(matching.match(twins, given).tolist()[:2]) == [0, 1]
    assert matching.match(torch.empty(0, 4), given).tolist() == [-1] * 5
    classes, offsets = matching.targets(torch.tensor([4, 7]), things, given)
    assert classes.tolist() == [5, 5, 0, 8, 0]
    assert torch.allclose(boxes.decode(offsets, given)[[0, 1, 3]], things[[0, 0, 1]], atol=1e-6)


def test_the_three_worst_negatives_count_for_each_positive() -> None:
    losses = torch.tensor([[9.0, 1, 5, 3, 4, 2], [1, 2, 3, 4, 5, 6]])
    positive = torch.tensor([[True, False, False, False, False, False], [False] * 6])
    assert matching.mined(losses, positive).tolist() == [[True, False, True, True, True, False], [False] * 6]


def test_losses_are_those_worked_out_by_hand() -> None:
    scores = torch.zeros(1, 5, 3)
    offsets = torch.zeros(1, 5, 4)
    wanted = torch.tensor([[2, 0, 0, 0, 0]])
    right = torch.zeros(1, 5, 4)
    right[0, 0] = torch.tensor([0.5, 2.0, 0, 0])
    right[0, 1] = 100  # of an anchor that answers for nothing
    entropy, smooth = matching.losses((scores, offsets), (wanted, right))
    assert entropy.item() == pytest.approx(4 * np.log(3))
    assert smooth.item() == pytest.approx(0.125 + 1.5)
    nothing = matching.losses((scores, offsets), (torch.zeros_like(wanted), right))
    assert [each.item() for each in nothing] == [0, 0]


def test_views_put_things_where_their_boxes_are() -> None:
    picture = np.full((60, 90, 3), 100, np.uint8)
    picture[20:40, 30:60] = 255
    things = np.array([[0, 30 / 90, 20 / 60, 60 / 90, 40 / 60, 0]], np.float32)
    seen = 0
    for seed in range(60):
        found, moved = augmentation.augment(picture, things, 120, np.random.default_rng(seed))
        assert found.shape == (120, 120, 3)
        assert ((moved[:, 1:5] >= 0) & (moved[:, 1:5] <= 1)).all()
        bright = found[:, :, 2] > 200
        for left, top, right, bottom in np.rint(moved[:, 1:5] * 120).astype(int):
            inside = bright[top + 1 : bottom - 1, left + 1 : right - 1]
            if inside.size:
                assert inside.mean() > 0.85
                assert inside.sum() > 0.6 * bright.sum()
                seen += 1
    assert seen > 50


def test_other_colours_are_about_the_same_ones() -> None:
    torch.manual_seed(0)
    grey = torch.full((200, 3, 2, 2), 128.0)
    changed = augmentation.recoloured(grey)
    assert changed.std(dim=1).max() < 1.0  # turning hues leaves grey what it is
    assert 100 < changed.mean() < 156
    assert (changed != grey).flatten(1).any(1).float().mean() > 0.5
    assert (changed == grey).flatten(1).all(1).any()


def precision(*images: tuple[list[Any], list[Any]], overlap: float = 0.5) -> float:
    found = Precision(overlap)
    for said, right in images:
        found.add(np.array(said, float).reshape(-1, 6), np.array(right, float).reshape(-1, 6))
    return found.mean()


BOX, OTHER, AWAY = [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.6, 0.2, 0.9]


def test_average_precision_worked_out_by_hand() -> None:
    right = [[0, *BOX, 0], [0, *OTHER, 0]]
    assert precision(([[0, 0.9, *BOX], [0, 0.8, *OTHER]], right)) == 1
    assert precision(([[0, 0.9, *BOX]], right)) == pytest.approx(6 / 11)  # recalls 0 to .5
    said = [[0, 0.9, *AWAY], [0, 0.8, *BOX], [0, 0.7, *BOX], [0, 0.6, *OTHER]]
    assert precision((said, right)) == pytest.approx((6 * 0.5 + 5 * 0.5) / 11)  # of 1/2 at .5, of 2/4 at 1
    assert precision(([], right)) == 0
    assert precision(([[3, 0.9, *BOX]], [])) == 0
    assert precision(([[0, 0.9, *BOX], [1, 0.9, *BOX]], [[0, *BOX, 0]])) == 1  # there is nothing of class 1
    assert precision(([[0, 0.9, *BOX]], [[0, *BOX, 0], [1, *BOX, 0]])) == 0.5


def test_difficult_things_count_neither_way() -> None:
    right = [[0, *BOX, 0], [0, *OTHER, 1]]
    assert precision(([[0, 0.9, *OTHER], [0, 0.8, *BOX]], right)) == 1
    assert precision(([[0, 0.8, *BOX]], right)) == 1


def test_average_precision_is_that_of_another_program() -> None:
    """The rule of VOC 2007 written down a second time, plainly."""
    random = np.random.default_rng(0)
    images = []
    for _ in range(12):
        there = random_boxes(5, int(random.integers(1 << 30))).numpy()
        near = np.clip(there + random.normal(0, 0.03, there.shape), 0, 1)
        said = np.column_stack([random.integers(0, 2, 5), random.random(5), near])
        images.append((said, np.column_stack([random.integers(0, 2, 5), there, np.zeros(5)])))
    for overlap in (0.3, 0.5, 0.75):
        assert precision(*images, overlap=overlap) == pytest.approx(plainly(images, overlap))


def plainly(images: list[Any], overlap: float) -> float:
    averages = []
    for label in (0, 1):
        count = sum(int((right[:, 0] == label).sum()) for _, right in images)
        rows = [(row[1], number, row) for number, (said, _) in enumerate(images) for row in said if row[0] == label]
        used, right_so_far, points = set(), 0, []
        for place, (_, number, row) in enumerate(sorted(rows, key=lambda each: -each[0]), 1):
            best, at = -1.0, -1
            for index, thing in enumerate(images[number][1]):
                shared = float(box_iou(torch.tensor(row[None, 2:]), torch.tensor(thing[None, 1:5]))[0, 0])
                if thing[0] == label and shared > best:
                    best, at = shared, index
            if best >= overlap and (number, at) not in used:
                used.add((number, at))
                right_so_far += 1
            points.append((right_so_far / count, right_so_far / place))
        averages.append(sum(max([p for r, p in points if r >= step / 10 - 1e-9], default=0) for step in range(11)) / 11)
    return float(np.mean(averages))


@pytest.mark.parametrize(
    ("pattern", "frozen"),
    [
        (
            r"^(conv1_|conv2_).*",
            ["backbone.features.0.", "backbone.features.2.", "backbone.features.5.", "backbone.features.7."],
        ),
        (r"backbone\.features\.28", ["backbone.features.28."]),
        ("fc6", ["backbone.fc6."]),
        ("nothing", []),
    ],
)
def test_patterns_freeze_by_our_names_and_by_mxnets(pattern: str, frozen: list[str]) -> None:
    module = network.Detector(network.VGG, 2, 6, 1, False)
    freezing.freeze(module, pattern)
    still = {name for name, each in module.named_parameters() if not each.requires_grad}
    assert still == {name for name, _ in module.named_parameters() if name.startswith(tuple(frozen))}


def test_mxnets_names_of_residual_networks() -> None:
    names = {
        name: freezing.mxnet_name(name)
        for name, _ in network.Detector(network.RESNET, 2, 6, 1, True).named_parameters()
    }
    assert names["backbone.layer2.0.conv1.weight"] == "stage2_unit1_conv1_weight"
    assert names["backbone.layer4.2.bn3.bias"] == "stage4_unit3_bn3_beta"
    assert names["backbone.layer3.0.downsample.0.weight"] == "stage3_unit1_sc_weight"
    assert names["backbone.bn1.weight"] == "bn0_gamma"
    assert len(set(names.values())) > 0.9 * len(names)


def test_patterns_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    module = network.Detector(network.VGG, 2, 6, 1, False)
    with pytest.raises(UserError, match="freezes all"):
        freezing.freeze(module, "")
    monkeypatch.setattr(freezing, "DEADLINE_S", 0.2)
    module.register_parameter("a" * 60, torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(UserError, match=r"more than 0\.2 s"):
        freezing.freeze(module, "(a|aa)+!")


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], "not consist of a header and objects"),
        ([2, 4, 0, 0, 0, 1], "the minimum is 2 and 5"),
        ([2, 5, 0, 0, 0, 1], "6 numbers: a header of 2, and 5 per object"),
        ([2, 5, 0, 0, 0, 1, float("nan")], "not consist of a header and objects"),
        ([9, 5, 0], "3 numbers: a header of 9"),
        ([2, 5, 2, 0, 0, 1, 1], "object 0 is of class 2: it must be a whole number from 0 to 1"),
        ([2, 5, 0.5, 0, 0, 1, 1], "object 0 is of class 0.5"),
        ([2, 5, 0, 0, 0, 1, 1, 1, 0.2, 0, 1.2, 1], "the box of object 1 is outside the image: from"),
        ([2, 5, 0, 0.5, 0, 0.5, 1], "the box of object 0 is empty"),
    ],
    ids=str,
)
def test_labels_that_are_none_are_told(numbers: list[float], said: str) -> None:
    with pytest.raises(BadImage, match=said):
        labels.of_numbers(numbers).checked((10, 10), 2)


def test_labels_of_records() -> None:
    found = labels.of_numbers([4, 6, 300, 200, 1, 0.1, 0.2, 0.3, 0.4, 1, -1, -1, -1, -1, -1, -1])
    assert np.allclose(found.checked((30, 20), 2), [[1, 0.1, 0.2, 0.3, 0.4, 1]])
    assert labels.of_numbers([2, 5]).checked((10, 10), 2).shape == (0, 6)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"annotations": 3}, {"annotations": [{}]}, {"annotations": [], "image_size": [{}]},
     {"annotations": [], "image_size": [{"width": 0, "height": 1}]}, {"annotations": [], "image_size": []},
     {"annotations": [{"class_id": 0, "left": "x", "top": 0, "width": 1, "height": 1}]},
     {"annotations": [{"class_id": 0, "left": 10**400, "top": 0, "width": 1, "height": 1}]},
     {"annotations": [{"class_id": 0, "left": float("nan"), "top": 0, "width": 1, "height": 1}]}],
    ids=str,
)  # fmt: skip
def test_annotations_that_are_none_are_told(document: Any) -> None:
    with pytest.raises(BadImage, match="its annotation"):
        labels.of_document(document)
