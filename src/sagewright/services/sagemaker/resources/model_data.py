"""Checks of the model data that a container names: in a single member, and existing."""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import ValidationException
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.recipes import ENGINE_MODELS, ENGINES
from sagewright.services.context import Context
from sagewright.services.sagemaker.resources.catalogue_models import (
    CatalogueUse,
    accepts_licence,
    check_catalogue_model,
)
from sagewright.services.sagemaker.resources.input_checks import any_object


def check_model_data(context: Context, container: dict[str, Any], *, there: bool = True) -> None:
    """Raises ValidationException if it is named twice or, with `there`, if there is no object."""
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    url = container.get("ModelDataUrl")
    if source is not None and url:
        raise ValidationException("ModelDataUrl and ModelDataSource exclude each other; both are given.")
    several = container.get("Mode") == "MultiModel"
    if several and not (url or source):
        raise ValidationException("A container with the Mode MultiModel needs ModelDataUrl.")
    if not there:
        return
    for uri in (url, (source or {}).get("S3Uri")):
        if uri:
            check_catalogue_model(context, uri, CatalogueUse.HOST, accepted=accepts_licence(source))
    if url and not several:  # objects of a multi-model container can be added later
        _check_object(context, url, whole=True)
    if source is not None:
        _check_object(context, source["S3Uri"], whole=source["S3DataType"] == "S3Object")


def check_engine(container: dict[str, Any]) -> None:
    """Raises ValidationException for a server of language models that would have to fetch its model from Hugging Face."""
    image = resolve_image(container["Image"])
    if image.framework not in ENGINES or container.get("ModelDataUrl") or container.get("ModelDataSource"):
        return
    environment = container.get("Environment") or {}
    named = next((environment[name] for name in ENGINE_MODELS if environment.get(name)), "")
    what = f"{named} is a model on Hugging Face" if named else f"The image {image.repository} needs a model"
    raise ValidationException(
        f"{what}, and nothing is downloaded from there: put its folder (config.json, tokenizer.json, *.safetensors) into S3 and "
        "name it as ModelDataSource with the CompressionType None."
    )


def _check_object(context: Context, uri: str, *, whole: bool) -> None:
    """Raises ValidationException if there is no object. `whole`: with exactly that key, otherwise with that prefix."""
    try:
        found = any_object(context, read_s3_uri(uri))
    except ValueError:
        found = False
    if not found or (whole and uri.endswith("/")):
        raise ValidationException(f"Could not find model data at {uri}.")
