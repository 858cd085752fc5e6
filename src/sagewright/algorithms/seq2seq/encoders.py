"""The encoders: map a sentence to a vector for each of its tokens, and a final one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sagewright.algorithms.seq2seq import transformer
from sagewright.algorithms.seq2seq.attention import Memory
from sagewright.algorithms.seq2seq.layers import Convolution, is_residual, places, recurrent
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings


def there(lengths: Tensor, device: torch.device) -> Tensor:
    """Returns (n, longest) bool: the places that hold a token, one sequence per row."""
    return torch.arange(int(lengths.max()), device=device) < lengths.to(device)[:, None]


class Recurrent(nn.Module):
    """A bidirectional layer, then forward ones."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self._settings, size = settings, settings.rnn_num_hidden
        self.first = recurrent(settings, settings.num_embed_source, size // 2, both_ways=True)
        self.others = nn.ModuleList(recurrent(settings, size, size) for _ in range(settings.num_layers_encoder - 1))

    def forward(self, embedded: Tensor, lengths: Tensor) -> Memory:
        """`embedded` (n, longest, d); `lengths` (n,) on the CPU."""
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        values, state = self.first(packed)
        state = state[0] if isinstance(state, tuple) else state
        last = torch.cat([state[0], state[1]], dim=1)
        values, _ = pad_packed_sequence(values, batch_first=True)
        for number, layer in enumerate(self.others, 2):
            found, _ = layer(values)
            values = found + values if is_residual(self._settings, number) else found
            last = values[torch.arange(len(values), device=values.device), lengths.to(values.device) - 1]
        return Memory(values, there(lengths, values.device), last)


class Convolutional(nn.Module):
    """Layers of convolutions."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self._size = settings.cnn_num_hidden
        self.inputs = nn.Linear(settings.num_embed_source, self._size)
        self.layers = nn.ModuleList(
            Convolution(settings, settings.cnn_kernel_width_encoder) for _ in range(settings.num_layers_encoder)
        )

    def forward(self, embedded: Tensor, lengths: Tensor) -> Memory:
        mask = there(lengths, embedded.device)
        values = self.inputs(embedded + places(0, embedded.shape[1], embedded.shape[2], embedded)) * mask[:, :, None]
        for layer in self.layers:
            reach = layer.width - 1
            padded = functional.pad(values, (0, 0, reach // 2, reach - reach // 2))
            values = (values + layer(padded)) * mask[:, :, None]
        last = values.sum(dim=1) / lengths.to(values.device)[:, None]
        return Memory(values, mask, last)


Encoder = Recurrent | Convolutional | transformer.Encoder
ENCODERS: dict[str, type[Encoder]] = {"rnn": Recurrent, "cnn": Convolutional, "transformer": transformer.Encoder}
