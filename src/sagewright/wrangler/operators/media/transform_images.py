"""Changes images: their size, colours and orientation."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator

MOST_PIXELS = 100_000_000


@operator("transform_images", rowwise=True)
def transform_images(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    step.dtype(name, "image")
    change, values = _TOOLS[step.title], dict(step.values)
    changed = pl.col(name).map_batches(
        lambda batch: pl.Series(batch.name, [_changed(one, change, values) for one in batch], pl.Binary),
        return_dtype=pl.Binary,
        is_elementwise=True,
    )
    return one(step.frame.with_columns(changed.alias(step.values["output_column"] or name)))


def _changed(
    content: bytes | None, change: Callable[[Any, dict[str, Any]], Any], values: dict[str, Any]
) -> bytes | None:
    from PIL import Image, UnidentifiedImageError

    if content is None:
        return None
    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise pl.exceptions.ComputeError(
                f"An image has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,}."
            )
        kind = image.format if image.format in ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP") else "PNG"
        written = io.BytesIO()
        image = change(image.convert("RGB") if kind == "JPEG" or image.mode == "P" else image, values)
        image.save(written, kind)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise pl.exceptions.ComputeError(f"A value is not an image: {str(error)[:200]}") from error
    return written.getvalue()


def _resized(image: Any, values: dict[str, Any]) -> Any:
    return image.resize((values["width"], values["height"]))


def _blurred(image: Any, values: dict[str, Any]) -> Any:
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(values["radius"]))


def _contrast(image: Any, values: dict[str, Any]) -> Any:
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(image).enhance(values["factor"])


def _flipped(image: Any, values: dict[str, Any]) -> Any:
    from PIL import ImageOps

    return ImageOps.mirror(image) if values["direction"] == "Horizontal" else ImageOps.flip(image)


_TOOLS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "Resize image": _resized,
    "Blur image": _blurred,
    "Rotate image": lambda image, values: image.rotate(values["angle"], expand=True),
    "Flip image": _flipped,
    "Convert to grayscale": lambda image, values: image.convert("L"),
    "Change contrast": _contrast,
}
