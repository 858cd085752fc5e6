"""The child of an invocation: imports the function's module, calls its handler, and writes the result to a file."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagewright.toolkit.functions.events import MOST_PAYLOAD, FunctionInvocation


class RuntimeFault(Exception):
    """An error found by the runtime itself. `kind`: its errorType."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, trace or []


class ClientContext:
    """The caller's ClientContext."""

    def __init__(self, document: Any) -> None:
        given = document if isinstance(document, dict) else {}
        self.custom, self.env, self.client = given.get("custom"), given.get("env"), given.get("client")


class LambdaContext:
    """The handler's second argument. Source: AWS's guide, "Using the Lambda context object to retrieve Python function
    information"."""

    identity = None

    def __init__(self, invocation: FunctionInvocation) -> None:
        self.function_name, self.function_version = invocation.name, "$LATEST"
        self.invoked_function_arn, self.aws_request_id = invocation.arn, invocation.request_id
        self.memory_limit_in_mb = str(invocation.memory_mb)
        self.log_group_name, self.log_stream_name = invocation.log_group, invocation.log_stream
        self.client_context = None if invocation.client_context is None else ClientContext(invocation.client_context)
        self._deadline = time.monotonic() + invocation.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, text: object) -> None:
        print(text)


def handle(task: Path, result: Path, invocation: FunctionInvocation, begun: int) -> None:
    """Never returns. Writes a byte to `begun` when the handler is called."""
    code = 0
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        payload, failed = _answer(task, invocation, begun)
        if len(payload.encode()) > MOST_PAYLOAD:
            text = f"Response payload size exceeded maximum allowed payload size ({MOST_PAYLOAD} bytes)."
            payload, failed = json.dumps({"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}), True
        result.write_text(json.dumps([payload, failed]))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _answer(task: Path, invocation: FunctionInvocation, begun: int) -> tuple[str, bool]:
    """Returns the handler's result or error as text, and True for an error."""
    os.chdir(task)
    sys.path.insert(0, str(task))
    sys.argv = [""]
    _log_to_stdout(invocation.request_id)
    try:
        handler = _find(invocation.handler)
        os.write(begun, b"b")
        os.close(begun)
        given = handler(invocation.event, LambdaContext(invocation))
        return _marshal(given), False
    except RuntimeFault as fault:
        error = {"errorMessage": str(fault), "errorType": fault.kind, "requestId": invocation.request_id,
                 "stackTrace": fault.trace}  # fmt: skip
    except Exception as raised:
        error = {
            "errorMessage": str(raised),
            "errorType": type(raised).__name__,
            "requestId": invocation.request_id,
            "stackTrace": _trace_of(raised),
        }
    print(f"[ERROR] {error['errorType']}: {error['errorMessage']}\nTraceback (most recent call last):")
    print("".join(error["stackTrace"]), end="", flush=True)
    return json.dumps(error), True


def _marshal(given: Any) -> str:
    try:
        return json.dumps(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _find(handler: str) -> Callable[[Any, Any], Any]:
    """Raises RuntimeFault, and the errors of importing the module."""
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}\n'
        raise RuntimeFault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [line]
        ) from None
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeFault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    return found  # type: ignore[no-any-return]


def _trace_of(raised: BaseException) -> list[str]:
    """Returns the stack trace from the handler on."""
    frames = traceback.extract_tb(raised.__traceback__)
    return traceback.format_list([one for one in frames if one.filename != __file__])


class _Line(logging.Formatter):
    """A formatter like Lambda's for the root logger."""

    converter = staticmethod(time.gmtime)

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t{request_id}\t%(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
        )


def _log_to_stdout(request_id: str) -> None:
    root = logging.getLogger()
    root.handlers = [logging.StreamHandler(sys.stdout)]
    root.handlers[0].setFormatter(_Line(request_id))
