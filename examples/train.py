"""An ordinary SageMaker training script: a small network learns handwritten digits (8 x 8 pixels, 10 classes)."""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", "."))
    parser.add_argument("--training", default=os.environ.get("SM_CHANNEL_TRAINING", "."))
    args = parser.parse_args()

    torch.manual_seed(0)
    table = np.concatenate([np.loadtxt(path, delimiter=",") for path in sorted(Path(args.training).glob("*.csv"))])
    labels, pixels = torch.tensor(table[:, 0]).long(), torch.tensor(table[:, 1:] / 16).float()
    split = int(len(labels) * 0.8)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loss_of = nn.CrossEntropyLoss()
    print(f"training on {device}: {split} digits, testing on {len(labels) - split}")
    for epoch in range(1, args.epochs + 1):
        order = torch.randperm(split)
        for batch in order.split(args.batch_size):
            optimizer.zero_grad()
            loss = loss_of(model(pixels[batch].to(device)), labels[batch].to(device))
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            guesses = model(pixels[split:].to(device)).argmax(1).cpu()
        accuracy = (guesses == labels[split:]).float().mean().item()
        print(f"epoch {epoch}: train_loss={loss.item():.4f} test_accuracy={accuracy:.4f}")
    torch.save(model.state_dict(), Path(args.model_dir) / "model.pt")


if __name__ == "__main__":
    main()
