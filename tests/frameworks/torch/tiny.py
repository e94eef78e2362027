"""Tiny models of transformers with random weights, made without a download."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers

WORDS = "the a cat dog sat ran on under mat tree good bad this text is about sports food".split()


def tokenizer() -> Any:
    """Return a tokenizer of BERT that knows some twenty words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "vocab.txt")
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        file.write_text("\n".join([*special, *WORDS, *".,?!:{}"]))
        return transformers.BertTokenizerFast.from_pretrained(folder)


def bert(kind: str, **options: Any) -> Any:
    """Return a BERT with a head: bert("ForMaskedLM")."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        **options,
    )
    return getattr(transformers, f"Bert{kind}")(config).eval()


def gpt() -> Any:
    """Return a GPT-2 that continues texts of these words."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer()),
        n_positions=64,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config).eval()


def pipeline(task: str) -> Any:
    """Return a pipeline for a task of texts."""
    models = {
        "text-classification": ("ForSequenceClassification", {"id2label": {0: "bad", 1: "good"}}),
        "token-classification": ("ForTokenClassification", {"id2label": {0: "NOUN", 1: "VERB"}}),
        "fill-mask": ("ForMaskedLM", {}),
        "feature-extraction": ("Model", {}),
        "zero-shot-classification": (
            "ForSequenceClassification",
            {
                "id2label": {0: "contradiction", 1: "neutral", 2: "entailment"},
                "label2id": {"contradiction": 0, "neutral": 1, "entailment": 2},
            },
        ),
    }
    if task == "text-generation":
        model = gpt()
    else:
        head, options = models[task]
        model = bert(head, **options)
    return transformers.pipeline(task, model=model, tokenizer=tokenizer(), device="cpu")
