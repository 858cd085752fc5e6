"""Train a network on digits whose weights are divided among all processes (torch.sagemaker, version 2 of the library)."""

import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.sagemaker as tsm
from torch import nn
from torch.distributed.tensor import DTensor

tsm.init()
(file,) = Path(os.environ["SM_CHANNEL_TRAINING"]).glob("*.csv")
rows = torch.from_numpy(np.loadtxt(file, delimiter=",")[:1600])
x, y = rows[:, 1:] / 16, rows[:, 0].long()

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
model = tsm.transform(nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for step in range(200):
    batch = slice(step % 8 * 200, step % 8 * 200 + 200)  # the same one in all processes that share a model
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
    optimizer.step()
with torch.no_grad():
    loss = nn.functional.cross_entropy(model(x), y).item()
held = sum((p.to_local() if isinstance(p, DTensor) else p).numel() for p in model.parameters())
if dist.get_rank() == 0:
    print(f"ranks={dist.get_world_size()}; held={held}; loss={loss:.12f};", flush=True)
dist.barrier()  # a process that ends first would break the connections of the other
dist.destroy_process_group()
