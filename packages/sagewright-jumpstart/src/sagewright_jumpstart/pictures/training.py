"""Fine-tunes a classifier of pictures."""

from __future__ import annotations

import torch

from sagewright_jumpstart.descent import pick_device
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.pictures.data import PictureStore, class_names, divide, picture_files
from sagewright_jumpstart.pictures.loop import PictureTrainer
from sagewright_jumpstart.pictures.network import load_network
from sagewright_jumpstart.program import Fitting, halves, run_program


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    names = class_names(job.training)
    data, held = halves(job, lambda folder: picture_files(folder, names), divide)
    print(f"pictures={len(data)} validation_pictures={len(held)} classes={len(names)}", flush=True)
    network = load_network(job.manifest, job.pretrained)
    keeps = given.text("reinitialize_top_layer") != "True" and tuple(job.manifest.labels) == names
    if not keeps:
        network.replace_head(len(names))
    network.body._dropout.p = given.number("dropout_rate")
    network.to(pick_device())
    trainer = PictureTrainer(network, given, PictureStore(data, network), PictureStore(held, network))
    return Fitting(lambda: run_epochs(trainer, given), network.save, names)
