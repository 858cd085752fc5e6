"""Makes small checkpoints with random weights, as Hugging Face's libraries write them: run as a training job."""

import os
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForTokenClassification,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "</s>",
    *["who", "is", "here", "the", "cat", "sat", "on", "a", "mat", "dog", "ran", "good", "bad", "film"],
]
OUT = Path(os.environ["SM_MODEL_DIR"])
torch.manual_seed(0)


def tokenizer(folder, **special):
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if "cls_token" in special:
        pairs = {"single": "[CLS] $A [SEP]", "pair": "[CLS] $A [SEP] $B:1 [SEP]:1"}
        made.post_processor = processors.TemplateProcessing(**pairs, special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", **special).save_pretrained(
        folder
    )


small = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
bert = BertConfig(**small, max_position_embeddings=64, num_labels=2)
for name, kind in {"encoder": BertModel, "eqa": BertForQuestionAnswering, "ner": BertForTokenClassification}.items():
    kind(bert).save_pretrained(OUT / name, safe_serialization=True)
    tokenizer(OUT / name, cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
llama = LlamaConfig(**small, max_position_embeddings=64, bos_token_id=2, eos_token_id=3)
LlamaForCausalLM(llama).save_pretrained(OUT / "llama", safe_serialization=True)
tokenizer(OUT / "llama", eos_token="[SEP]")
t5 = T5Config(
    vocab_size=len(WORDS),
    d_model=16,
    d_kv=8,
    d_ff=32,
    num_layers=1,
    num_heads=2,
    decoder_start_token_id=0,
    eos_token_id=5,
)
T5ForConditionalGeneration(t5).save_pretrained(OUT / "t5", safe_serialization=True)
tokenizer(OUT / "t5", eos_token="</s>")
