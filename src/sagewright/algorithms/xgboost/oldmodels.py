"""Model files of old releases: pickled boosters, as AWS's images 0.90 to 1.2 wrote them, and XGBoost's binary format.

A reader that knows only boosters opens a pickle, and calls nothing else in it. XGBoost 3.1 and later read neither the binary format
nor pickles that contain it: see binarymodels.
"""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost import binarymodels
from sagewright.algorithms.xgboost.library import xgb

_PICKLES = (b"\x80", b"ccopy_reg\n", b"ccopyreg\n")
"""First bytes of pickles, including those of Python 2."""
_PLAIN = {"builtins": {"bytearray", "bytes", "dict", "list", "set", "tuple", "int", "float", "str", "object"}}


class _Held:
    """Stands for a booster in a pickle: holds its state, and runs none of its code."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "xgboost":
            return _Held
        if name in _PLAIN.get(module.replace("__builtin__", "builtins"), ()):
            return getattr(__import__("builtins"), name)
        module = module.replace("copy_reg", "copyreg")
        if (module, name) in {("copyreg", "_reconstructor"), ("_codecs", "encode")}:
            return getattr(__import__(module), name)
        raise UserError(
            f"The model is a pickle with {module}.{name} in it; only XGBoost's boosters are loaded from pickles."
        )


def load_old(content: bytes) -> Any | None:
    """Returns the booster, or None if the content is not a file of an old release. Raises UserError if it can't be loaded."""
    if content.startswith(_PICKLES):
        return _load_pickle(content)
    if not _reads_binary() and binarymodels.is_binary(content):
        return binarymodels.load(content)
    return None


def _load_pickle(content: bytes) -> Any:
    try:
        held = _Reader(io.BytesIO(content)).load()
    except UserError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(f"Unable to load model: its pickle cannot be read: {type(error).__name__}: {error}") from error
    state = held.state if isinstance(held, _Held) else {}
    inner = state.get("_Booster")
    handle = (inner.state if isinstance(inner, _Held) else state).get("handle")
    if not isinstance(handle, (bytes, bytearray)):
        raise UserError("Unable to load model: the pickle holds no trained booster.")
    return load_handle(bytes(handle))


def load_handle(handle: bytes) -> Any:
    """Loads the model in a booster's state: since 1.6 in today's format, since 1.1 in JSON, before that in the binary one."""
    if handle.startswith(b'{"'):
        model = json.loads(handle).get("Model")
        return xgb.Booster(model_file=bytearray(json.dumps(model).encode()))
    if not handle.startswith(b"{") and not _reads_binary():
        return binarymodels.load(handle)
    if not handle.startswith(
        (b"{", binarymodels.MAGIC, binarymodels.WITH_CONFIGURATION)
    ):  # before 1.0: the model alone
        return xgb.Booster(model_file=bytearray(handle))
    booster = xgb.Booster()
    booster.__setstate__({"handle": bytearray(handle)})
    return booster


def _reads_binary() -> bool:
    return tuple(int(part) for part in xgb.__version__.split(".")[:2]) < (3, 1)
