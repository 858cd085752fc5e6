"""Train a network on digits and write a checkpoint after each epoch; an interrupted job goes on from the last one."""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

CHECKPOINT = Path("/opt/ml/checkpoints/last.pt")
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
epochs = parser.parse_args().epochs
(file,) = Path(os.environ["SM_CHANNEL_TRAINING"]).glob("*.csv")
rows = torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=np.float32))
x, y = rows[:, 1:] / 16, rows[:, 0].long()

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
done = 0
if CHECKPOINT.exists():
    kept = torch.load(CHECKPOINT)
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    done = kept["epoch"]
print(f"begins at epoch {done}", flush=True)
for epoch in range(done, epochs):
    for start in range(0, 1400, 50):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[start : start + 50]), y[start : start + 50]).backward()
        optimizer.step()
    time.sleep(0.1)  # so that it lasts long enough to be interrupted
    partial = CHECKPOINT.with_suffix(".part")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}, partial)
    partial.replace(CHECKPOINT)
accuracy = (model(x[1400:]).argmax(1) == y[1400:]).float().mean()
print(f"accuracy={accuracy:.4f};", flush=True)
torch.save(model.state_dict(), Path(os.environ["SM_MODEL_DIR"]) / "model.pt")
