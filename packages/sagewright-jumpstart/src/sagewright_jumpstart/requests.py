"""Bodies of requests and answers of the model's server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sagewright_jumpstart.errors import InputError, TypeUnsupported

JSON, VERBOSE = "application/json", "verbose"
_ANY = frozenset({"*/*", "application/*", ""})
_PICTURES = frozenset({"application/x-image", "image/jpeg", "image/png", "image/webp", "image/bmp", "image/gif"})


def media_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def text_of(body: str | bytes) -> str:
    """Raises InputError."""
    try:
        return body if isinstance(body, str) else bytes(body).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the request is not UTF-8: {error}") from error


def picture_of(body: str | bytes, content_type: str) -> bytes:
    """Returns the bytes of a picture, which are not looked into. Raises InputError, TypeUnsupported."""
    if media_of(content_type) not in _PICTURES:
        raise unsupported(content_type, sorted(_PICTURES))
    if not body:
        raise InputError("the request is empty: a picture is expected")
    return body.encode() if isinstance(body, str) else bytes(body)


def document_of(body: str | bytes) -> Any:
    """Raises InputError."""
    try:
        return json.loads(text_of(body))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"the request is not JSON: {error}") from error


def texts_in(found: Any, what: str, most: int) -> list[str]:
    """Returns a list of texts. Raises InputError for anything else, an empty list and one longer than `most`."""
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InputError(f"{what}: a list of texts is expected")
    if not 0 < len(found) <= most:
        raise InputError(f"{what}: 1 to {most} texts, not {len(found)}")
    return found


def unsupported(content_type: str, supported: Sequence[str]) -> TypeUnsupported:
    return TypeUnsupported(f"the content type {content_type or '(none)'}: {', '.join(supported)} are supported")


def is_verbose(accept: str) -> bool:
    """Whether labels are wanted beside the numbers: `application/json;verbose`."""
    return VERBOSE in (part.strip().lower() for part in accept.split(";")[1:])


def parameter_of(accept: str, name: str) -> str:
    """Returns a parameter of the Accept header, "" if it has none."""
    pairs = (part.partition("=") for part in accept.split(";")[1:])
    return next((value.strip() for key, _, value in pairs if key.strip().lower() == name), "")


def answer(document: Any, accept: str) -> tuple[str, str]:
    """Returns the JSON of an answer with its type. Raises TypeUnsupported for another type than JSON."""
    wanted = [media_of(each) for each in accept.split(",")]
    if not any(each == JSON or each in _ANY for each in wanted):
        error = TypeUnsupported(f"the Accept type {accept}: {JSON} is supported")
        error.status_code = 406  # type: ignore[assignment]
        raise error
    return json.dumps(document), JSON


def classes(probabilities: Sequence[float], labels: Sequence[Any], verbose: bool) -> dict[str, Any]:
    """Returns a classifier's answer for one input."""
    found: dict[str, Any] = {"probabilities": list(probabilities)}
    if verbose:
        best = max(range(len(found["probabilities"])), key=found["probabilities"].__getitem__)
        found |= {"labels": list(labels), "predicted_label": labels[best]}
    return found
