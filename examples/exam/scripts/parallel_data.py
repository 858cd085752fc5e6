"""Train a network on digits; each process takes its share of every batch, and all average their gradients."""

import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
(file,) = Path(os.environ["SM_CHANNEL_TRAINING"]).glob("*.csv")
rows = torch.from_numpy(np.loadtxt(file, delimiter=",")[:1600])
x, y = rows[:, 1:] / 16, rows[:, 0].long()

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for step in range(300):
    own = slice(step % 8 * 200 + rank * 200 // size, step % 8 * 200 + (rank + 1) * 200 // size)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[own]), y[own]).backward()
    optimizer.step()
if rank == 0:
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model.module(x), y).item()
    print(f"ranks={size}; loss={loss:.12f};", flush=True)
    torch.save(model.module.state_dict(), Path(os.environ["SM_MODEL_DIR"]) / "model.pt")
dist.barrier()
dist.destroy_process_group()
