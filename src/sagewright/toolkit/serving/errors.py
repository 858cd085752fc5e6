"""Errors of a request in script mode, besides the user's own exceptions.

RequestError        `status`: of HTTP
├── UnsupportedType     the format of a request (415) or of a response (406) is unsupported
└── BadInput            the request can't be read (400)
"""

from __future__ import annotations

from http import HTTPStatus


class RequestError(Exception):
    status: int = HTTPStatus.BAD_REQUEST


class BadInput(RequestError):
    pass


class UnsupportedType(RequestError):
    def __init__(self, media: str, status: int = HTTPStatus.UNSUPPORTED_MEDIA_TYPE) -> None:
        self.status = status
        what, function = (
            ("Accept type", "output_fn") if status == HTTPStatus.NOT_ACCEPTABLE else ("Content type", "input_fn")
        )
        super().__init__(
            f"{what} {media or '(none)'} is not supported by this framework. Please implement {function} to handle it."
        )
