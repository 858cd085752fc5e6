"""Parameters that are created on the meta device and initialised after sharding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class DelayedParamIniter:
    """For FSDP's `param_init_fn`: each module is created empty on its device and initialised by its `reset_parameters`, or the
    model's `_init_weights` if it has one.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model

    def get_param_init_fn(self) -> Callable[[torch.nn.Module], None]:
        def init(module: torch.nn.Module) -> None:
            device = (
                torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
            )
            module.to_empty(device=device, recurse=False)
            by_model = getattr(self._model, "_init_weights", None)
            by_itself = getattr(module, "reset_parameters", None)
            if by_model is not None:
                by_model(module)
            elif by_itself is not None:
                by_itself()

        return init

    def get_post_param_init_fn(self) -> Callable[..., Any]:
        """Returns a function that does nothing, for a step that PyTorch's FSDP does not have."""
        return lambda *_arguments: None

    @contextmanager
    def validate_params_and_buffers_inited(self) -> Iterator[None]:
        """Raises RuntimeError at the end if something is still on the meta device."""
        yield
        left = [
            name for name, value in [*self._model.named_parameters(), *self._model.named_buffers()] if value.is_meta
        ]
        if left:
            raise RuntimeError(f"{left[0]} was not initialised.")
