"""Errors that a script can raise; the client receives `status_code`."""

from __future__ import annotations

from sagewright.toolkit.serving.errors import UnsupportedType as UnsupportedFormatError

__all__ = ["BaseInferenceToolkitError", "GenericInferenceToolkitError", "ModelLoadError", "UnsupportedFormatError"]


class BaseInferenceToolkitError(Exception):
    def __init__(self, status_code: int, message: str, phrase: str = "") -> None:
        super().__init__(message)
        self.status_code, self.message, self.phrase = status_code, message, phrase or message


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    pass


class ModelLoadError(Exception):
    pass
