"""A repository of Aim's with runs of five metrics, five parameters and two attributes: FOLDER COUNT."""

import random
import sys

from aim import Repo, Run

METRICS = ("validation:auc", "validation:logloss", "train:auc", "train:logloss", "train:rmse")
folder, count = sys.argv[1], int(sys.argv[2])
repo = Repo.from_path(folder, init=True)
rng = random.Random(0)
for number in range(count):
    run = Run(
        repo=repo,
        experiment="measured",
        system_tracking_interval=None,
        log_system_params=False,
        capture_terminal_logs=False,
    )
    run.name = f"job-{number:06d}"
    run["hparams"] = {
        "epochs": number, "lr": rng.uniform(0.001, 0.1), "depth": rng.randint(1, 12),
        "optimizer": rng.choice(["adam", "sgd", "adamw"]), "seed": rng.randint(0, 10**6),
    }  # fmt: skip
    run["team"], run["project"] = f"team-{rng.randint(0, 49)}", "bench"
    for name in METRICS:
        run.track(rng.random(), name=name, step=0)
    run.close()
