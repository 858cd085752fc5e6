"""Fine-tunes a classifier of pictures."""

from __future__ import annotations

import torch

from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import reported
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.outputs import save
from sagewright_jumpstart.pictures.data import PictureStore, class_names, divide, picture_files
from sagewright_jumpstart.pictures.loop import PictureTrainer
from sagewright_jumpstart.pictures.network import load_network


def main() -> None:
    reported(_train)


def _train() -> None:
    job = FineTuningJob.from_environment()
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    names = class_names(job.training)
    data = picture_files(job.training, names)
    if job.validation is not None:
        held = picture_files(job.validation, names)
    else:
        data, held = divide(data, given.number("validation_split_ratio"), given.whole("seed"))
    print(f"pictures={len(data)} validation_pictures={len(held)} classes={len(names)}", flush=True)
    network = load_network(job.manifest, job.pretrained)
    keeps = given.text("reinitialize_top_layer") != "True" and tuple(job.manifest.labels) == names
    if not keeps:
        network.replace_head(len(names))
    network.body._dropout.p = given.number("dropout_rate")
    network.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    run_epochs(PictureTrainer(network, given, PictureStore(data, network), PictureStore(held, network)), given)
    job.model_folder.mkdir(parents=True, exist_ok=True)
    network.eval().save(job.model_folder)
    save(job.model_folder, job.pretrained, job.manifest, names)
