"""DDP steps of a small network at batch 64 a process: prints microseconds of wall and of CPU a step, by the first process."""

import os
import time

import torch
import torch.distributed as dist

STEPS = 300
torch.set_num_threads(1)
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    dist.init_process_group("gloo")
net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
model = torch.nn.parallel.DistributedDataParallel(net) if dist.is_initialized() else net
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(64, 784), torch.randint(10, (64,))


def step() -> None:
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


for _ in range(30):
    step()
if dist.is_initialized():
    dist.barrier()
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(STEPS):
    step()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
if os.environ.get("RANK", "0") == "0":
    print(f"STEP {1e6 * wall / STEPS:.0f} {1e6 * cpu / STEPS:.0f}", flush=True)
if dist.is_initialized():
    dist.barrier()
    dist.destroy_process_group()
