"""Where a network's channels lie in memory, and in which type it is computed."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training import device
from sagewright.algorithms.deep.training.device import laid_out

PROGRAM = """
import torch
from torch import nn
from sagewright.algorithms.deep.training.device import laid_out
torch.set_num_threads(1)
width, side = {width}, {side}
layers = [nn.Conv2d(3, width, 7, 2, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(width, 2 * width, 1, 2), nn.BatchNorm2d(2 * width)]
network = laid_out(nn.Sequential(*layers), width)
pixels = torch.rand(2, side, side, 3).permute(0, 3, 1, 2)
for _ in range(4):
    network(pixels).sum().backward()
"""


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("width", "side"), [(4, 310), (8, 333), (12, 310), (16, 310)])
def test_the_backward_pass_of_no_width_writes_beyond_its_memory(width: int, side: int) -> None:
    """torch 2.13 crashes with fewer than 16 channels that lie last, as those of pixels do."""
    program = PROGRAM.format(width=width, side=side)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize(("width", "last"), [(8, False), (16, True)])
def test_narrow_networks_have_their_channels_first(width: int, last: bool) -> None:
    network = laid_out(nn.Sequential(nn.Conv2d(3, width, 3)), width)
    said = network(torch.rand(1, 9, 9, 3).permute(0, 3, 1, 2))
    assert said.is_contiguous(memory_format=torch.channels_last) == last


@pytest.mark.parametrize(
    ("capabilities", "multiplies"),
    [
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, True),
        ({"architecture": "x86_64", "avx2": True, "avx512_bf16": False}, False),
        ({"architecture": "aarch64"}, True),
    ],
)
def test_bfloat16_on_a_cpu_without_its_instructions_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capabilities: dict[str, object], multiplies: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch, "set_num_threads", lambda _count: None)
    with caplog.at_level(logging.INFO):
        found = device.choose({"_num_gpus": 0}, "float16")
        device.choose({"_num_gpus": 0})
    assert found.reduced == torch.bfloat16
    assert caplog.text.count("no bfloat16 instructions") == (not multiplies)
