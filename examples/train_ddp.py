"""DDP on Fashion-MNIST that may be interrupted at any step: the first process writes a checkpoint, all go on from it."""

import argparse
import gzip
import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

CHECKPOINT = Path("/opt/ml/checkpoints/last.pt")
EVERY_STEPS = 50


def read(directory: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    with gzip.open(directory / f"{part}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(directory / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.from_numpy(pixels / np.float32(255)), torch.from_numpy(labels.astype(np.int64))


def save(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """At once or not at all: what has the final name is complete."""
    if dist.get_rank() == 0:
        partial = CHECKPOINT.with_suffix(".part")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, partial)
        partial.replace(CHECKPOINT)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    pixels, labels = read(Path(os.environ["SM_CHANNEL_TRAINING"]), "train")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    model = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    done = 0
    if CHECKPOINT.exists():
        found = torch.load(CHECKPOINT)
        model.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        done = found["step"]
    print(f"rank {rank} of {size} begins at step {done}", flush=True)

    steps = len(labels) // (args.batch_size * size)
    orders = [
        torch.randperm(len(labels), generator=torch.Generator().manual_seed(epoch)) for epoch in range(args.epochs)
    ]
    for step in range(done, args.epochs * steps):
        epoch, batch = divmod(step, steps)
        own = orders[epoch][(batch * size + rank) * args.batch_size :][: args.batch_size]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(pixels[own]), labels[own])
        loss.backward()
        optimizer.step()
        if (step + 1) % EVERY_STEPS == 0:
            save(model, optimizer, step + 1)

    if rank == 0:
        pixels, labels = read(Path(os.environ["SM_CHANNEL_TRAINING"]), "t10k")
        with torch.no_grad():
            accuracy = (net(pixels).argmax(1) == labels).float().mean().item()
        print(f"test_accuracy={accuracy:.4f}", flush=True)
        torch.save(net.state_dict(), Path(os.environ["SM_MODEL_DIR"]) / "model.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
