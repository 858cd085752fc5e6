"""Fine-tunes a classifier of texts (`tc`) or of pairs of texts (`spc`)."""

from __future__ import annotations

import torch

from sagewright_jumpstart.descent import pick_device
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.lora import adapt, merge
from sagewright_jumpstart.program import Fitting, halves, run_program
from sagewright_jumpstart.texts.classifier import TextClassifier, load_classifier
from sagewright_jumpstart.texts.data import divide, label_names, read_texts
from sagewright_jumpstart.texts.encoder import TextEncoder
from sagewright_jumpstart.texts.loop import TextTrainer

PAIRS = "spc"
_ADAPTED = frozenset({"query", "value"})


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    given, pairs = job.hyperparameters, job.manifest.task == PAIRS
    torch.manual_seed(given.whole("seed"))
    data, held = halves(job, lambda folder: read_texts(folder, pairs), divide)
    names = label_names(job.training, 1 + max(data.labels))
    classes = max(len(names), 1 + max(data.labels), 2)
    if held.labels and max(held.labels) >= classes:
        raise InputError(f"channel validation: the label {max(held.labels)} does not occur in the channel training")
    print(f"rows={len(data)} validation_rows={len(held)} classes={classes}", flush=True)
    model = _model(job, classes, pairs)

    def train() -> None:
        run_epochs(TextTrainer(model, given, data, held), given)
        merge(model.network.eval())

    labels = names or tuple(str(index) for index in range(classes))
    return Fitting(train, model.save, labels, {"longest": model.encoder.longest, "named": bool(names)})


def _model(job: FineTuningJob, classes: int, pairs: bool) -> TextClassifier:
    """Returns the classifier on its device, with the gradients that the hyperparameters choose."""
    given = job.hyperparameters
    weights = job.manifest.weights_folder(job.pretrained)
    longest = given.whole("max_input_length")
    encoder = TextEncoder.load(weights, longest)
    made = load_classifier(encoder, weights, pairs)
    reinitialize = given.text("reinitialize_top_layer")
    if made is not None and reinitialize == "False" and made.classes != classes:
        raise InputError(
            f"hyperparameter reinitialize_top_layer: False keeps the model's {made.classes} classes; the data has {classes}"
        )
    if made is None or reinitialize == "True" or made.classes != classes:
        made = TextClassifier(encoder, classes, pairs)
    made.dropout.p = given.number("dropout_rate")
    _freeze(made, given)
    return made.to(pick_device())


def _freeze(model: TextClassifier, given: Hyperparameters) -> None:
    if given.flag("train_only_top_layer"):
        model.network.requires_grad_(False)
    elif given.text("peft_type") == "lora":
        rank = given.whole("lora_r")
        count = adapt(model.network, _ADAPTED, rank, given.number("lora_alpha"), given.number("lora_dropout"))
        print(f"LoRA: rank {rank} beside {count} layers", flush=True)
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    print(f"trained parameters={trained} of {sum(each.numel() for each in model.parameters())}", flush=True)
