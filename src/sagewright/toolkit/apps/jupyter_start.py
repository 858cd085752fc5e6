"""An extension of jupyter-server that gets the first cell answered sooner.

A kernel's imports run while the browser loads JupyterLab (`warm_kernels`). The list of formats in "Save and Export Notebook
As", which imports every exporter, waits until the first kernel has started. Source: jupyter_server 2.21 (`services/nbconvert`),
JupyterLab 4.6 (`notebook-extension:export`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from sagewright.toolkit.apps.programs import KERNEL_OPTIONS
from sagewright.toolkit.apps.warm_kernels import WarmKernels

FORMATS_WAIT_S = 5.0
"""Longest wait of the menu's formats for a kernel: a notebook may be read without one."""
REFILL_S = 10.0
"""Time from a kernel's start to that of the next process that waits: the notebook's first cells come first."""
SETTLED_S = 2.0
"""Time from a kernel's start to the imports of the formats: they would delay the messages of its first cell."""
_STEP_S = 0.1
_RUNNING = frozenset({"idle", "busy"})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    _defer_formats(server.kernel_manager)
    _warm(server.io_loop)


def _warm(loop: Any) -> None:
    from jupyter_client.provisioning import local_provisioner  # type: ignore[import-not-found, unused-ignore]

    kernels = WarmKernels(local_provisioner.launch_kernel)

    def launch(command: list[str], **given: Any) -> Any:
        loop.call_later(REFILL_S, kernels.prepare, KERNEL_OPTIONS)
        return kernels.launch(command, **given)

    local_provisioner.launch_kernel = launch
    loop.add_callback(kernels.prepare, KERNEL_OPTIONS)  # once the server listens


def _defer_formats(manager: Any) -> None:
    from jupyter_server.services.nbconvert.handlers import (  # type: ignore[import-not-found, unused-ignore]
        NbconvertRootHandler,
    )

    list_formats, first = NbconvertRootHandler.get, asyncio.Event()

    async def get(handler: Any) -> None:
        if not first.is_set():
            await _kernel_settled(manager)
            first.set()
        await list_formats(handler)

    NbconvertRootHandler.get = get


async def _kernel_settled(manager: Any) -> None:
    """Waits until a kernel has run for some time, or until none has started for some time."""
    for _ in range(int(FORMATS_WAIT_S / _STEP_S)):
        if any(kernel.get("execution_state") in _RUNNING for kernel in manager.list_kernels()):
            await asyncio.sleep(SETTLED_S)
            return
        await asyncio.sleep(_STEP_S)
