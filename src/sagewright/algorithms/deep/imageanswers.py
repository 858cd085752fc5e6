"""What the services of the algorithms for images have in common: which requests are refused, and the form of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from sagewright.algorithms.deep import images
from sagewright.algorithms.deep.images import BadImage
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.serving.messages import Response


def form_of(content_type: str, accept: str, offered: Sequence[str]) -> ContentType | Response:
    """The form that the client of a request wants its answer in, or the answer that the request is refused.

    It is the first of the client's list that is offered, and the first of `offered` where the client takes any.
    """
    if ContentType.parse(content_type or images.TYPES[0]).media not in images.TYPES:
        text = f"Content-type {content_type} is not supported; these are: {', '.join(images.TYPES)}."
        return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    alike = offered[0].partition("/")[0] + "/*"
    for text in accept.split(",") if accept.strip() else ["*/*"]:
        form = ContentType.parse(text)
        if form.media in ("*/*", alike):
            return ContentType(offered[0])
        if form.media in offered:
            return form
    text = f"Accept type {accept} is not supported; these are: {', '.join(offered)}."
    return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)


def unusable(error: BadImage) -> Response:
    """What answers an image that can't be used."""
    text = f"Unable to evaluate payload provided: the image can't be used: {error}"
    return Response(text.encode(), status=HTTPStatus.BAD_REQUEST)
