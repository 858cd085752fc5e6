"""Vectors of texts: tokens, batches of similar length, and the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from sagewright_jumpstart.texts.bert import Bert, load_bert

TOKENIZER = "tokenizer.json"
_TOKENS_A_BATCH = 4096 if torch.cuda.is_available() else 1024
"""Maximum number of tokens of a batch, padding included. On a CPU, the states of 1,024 tokens stay in its cache. With 4,096, a text
takes a fifth more CPU time."""
_LONGEST_TEXTS = 64
_CHARACTERS_A_TOKEN = 64


class TextEncoder:
    """A sentence encoder: the mean of its tokens' states is a text's vector. `longest`: tokens that are read of a text."""

    def __init__(self, network: Bert, tokenizer: Tokenizer, longest: int) -> None:
        self.network, self.tokenizer, self.longest = network, tokenizer, longest
        tokenizer.no_padding()
        tokenizer.enable_truncation(longest)

    @classmethod
    def load(cls, folder: Path, longest: int) -> TextEncoder:
        network = load_bert(folder)
        return cls(
            network,
            Tokenizer.from_file(str(folder / TOKENIZER)),
            min(longest, network.config["max_position_embeddings"]),
        )

    def save(self, folder: Path) -> None:
        self.network.save(folder)
        self.tokenizer.save(str(folder / TOKENIZER))

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text, cut at `longest`."""
        most = self.longest * _CHARACTERS_A_TOKEN
        return [each.ids for each in self.tokenizer.encode_batch_fast([text[:most] for text in texts])]

    def pooled(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Runs the network over texts of one batch."""
        lengths = [len(each) for each in tokens]
        padded = torch.zeros(len(tokens), max(lengths), dtype=torch.long)
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)] = torch.tensor(ids)
        device = self.network.words.weight.device
        return self.network(padded.to(device), torch.tensor(lengths, device=device))

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns the vectors of the texts, of length 1 and in their order."""
        tokens = self.tokens(texts)
        made = torch.empty(len(texts), self.network.config["hidden_size"])
        for rows in batches([len(each) for each in tokens]):
            pooled = self.pooled([tokens[row] for row in rows])
            made[rows] = functional.normalize(pooled.float(), dim=1).cpu()
        return made


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yields indices of texts of similar length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    while order:
        longest = max(1, lengths[order[-1]])
        count = max(1, min(_LONGEST_TEXTS, _TOKENS_A_BATCH // longest))
        yield order[-count:]
        del order[-count:]


def longest_of(folder: Path) -> int:
    """Returns the length that Sentence Transformers' settings give, or BERT's."""
    file = folder / "sentence_bert_config.json"
    return int(json.loads(file.read_bytes())["max_seq_length"]) if file.is_file() else 512
