"""Tokens of an answer, one by one.

Models that `steps` does not support are run by transformers in a thread, which stops when the answer is no longer read.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.generation.payloads import TextRequest
from sagewright_jumpstart.generation.pieces import TextPiece, ready_length
from sagewright_jumpstart.generation.steps import can_step, steps

_WAIT_S = 600
_LONGEST_S = 3600
"""The longest that an invocation may take on AWS: of an asynchronous endpoint."""


class TextGenerator:
    """A causal language model. One request at a time: the seed is the process's."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: str) -> TextGenerator:
        """Reads a folder of Hugging Face's with weights as safetensors. No code of the folder runs."""
        options = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype="auto", **options)
        if not torch.cuda.is_available():
            return cls(model.float().eval(), tokenizer)
        return cls(model.to("cuda").eval(), tokenizer)

    @property
    def context(self) -> int:
        return int(getattr(self.model.config, "max_position_embeddings", 1 << 30))

    def prompt(self, request: TextRequest) -> Any:
        """Returns the ids of the prompt. Raises InputError if it and the answer don't fit."""
        if isinstance(request.prompt, str):
            ids = self.tokenizer(request.prompt, return_tensors="pt").input_ids
        else:
            ids = self._chat(request.prompt)
        if request.truncate:
            ids = ids[:, -request.truncate :]
        length = int(ids.shape[1])
        if length + request.tokens > self.context:
            raise InputError(
                f"the prompt has {length} tokens and {request.tokens} new ones are asked for: the model holds {self.context} in all"
            )
        return ids.to(self.model.device)

    def pieces(self, request: TextRequest, ids: Any) -> Iterator[TextPiece]:
        """Yields the answer as it is made; the last piece has its end."""
        with self._turn:
            if can_step(self.model):
                yield from self._read(request, steps(self.model, request, ids, _LONGEST_S))
                return
            stream = _TokenStream(int(ids.shape[1]))
            worker = threading.Thread(target=self._generate, args=(request, ids, stream), daemon=True)
            worker.start()
            try:
                yield from self._read(request, stream)
            finally:
                stream.stopped.set()
                worker.join()

    def _read(self, request: TextRequest, stream: Iterable[int]) -> Iterator[TextPiece]:
        known: list[int] = []
        said, ends = 0, self._ends()
        for token in stream:
            if token in ends:
                yield TextPiece(token, self._decoded(known)[said:], "eos_token")
                return
            known.append(token)
            text, last = self._decoded(known), len(known) >= request.tokens
            place = min((found for found in (text.find(stop) for stop in request.stops) if found >= 0), default=-1)
            if place >= 0:
                yield TextPiece(token, text[said:place], "stop_sequence")
                return
            ready = len(text) if last else ready_length(text, request.stops)
            fresh, said = text[said:ready], max(said, ready)
            yield TextPiece(token, fresh, "length" if last else "")
            if last:
                return
        yield TextPiece(known[-1] if known else 0, self._decoded(known)[said:], "length")  # its time is over

    def _decoded(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def _generate(self, request: TextRequest, ids: Any, stream: _TokenStream) -> None:
        options: dict[str, Any] = {
            "max_new_tokens": request.tokens,
            "repetition_penalty": request.penalty,
            "max_time": _LONGEST_S,
        }
        if request.temperature > 0:
            options |= {
                "do_sample": True,
                "temperature": request.temperature,
                "top_p": request.top_p,
                "top_k": request.top_k,
            }
        else:
            options |= {"do_sample": False}
        try:
            if request.seed is not None:
                torch.manual_seed(request.seed)
            with torch.inference_mode():
                self.model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    streamer=stream,
                    stopping_criteria=StoppingCriteriaList([_Stopped(stream.stopped)]),
                    pad_token_id=next(iter(self._ends()), 0),
                    **options,
                )
        except Exception as error:  # raised where the answer is read
            stream.fail(error)

    def _chat(self, messages: list[dict[str, str]]) -> Any:
        if getattr(self.tokenizer, "chat_template", None):
            return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
        text = "".join(f"{each['role']}: {each['content']}\n" for each in messages) + "assistant:"
        return self.tokenizer(text, return_tensors="pt").input_ids

    def _ends(self) -> set[int]:
        found = self.model.generation_config.eos_token_id
        return set(found) if isinstance(found, list) else {found} if found is not None else set()


class _TokenStream(BaseStreamer):
    """A queue of tokens. transformers puts the prompt first."""

    def __init__(self, prompt: int) -> None:
        self.stopped = threading.Event()
        self._left, self._queue = prompt, queue.Queue[Any]()

    def put(self, value: Any) -> None:
        for token in value.flatten().tolist():
            if self._left:
                self._left -= 1
            else:
                self._queue.put(token)

    def end(self) -> None:
        self._queue.put(None)

    def fail(self, error: Exception) -> None:
        self._queue.put(error)

    def __iter__(self) -> Iterator[int]:
        while (found := self._queue.get(timeout=_WAIT_S)) is not None:
            if isinstance(found, Exception):
                raise found
            yield found


class _Stopped(StoppingCriteria):
    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: Any, *_: Any, **__: Any) -> Any:
        return torch.full((input_ids.shape[0],), self._stopped.is_set(), device=input_ids.device)
