"""Values of segments equal those of all coalitions; hostile pictures are refused before they are decoded."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.configuration.methods import ImageSettings, ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images.boxes import Detected, detected, overlaps, score_of, surroundings
from sagewright.clarify.images.explanation import PictureExplainer, write_records
from sagewright.clarify.images.files import Pixels, find_pictures, read_picture, stems
from sagewright.clarify.images.models import classifier, detections, detector, requests
from sagewright.clarify.images.segments import BLURRED, Region, SegmentedPicture, background, segment, whole
from sagewright.clarify.tables import Array


def scene() -> Pixels:
    """A dark picture with a white square on the left and a red disc on the right."""
    picture = np.full((48, 96, 3), 30, np.uint8)
    picture[12:36, 12:36] = 255
    y, x = np.ogrid[:48, :96]
    picture[(y - 24) ** 2 + (x - 70) ** 2 < 150] = (220, 20, 20)
    return picture


def colours(pictures: list[Pixels]) -> Array:
    """Two outputs that are not additive: white, and red where there is white too."""
    whole = np.stack(pictures).astype(float) / 255
    white = (whole.min(axis=3) > 0.9).mean(axis=(1, 2)) * 8
    red = ((whole[..., 0] > 0.7) & (whole[..., 1] < 0.3)).mean(axis=(1, 2)) * 8
    return np.stack([white, red * np.sqrt(white + 0.1)], axis=1)


def squares(pictures: list[Pixels]) -> list[Array]:
    """Detects white (class 0) and red (class 1) things by the share of their pixels that is left."""
    found = []
    for picture in pictures:
        rows = [[-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
        for class_id, mask in enumerate((picture.min(axis=2) > 230, (picture[..., 0] > 180) & (picture[..., 1] < 80))):
            if mask.sum() > 30:
                y, x = np.nonzero(mask)
                box = [x.min() / 96, y.min() / 48, (x.max() + 1) / 96, (y.max() + 1) / 48]
                rows.append([class_id, min(1.0, mask.sum() / 600), *box])
        found.append(np.array(rows))
    return found


def shap(**image: Any) -> ShapSettings:
    return ShapSettings(
        num_samples=600, seed=1, image=ImageSettings(**{"num_segments": 8, "segment_compactness": 10} | image)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    Image.fromarray(scene()).save(tmp_path / "data" / "scene.png")
    return tmp_path


BLACK = np.zeros((10, 10, 3), np.uint8)


def explainer(folder: Path, settings: ShapSettings, **more: Any) -> PictureExplainer:
    return PictureExplainer(
        settings,
        **{"labels": ("white", "red"), "folder": folder / "data", "output": folder / "out", "baseline": BLACK} | more,
    )


def test_values_of_a_classifier_equal_the_definition(folder: Path) -> None:
    explaining = explainer(folder, shap())
    results = list(explaining.classified(find_pictures(folder / "data"), colours))
    assert [one.path.name for one in results] == ["shap_scene_red.jpeg", "shap_scene_white.jpeg"] or [
        one.path.name for one in results
    ] == ["shap_scene_white.jpeg", "shap_scene_red.jpeg"]
    numbers = segment(scene(), whole(scene()), 8, 10)
    game = SegmentedPicture(scene(), np.zeros_like(scene()), whole(scene()), numbers)
    players = game.players
    masks = np.array([[bool(code >> place & 1) for place in range(players)] for code in range(2**players)])
    scores = np.concatenate([colours(pictures) for _, pictures in game.pictures(masks)])
    for one in results:
        output = ("white", "red").index(one.record["label"])
        for player in range(players):
            others = [other for other in range(players) if other != player]
            value = sum(
                factorial(size) * factorial(players - size - 1) / factorial(players)
                * (scores[sum(1 << p for p in (*chosen, player)), output] - scores[sum(1 << p for p in chosen), output])
                for size in range(players) for chosen in combinations(others, size)
            )  # fmt: skip
            assert one.record["attributions"][player] == pytest.approx(value, abs=1e-12)
        assert sum(one.record["attributions"]) == pytest.approx(one.record["score"] - one.record["expected_value"])
    assert explaining.calls == 2**players
    for one in results:
        with Image.open(one.path) as picture:
            assert picture.format == "JPEG"
            assert picture.width > 2 * 600
    path = write_records(results, folder / "out")
    assert [json.loads(line)["heat_map"] for line in path.read_text().splitlines()] == [
        one.path.name for one in results
    ]


def test_objects_get_a_heat_map_each(folder: Path) -> None:
    explaining = explainer(folder, shap())
    results = list(explaining.detected(find_pictures(folder / "data"), squares))
    assert sorted(path.name for path in (folder / "out").glob("*.jpeg")) == [
        "scene_objects.jpeg", "shap_scene_box1_object.jpeg", "shap_scene_box2_object.jpeg",
    ]  # fmt: skip
    assert [one.record["label"] for one in results] == ["white", "red"]
    numbers = segment(scene(), whole(scene()), 8, 10)
    for one, spot in zip(results, ((24, 24), (24, 70)), strict=True):
        top = int(np.argmax(one.record["attributions"]))
        assert top == numbers[spot]
        assert sum(one.record["attributions"]) == pytest.approx(one.record["score"])
    assert explaining.calls == 2 ** (int(numbers.max()) + 1)  # both objects by the same calls


def test_without_context_only_the_box_is_explained(folder: Path) -> None:
    seen: list[bool] = []

    def watched(pictures: list[Pixels]) -> list[Array]:
        seen.extend(bool((picture[:, 60:] == scene()[:, 60:]).all()) for picture in pictures)
        return squares(pictures)

    settings = shap(context=0.0, max_objects=1)
    results = list(explainer(folder, settings).detected(find_pictures(folder / "data"), watched))
    assert len(results) == 1
    assert all(seen)


def test_only_the_configured_classes_and_pictures(folder: Path) -> None:
    Image.fromarray(scene()).save(folder / "data" / "other.png")
    settings = shap(debug={"class_ids": [1], "image_names": ["other.png"]})
    found = list(explainer(folder, settings).classified(find_pictures(folder / "data"), colours))
    assert [one.path.name for one in found] == ["shap_other_red.jpeg"]
    settings = shap(debug={"class_ids": [1], "sample_from": 1, "sample_to": 2})
    found = list(explainer(folder, settings).classified(find_pictures(folder / "data"), colours))
    assert [one.path.name for one in found] == ["shap_scene_red.jpeg"]


def test_backgrounds() -> None:
    picture = scene()
    assert (background(picture, None, 1) == background(picture, None, 1)).all()
    assert (background(picture, None, 1) != background(picture, None, 2)).any()
    assert background(picture, BLACK, 1).shape == picture.shape
    assert 30 < background(picture, BLURRED, 1)[24, 24, 0] < 255


def test_large_pictures_are_segmented_at_a_smaller_size() -> None:
    picture = np.kron(scene(), np.ones((30, 30, 1), np.uint8))
    numbers = segment(picture, whole(picture), 8, 10)
    assert numbers.shape == (1440, 2880)
    assert 2 <= numbers.max() + 1 <= 20


BOX = Detected(0, 0.9, (0.25, 0.25, 0.5, 0.75))


def test_boxes() -> None:
    others = np.array(
        [
            [0, 0.5, 0.25, 0.25, 0.5, 0.75],
            [0, 0.8, 0.25, 0.25, 0.5, 0.5],
            [1, 0.99, 0.25, 0.25, 0.5, 0.75],
            [0, 1, 0.8, 0.8, 0.9, 0.9],
        ]
    )
    np.testing.assert_allclose(overlaps(BOX.box, others[:, 2:]), [1, 0.5, 1, 0])
    assert score_of(BOX, others, 0.6) == 0.5
    assert score_of(BOX, others, 0.5) == 0.8
    assert score_of(BOX, others[2:], 0.5) == 0.0
    assert surroundings(BOX, scene(), 1.0) == Region(0, 0, 96, 48)
    assert surroundings(BOX, scene(), 0.0) == Region(24, 12, 48, 36)
    assert surroundings(BOX, scene(), 0.5) == Region(12, 6, 72, 42)
    tiny = surroundings(Detected(0, 1.0, (0.99, 0.99, 0.999, 0.999)), scene(), 0.0)
    assert (tiny.right - tiny.left, tiny.bottom - tiny.top) == (8, 8)
    assert [one.score for one in detected(others, 2)] == [1, 0.99]
    assert [one.class_id for one in detected(others, 5, (1,))] == [1]


def test_answers_of_detectors() -> None:
    row = [0, 0.5, 0, 0, 1, 1]
    for document, count in (
        ([row], 1),
        ({"prediction": [row]}, 1),
        ([[row], [row]], 2),
        ({"predictions": [[row], []]}, 2),
        ([{"prediction": [row]}], 1),
    ):
        found = detections(json.dumps(document).encode(), count)
        assert [one.shape[1] for one in found] == [6] * count
        assert found[0].tolist() == [row]
    assert detections(b"[]", 1)[0].shape == (0, 6)
    for body in (b"x", b"{}", b"[[[1, 2]]]", b'[["a"]]', b"[" * 100_000, b"[[[0, 1e999, 0, 0, 1, 1]]]", b"null", b"3"):
        with pytest.raises(CustomerError):
            detections(body, 1)


def test_requests_and_answers_of_endpoints() -> None:
    pictures = [scene()] * 3
    bodies = list(requests(pictures, "application/x-npy"))
    assert [count for _, count in bodies] == [3]
    assert np.load(BytesIO(bodies[0][0])).shape == (3, 48, 96, 3)
    for content_type, form in (("image/png", "PNG"), ("image/jpeg", "JPEG")):
        bodies = list(requests(pictures, content_type))
        assert [count for _, count in bodies] == [1, 1, 1]
        with Image.open(BytesIO(bodies[0][0])) as picture:
            assert picture.format == form
    model = classifier(lambda body: b"[0.25, 0.75]", Predictor(content_type="image/png"))
    assert model(pictures).tolist() == [[0.25, 0.75]] * 3
    model = classifier(lambda body: b'{"p": [0.25, 0.75]}', Predictor(content_type="image/png", probability="p"))
    assert model(pictures).tolist() == [[0.25, 0.75]] * 3
    model = classifier(lambda body: b"0.25,0.75\n", Predictor(accept_type="text/csv"))
    assert model(pictures).tolist() == [[0.25, 0.75]] * 3
    found = detector(lambda body: b'{"prediction": [[0, 0.5, 0, 0, 1, 1]]}', Predictor())(pictures)
    assert [one.tolist() for one in found] == [[[0, 0.5, 0, 0, 1, 1]]] * 3
    with pytest.raises(
        CustomerError, match="content_type for pictures must be one of image/jpeg, image/png, application/x-npy"
    ):
        list(requests(pictures, "text/csv"))


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("bomb.png", bomb(60_000, 60_000), "not a JPEG or PNG picture|has 60000 x 60000 pixels, at most 25000000"),
        ("large.png", bomb(6_000, 6_000), "has 6000 x 6000 pixels, at most 25000000"),
        ("thin.png", bomb(4, 4000), "has 4 x 4000 pixels, at least 8 a side"),
        ("cut.png", bomb(100, 100), "The picture 'cut.png' is damaged"),
        ("text.jpg", b"hello", "'text.jpg' is not a JPEG or PNG picture"),
        ("long.jpg", b"\xff" * (21 << 20), "The picture 'long.jpg' has more than 20971520 bytes"),
        ("gif.png", b"GIF89a" + b"\0" * 100, "'gif.png' is not a JPEG or PNG picture"),
    ],
)  # fmt: skip
def test_hostile_pictures(name: str, data: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CustomerError, match=text):
        read_picture(tmp_path / name)


def test_names_of_results_stand_once(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/x.png", "b/x.png", "b/x.jpg", "c/../../e vil;.png", "y.png")]
    assert stems(paths, tmp_path) == ["a_x", "b_x", "b_x-2", "e_vil_", "y"]
    elsewhere = [tmp_path / "m1" / "x.png", tmp_path / "m2" / "x.png"]
    assert stems(elsewhere, tmp_path / "manifest") == ["m1_x", "m2_x"]
    with pytest.raises(CustomerError, match="The dataset has no pictures"):
        find_pictures(tmp_path)


@pytest.mark.parametrize(
    ("image", "more", "text"),
    [
        ({"num_segments": 0}, {}, "num_segments must be from 1 to 1000, but it is 0"),
        ({"segment_compactness": 0}, {}, "segment_compactness must be above 0"),
        ({"feature_extraction_method": "x"}, {}, "feature_extraction_method must be segmentation, not 'x'"),
        ({}, {"labels": ()}, "label_headers of the predictor is needed"),
        ({}, {"labels": ("a", "b", "c")}, "label_headers has 3 entries, and the model answers 2 scores"),
    ],
)
def test_errors(image: dict[str, Any], more: dict[str, Any], text: str, folder: Path) -> None:
    with pytest.raises(CustomerError, match=text):
        list(explainer(folder, shap(**image), **more).classified(find_pictures(folder / "data"), colours))


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ({"context": 2.0}, "context must be from 0 to 1, but it is 2.0"),
        ({"iou_threshold": 7}, "iou_threshold must be from 0 to 1"),
        ({"max_objects": 0}, "max_objects must be from 1 to 100"),
    ],
)
def test_errors_of_detectors(image: dict[str, Any], text: str, folder: Path) -> None:
    with pytest.raises(CustomerError, match=text):
        list(explainer(folder, shap(**image)).detected(find_pictures(folder / "data"), squares))
