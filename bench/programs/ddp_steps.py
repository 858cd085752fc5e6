"""DDP steps at batch 64 a process: prints microseconds of wall and of CPU a step, by the first process.

`--how`: gloo, smddp (PyTorch's DistributedDataParallel) or library (the one of smdistributed.dataparallel); `--net`: dense, with
many parameters for its work, or conv, with few.
"""

import argparse
import os
import time

import torch
import torch.distributed as dist

options = argparse.ArgumentParser()
options.add_argument("--how", default="gloo")
options.add_argument("--net", default="dense")
given = options.parse_args()
steps = 300 if given.net == "dense" else 40
torch.set_num_threads(1)
wrap = torch.nn.parallel.DistributedDataParallel
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    if given.how != "gloo":
        import smdistributed.dataparallel.torch.torch_smddp  # noqa: F401
    if given.how == "library":
        from smdistributed.dataparallel.torch import parallel

        wrap = parallel.DistributedDataParallel
    dist.init_process_group("gloo" if given.how == "gloo" else "smddp")
if given.net == "dense":
    net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
    x = torch.randn(64, 784)
else:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(9216, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10),
    )  # fmt: skip
    x = torch.randn(64, 1, 28, 28)
y = torch.randint(10, (64,))
model = wrap(net) if dist.is_initialized() else net
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def step() -> None:
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


for _ in range(steps // 10):
    step()
if dist.is_initialized():
    dist.barrier()
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(steps):
    step()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
if os.environ.get("RANK", "0") == "0":
    print(f"STEP {1e6 * wall / steps:.0f} {1e6 * cpu / steps:.0f}", flush=True)
if dist.is_initialized():
    dist.barrier()
    dist.destroy_process_group()
