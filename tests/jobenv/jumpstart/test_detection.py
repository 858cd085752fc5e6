"""CenterNet's graph, decoding and answers, on graphs that are small enough to compute another way."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sagewright_jumpstart.detection.detector import SIDE, CenterNet, Detections, decoded, fitted
from sagewright_jumpstart.detection.graph import GraphNetwork, GraphUnsupported
from sagewright_jumpstart.detection.labels import COCO
from sagewright_jumpstart.detection.serving import input_fn, output_fn
from sagewright_jumpstart.errors import InputError, TypeUnsupported

PICTURE = {"name": "picture", "op": "Placeholder"}


def text(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def graph(*nodes: dict[str, Any], **constants: np.ndarray[Any, Any]) -> tuple[dict[str, Any], bytes]:
    """A document with these nodes after the picture; floats are stored as float16."""
    named = {name.replace("_", "/"): value for name, value in constants.items()}
    weights = [
        {
            "name": name,
            "shape": list(value.shape),
            "dtype": "int32" if value.dtype == np.int32 else "float32",
            **({} if value.dtype == np.int32 else {"quantization": {"dtype": "float16"}}),
        }
        for name, value in named.items()
    ]
    body = b"".join(
        (value if value.dtype == np.int32 else value.astype(np.float16)).tobytes() for value in named.values()
    )
    return {
        "modelTopology": {"node": [PICTURE, *({"name": name, "op": "Const"} for name in named), *nodes]},
        "weightsManifest": [{"paths": ["x.bin"], "weights": weights}],
    }, body


def convolution(op: str, strides: int, padding: str, *fused: str) -> dict[str, Any]:
    inputs = ["picture", "kernel", *(["bias"] if fused else [])]
    attributes: dict[str, Any] = {
        "strides": {"list": {"i": ["1", str(strides), str(strides), "1"]}},
        "padding": {"s": text(padding)},
    }
    if fused:
        attributes["fused_ops"] = {"list": {"s": [text(each) for each in fused]}}
    return {"name": "out", "op": op, "input": inputs, "attr": attributes}


def computed(document: dict[str, Any], weights: bytes, picture: torch.Tensor) -> torch.Tensor:
    return GraphNetwork(document, weights, ["out"])(picture)[0]


def slid(picture: Any, kernel: Any, stride: int, depthwise: bool) -> Any:
    """A convolution with TensorFlow's SAME, by its definition: output i sees the inputs around i * stride."""
    height, width, _ = picture.shape
    size = kernel.shape[0]
    rows, columns = -(-height // stride), -(-width // stride)
    top = max(0, (rows - 1) * stride + size - height) // 2
    left = max(0, (columns - 1) * stride + size - width) // 2
    made = np.zeros((rows, columns, kernel.shape[2 if depthwise else 3]))
    for row, column, y, x in np.ndindex(rows, columns, size, size):
        at_y, at_x = row * stride + y - top, column * stride + x - left
        if 0 <= at_y < height and 0 <= at_x < width:
            seen = picture[at_y, at_x]
            made[row, column] += seen * kernel[y, x, :, 0] if depthwise else seen @ kernel[y, x]
    return made


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_are_tensorflows(side: int, stride: int, size: int, depthwise: bool) -> None:
    draw = np.random.default_rng(side * 100 + stride * 10 + size)
    kernel = draw.integers(-4, 4, (size, size, 3, 1 if depthwise else 2)).astype(np.float32)
    bias = draw.integers(-4, 4, 3 if depthwise else 2).astype(np.float32)
    picture = draw.integers(0, 9, (side, side + 1, 3)).astype(np.float32)
    op = "FusedDepthwiseConv2dNative" if depthwise else "_FusedConv2D"
    document, weights = graph(convolution(op, stride, "SAME", "BiasAdd", "Relu"), kernel=kernel, bias=bias)
    found = computed(document, weights, torch.from_numpy(picture).permute(2, 0, 1)[None])
    expected = np.maximum(slid(picture, kernel, stride, depthwise) + bias, 0)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), expected, atol=1e-4)


def test_the_first_bilinear_interpolation_is_tensorflows() -> None:
    """Values of TensorFlow's tf.compat.v1.image.resize_bilinear for this picture."""
    node = {"name": "out", "op": "ResizeBilinear", "input": ["picture", "size"], "attr": {}}
    document, weights = graph(node, size=np.array([2, 6], np.int32))
    found = computed(document, weights, torch.tensor([[[[0.0, 2.0, 4.0]]]]))
    assert found.tolist() == [[[[0, 1, 2, 3, 4, 4]] * 2]]


def test_numbers_axes_and_activations() -> None:
    mean = {"name": "mean", "op": "Mean", "input": ["picture", "axes"], "attr": {"keep_dims": {"b": True}}}
    doubled = {"name": "twice", "op": "Mul", "input": ["two", "mean"], "attr": {}}
    both = {"name": "both", "op": "ConcatV2", "input": ["mean", "twice", "axis"], "attr": {}}
    out = {"name": "out", "op": "Relu6", "input": ["both"], "attr": {}}
    constants = {"axes": np.array([1, 2], np.int32), "two": np.array(2.0), "axis": np.array(3, np.int32)}
    document, weights = graph(mean, doubled, both, out, **constants)
    picture = torch.tensor([[[[1.0, 3.0]], [[4.0, 6.0]]]])
    assert computed(document, weights, picture).flatten().tolist() == [2, 5, 4, 6]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"name": "out", "op": "PyFunc", "input": ["picture"], "attr": {}}, "PyFunc"),
        ({"name": "out", "op": "Relu", "input": ["nowhere"], "attr": {}}, "damaged"),
        ({"name": "out", "op": "Relu", "input": ["out"], "attr": {}}, "cycle"),
        ({"name": "other", "op": "Relu", "input": ["picture"], "attr": {}}, "damaged"),
        ({"name": "out", "op": "Add", "input": ["picture", "kernel"], "attr": {}}, "shape"),
        (convolution("_FusedConv2D", 1, "SAME", "BiasAdd", "Elu"), "damaged"),
        (convolution("_FusedConv2D", 1, "SAME", "Relu"), "fused"),
        (
            {
                "name": "out",
                "op": "ResizeBilinear",
                "input": ["picture", "size"],
                "attr": {"align_corners": {"b": True}},
            },
            "not supported",
        ),
    ],
)
def test_other_graphs_are_refused(node: dict[str, Any], words: str) -> None:
    arrays = {"kernel": np.ones((1, 1, 3, 2)), "bias": np.ones(2), "size": np.array([4, 4], np.int32)}
    document, weights = graph(node, **arrays)
    with pytest.raises(GraphUnsupported, match=words):
        GraphNetwork(document, weights, ["out"])


def test_weights_that_end_early_are_refused(tmp_path: Path) -> None:
    document, weights = graph(convolution("Conv2D", 1, "SAME"), kernel=np.ones((3, 3, 3, 2)))
    with pytest.raises(GraphUnsupported, match="end before kernel"):
        GraphNetwork(document, weights[:-1], ["out"])
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "a.bin").write_bytes(weights)
    with pytest.raises(GraphUnsupported, match="not JSON"):
        GraphNetwork.read(tmp_path / "a.json", tmp_path / "a.bin", ["out"])


def test_centres_become_boxes() -> None:
    centres, distances = torch.zeros(2, 8, 8), torch.zeros(4, 8, 8)
    centres[1, 3, 5], centres[1, 3, 6], centres[0, 6, 1] = 0.9, 0.8, 0.7  # the second is no peak
    distances[:, 3, 5] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    boxes, classes, scores = decoded(centres, distances)
    assert (classes[:2].tolist(), scores[:3].tolist()) == ([1, 0], pytest.approx([0.9, 0.7, 0]))
    assert boxes[0].tolist() == [19, 10, 23, 16]
    assert boxes[1].tolist() == [4, 24, 4, 24]


class OneObject(torch.nn.Module):
    """Sees a dog's box of 100 pixels around (200, 300), twice."""

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        assert pictures.shape == (1, 3, SIDE, SIDE)
        centres, distances = torch.zeros(1, 80, SIDE // 4, SIDE // 4), torch.full((1, 4, SIDE // 4, SIDE // 4), 50.0)
        centres[0, 16, 75, 50], centres[0, 16, 77, 50] = 0.9, 0.5
        centres[0, 0, 0, 0] = 0.05
        return [centres, distances]


def test_boxes_are_shares_of_the_picture() -> None:
    """A picture of 1024 x 512 fills the square's rows from 128 to 384."""
    found = CenterNet(OneObject(), COCO).detect(Image.new("RGB", (1024, 512)))
    assert (found.classes, found.scores) == ([16], [pytest.approx(0.9)])
    assert COCO[16] == "dog"
    assert found.boxes == [pytest.approx([150 / 512, 122 / 256, 250 / 512, 222 / 256])]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (600, 400), (512, 511)])
def test_any_shape_fits(size: tuple[int, int]) -> None:
    ready, (left, top, width, height) = fitted(Image.new("RGB", size, "white"))
    assert ready.shape == (1, 3, SIDE, SIDE)
    assert (left >= 0, top >= 0, max(width, height)) == (True, True, SIDE)
    assert ready.sum() == 255 * 3 * width * height


def answered(accept: str) -> Any:
    many = Detections([[0.0, 0.0, 1.0, 1.0]] * 30, [1] * 30, [0.5] * 30)
    return json.loads(output_fn((many, CenterNet(OneObject(), COCO)), accept)[0])


def test_the_accept_header_says_how_many() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert set(answered("application/json")) == {"normalized_boxes", "classes", "scores"}
    verbose = answered("application/json;verbose;n_predictions=2")
    assert (len(verbose["scores"]), len(verbose["classes"]), verbose["labels"][0]) == (2, 2, "person")


@pytest.mark.parametrize("given", ["0", "101", "-1", "two", "1" * 5000, "²"])
def test_another_number_of_predictions_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="n_predictions: an integer from 1 to 100"):
        answered(f"application/json;n_predictions={given}")


def test_requests_are_pictures() -> None:
    assert input_fn(b"a", "image/jpeg") == b"a"
    with pytest.raises(InputError, match="a picture is expected"):
        input_fn(b"", "application/x-image")
    with pytest.raises(TypeUnsupported):
        input_fn(b"a", "text/csv")
