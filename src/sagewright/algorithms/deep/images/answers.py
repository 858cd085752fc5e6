"""The common parts of the image algorithms' services: refusal of requests and the format of responses."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.serving.messages import Response


def form_of(content_type: str, accept: str, offered: Sequence[str]) -> ContentType | Response:
    """The response format that the client requests, or the response that refuses the request.

    The format is the first of the client's list that is offered, or the first of `offered` if the client accepts any.
    """
    if ContentType.parse(content_type or decoding.TYPES[0]).media not in decoding.TYPES:
        text = f"Content-type {content_type} is not supported; these are: {', '.join(decoding.TYPES)}."
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
    """The response to an unusable image."""
    text = f"Unable to evaluate payload provided: the image can't be used: {error}"
    return Response(text.encode(), status=HTTPStatus.BAD_REQUEST)
