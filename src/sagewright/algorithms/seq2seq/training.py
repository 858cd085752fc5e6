"""Seq2Seq training. An epoch in the sense of `deep` is the mini-batches between two validations."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms import sequences
from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training import optimizers
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.epochs import Course, run_epochs, say_kept
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.patience import Direction, Patience, Stopping
from sagewright.algorithms.deep.training.run import Run, begin
from sagewright.algorithms.deep.training.schedules import Plateau, Schedule
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, baseline
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job
from sagewright.algorithms.seq2seq import beams, network, schedule, sentences, unigrams
from sagewright.algorithms.seq2seq.bleu import bleu
from sagewright.algorithms.seq2seq.declaration import DECLARATION
from sagewright.algorithms.seq2seq.model import DESCRIPTION, WEIGHTS
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.pace import Pace, width
from sagewright.algorithms.seq2seq.sentences import Limits, Sentences
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.vocabulary import SOURCE, TARGET, Seq2SeqVocabulary

COPIES = 24
"""Bytes per learnt number: the number, its slope, the optimiser's two, the best copy, and the one being written."""
SPEED_EVERY = 50
JUDGED = 64
UPPER = {"rnn_residual_connections", "rnn_attention_in_upper_layers"}
"""Hyperparameters of layers above the first."""
LEAST_GAIN = 1e-4
"""Share of the measure by which it has to improve for training to go on: a solved task's perplexity falls towards 1 without end."""
DIRECTIONS: dict[str, Direction] = {"perplexity": "Minimize", "accuracy": "Maximize", "bleu": "Maximize"}


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the network and its vocabularies. Raises JobError."""
    if len(job.hosts) > 1:
        raise UserError("Seq2Seq trains on one instance: InstanceCount must be 1.")
    with begin(DECLARATION, "AWS/Seq2Seq", job, values) as run:
        files = [_file(job, name) for name in (SOURCE, TARGET)]
        source, target = map(Seq2SeqVocabulary.read, files)
        settings = Seq2SeqSettings.of(values, source.size, target.size)
        _say_unused(run)
        memory.require(
            COPIES * settings.numbers, "the network", "Smaller num_hidden, num_embed or vocabularies take less."
        )
        limits = Limits((source.size, target.size), (settings.max_seq_len_source, settings.max_seq_len_target))
        known, validation = (sentences.read(job, channel, limits) for channel in ("train", "validation"))
        found = fit(run, settings, known, validation)
        weights.write(job.model_directory / WEIGHTS, found.state_dict())
        weights.write_json(job.model_directory / DESCRIPTION, found.settings.document())
        for path in files:
            artefact.write(job.model_directory, path.read_bytes(), path.name)


def _say_unused(run: Run) -> None:
    """Logs the hyperparameters of a kind, or of layers, that neither encoder nor decoder has."""
    if run.values["_architecture"] != "standard":
        return
    kinds = {run.values["encoder_type"], run.values["decoder_type"]}
    for kind in {"rnn", "cnn"} - kinds:
        if names := sorted(name for name in run.chosen if name.startswith(f"{kind}_")):
            logging.info("Neither encoder nor decoder is %s. Not used: %s.", kind, ", ".join(names))
    sides = [side for side in ("encoder", "decoder") if run.values[f"{side}_type"] == "rnn"]
    upper = any(run.values[f"num_layers_{side}"] > 1 for side in sides)
    if sides and not upper and (names := sorted(UPPER & set(run.chosen))):
        logging.info("There is one layer of rnn only. Not used: %s.", ", ".join(names))


def _file(job: Job, name: str) -> Path:
    """Returns a file of channel vocab. Raises UserError if it is missing."""
    files = job.channel_files("vocab")
    for path in files:
        if path.name == name:
            return path
    raise UserError(f"Channel vocab has no file {name}, only {', '.join(path.name for path in files[:5]) or 'none'}.")


def fit(run: Run, settings: Seq2SeqSettings, known: Sentences, validation: Sentences) -> Seq2SeqNetwork:
    """Learns from pairs; returns the network that does best in validation."""
    values, found = run.values, Seq2SeqNetwork(settings)
    network.begin_weights(found, values)
    logarithms = unigrams.frequencies(known, settings.target_words)
    unigrams.begin(found, logarithms)
    found.to(run.device.place)
    pace = Pace.of(values, run.chosen, settings, known)
    said = optimizers.Settings(pace.rate, values["weight_decay"], values.get("momentum", 0.0))
    optimizer = optimizers.build(values["optimizer_type"], found.named_parameters(), said)
    if values["clip_gradient"] >= 0:
        _clip(optimizer, values["clip_gradient"])
    metric = values["optimized_metric"]
    stopping = Stopping(pace.least, values["checkpoint_threshold"], LEAST_GAIN)
    patience = Patience(metric, DIRECTIONS[metric], stopping)
    course = run.course(pace.looks, patience)
    trainer = Seq2SeqTrainer(run, course, State(found, optimizer), pace, known, validation)
    run_epochs(course, trainer)
    perplexity = trainer.perplexities.get(-1 if patience.best_epoch is None else patience.best_epoch)
    if perplexity is None:
        perplexity = judge(found, validation, course.device)["perplexity"]
    ratio, is_changed = unigrams.limit(found, perplexity, logarithms, validation, course.device)
    baseline.report(run.lines, ratio)
    if is_changed:  # a job's final metric is the stored model's
        trainer.validate(course.epochs - 1)
    else:
        say_kept(course, trainer)
    return found


def _clip(optimizer: TorchOptimizer, most: float) -> None:
    """Clips each number of the slopes before each step."""
    learnt = [each for group in optimizer.param_groups for each in group["params"]]
    optimizer.before_steps(lambda: torch.nn.utils.clip_grad_value_(learnt, most))


@dataclass
class Seq2SeqTrainer:
    """The mini-batches of a run."""

    run: Run
    course: Course
    state: State
    pace: Pace
    known: Sentences
    validation: Sentences

    def __post_init__(self) -> None:
        self.perplexities: dict[int, float] = {}
        self._schedule: Schedule = schedule.build(self.run.values)
        self._resumed = False

    def train_epoch(self, number: int) -> dict[str, float]:
        """Trains on the mini-batches before validation `number`."""
        self._resume()
        first = number * self.pace.between
        count = min(self.pace.between, self.pace.all - first)
        module = self._network
        module.train()
        tally, speed = Tally(), Speed(self.pace.batch)
        for step, numbers in self.course.watched(self._batches(first, count), count):
            batch = network.batch(self.known, numbers, self.course.device)
            scores, words = module(batch), batch.after[batch.is_word]
            loss = functional.cross_entropy(scores, words)
            self.course.step(self.state.optimizer, loss, self._schedule(step))
            tally.add(scores, words, loss)
            speed.tell(step, self.pace.epoch)
        shown = self.run.values["training_metric"]
        logging.info("Checkpoint[%d]\tTrain-%s=%r", number + 1, shown, tally.means()[shown])
        return {"train loss": tally.loss}

    def validate(self, number: int) -> dict[str, float]:
        found = judge(self._network, self.validation, self.course.device)
        self.perplexities[number] = found["perplexity"]
        sample = self._sample()
        if sample:
            found["bleu"] = measure_bleu(self._network, self.validation, sample, self.course.device)
        for name, value in found.items():
            logging.info("Checkpoint[%d]\tValidation-%s=%r", number + 1, name, value)
        done = min(self.pace.all, (number + 1) * self.pace.between)
        self.run.lines.metrics(
            {f"validation {name}": value for name, value in found.items()}, epoch=(done - 1) // self.pace.epoch
        )
        if isinstance(self._schedule, Plateau):
            metric = self.run.values["optimized_metric"]
            self._schedule.tell(found[metric] if DIRECTIONS[metric] == "Minimize" else -found[metric])
            self.state.counters["plateau"] = self._schedule.document()
        return found

    @property
    def _network(self) -> Seq2SeqNetwork:
        assert isinstance(self.state.module, Seq2SeqNetwork)
        return self.state.module

    def _resume(self) -> None:
        """Resumes once after a checkpoint was read, if there is one."""
        if not self._resumed and isinstance(self._schedule, Plateau) and "plateau" in self.state.counters:
            self._schedule.restore(self.state.counters["plateau"])
        self._resumed = True

    def _batches(self, first: int, count: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yields mini-batches and their numbers; each epoch has a different order."""
        epoch, order = -1, []
        for step in range(first, first + count):
            if step // self.pace.epoch != epoch:
                epoch = step // self.pace.epoch
                random = np.random.default_rng([self.run.seed, 1, epoch])
                order = self.known.batches(self.pace.batch, width(self.run.values), random)
            yield step, order[step % self.pace.epoch]

    def _sample(self) -> int:
        """Returns the number of sentences that BLEU is measured on."""
        sample_size = self.run.values["bleu_sample_size"]
        if sample_size == 0 and self.run.values["optimized_metric"] == "bleu":
            sample_size = -1
        return len(self.validation) if sample_size < 0 else min(sample_size, len(self.validation))


class Tally:
    """Sums over mini-batches, kept on their device until they are read."""

    def __init__(self) -> None:
        self._sums: list[torch.Tensor] = []
        self._words = 0

    def add(self, scores: torch.Tensor, words: torch.Tensor, loss: torch.Tensor) -> None:
        """`scores` (n, vocabulary), `words` (n,), `loss` their mean cross entropy."""
        hits = (scores.detach().argmax(dim=1) == words).sum()
        self._sums.append(torch.stack([loss.detach() * len(words), hits]))
        self._words += len(words)

    @property
    def loss(self) -> float:
        return float(torch.stack(self._sums).double().sum(dim=0)[0]) / self._words

    def means(self) -> dict[str, float]:
        """Returns perplexity and accuracy per word."""
        hits = float(torch.stack(self._sums).double().sum(dim=0)[1])
        return {"perplexity": math.exp(min(self.loss, 700.0)), "accuracy": hits / self._words}


class Speed:
    """Logs the speed."""

    def __init__(self, size: int) -> None:
        self._size, self._began, self._count = size, time.monotonic(), 0

    def tell(self, step: int, epoch: int) -> None:
        self._count += 1
        if self._count == SPEED_EVERY:
            rate = self._count * self._size / max(time.monotonic() - self._began, 1e-9)
            logging.info("Epoch[%d] Batch [%d]\tSpeed: %.2f samples/sec", step // epoch, step % epoch, rate)
            self._began, self._count = time.monotonic(), 0


def judge(found: Seq2SeqNetwork, known: Sentences, device: Device) -> dict[str, float]:
    """Returns perplexity and accuracy of all pairs."""
    tally = Tally()
    found.eval()
    with torch.inference_mode():
        for numbers in sequences.parts(np.maximum(known.source.lengths, known.target.lengths), JUDGED):
            batch = network.batch(known, numbers, device)
            scores, words = found(batch), batch.after[batch.is_word]
            tally.add(scores, words, functional.cross_entropy(scores, words))
    return tally.means()


def measure_bleu(found: Seq2SeqNetwork, known: Sentences, count: int, device: Device) -> float:
    """Returns BLEU of the first `count` sentences."""
    found.eval()
    numbers = range(count)
    source, target = (
        [texts.tokens[texts.starts[number] : texts.starts[number + 1]].tolist() for number in numbers]
        for texts in (known.source, known.target)
    )
    said = beams.translate(found, source, found.settings.beam_size, device)
    return bleu([each.tokens for each in said], target)
