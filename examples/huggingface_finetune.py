"""Fine-tune a tiny language model of Hugging Face's transformers, and use it as a pipeline.

Nothing is downloaded: the vocabulary and a BERT of 20,000 weights are made here, and learn from
sentences that are made here, too, whether somebody liked a meal. Everything goes to `runlog.db`
in the current directory.

    pip install torch transformers accelerate
    python examples/huggingface_finetune.py
"""

from __future__ import annotations

import itertools
import random
import tempfile
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    Trainer,
    TrainingArguments,
    pipeline,
)

import runlog
from runlog.integrations.transformers import RunlogCallback

GOOD = ("delicious", "wonderful", "fresh", "great")
BAD = ("awful", "cold", "stale", "terrible")
MEALS = ("soup", "bread", "fish", "salad", "cake")
FORMS = ("the {meal} was {word}", "what a {word} {meal}", "my {meal} tasted {word} today")


def sentences() -> list[tuple[str, int]]:
    """Every sentence that these words make, with 1 if the meal was liked."""
    made = [
        (form.format(meal=meal, word=word), int(word in GOOD))
        for form, meal, word in itertools.product(FORMS, MEALS, GOOD + BAD)
    ]
    random.Random(0).shuffle(made)
    return made


def tokenizer(texts: list[str]) -> BertTokenizerFast:
    words = sorted({word for text in texts for word in text.split()})
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
        file.flush()
        return BertTokenizerFast(file.name)


class Sentences(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __init__(self, rows: list[tuple[str, int]], encode: BertTokenizerFast) -> None:
        self.labels = [label for _, label in rows]
        self.inputs = encode([text for text, _ in rows], padding=True, return_tensors="pt")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {key: value[index] for key, value in self.inputs.items()} | {
            "labels": self.labels[index]
        }


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def main() -> None:
    rows = sentences()
    encode = tokenizer([text for text, _ in rows])
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(encode),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=32,
            id2label={0: "disliked", 1: "liked"},
            label2id={"disliked": 0, "liked": 1},
        )
    )
    runlog.set_experiment("meals")
    with runlog.start_run(run_name="tiny BERT"), tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            num_train_epochs=8,
            per_device_train_batch_size=8,
            learning_rate=2e-3,
            logging_steps=10,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=model,
            args=options,
            train_dataset=Sentences(rows[:90], encode),
            eval_dataset=Sentences(rows[90:], encode),
            compute_metrics=accuracy,
            callbacks=[RunlogCallback()],
        )
        trainer.train()
        print(f"accuracy: {trainer.evaluate()['eval_accuracy']:.2f}")
        logged = runlog.transformers.log_model(
            pipeline("text-classification", model=model, tokenizer=encode),
            name="meals",
            input_example="the soup was great",
        )

    judge = runlog.pyfunc.load_model(logged.model_uri)
    asked = ["the cake was delicious", "what a stale fish"]
    for text, answer in zip(asked, judge.predict(asked).itertuples(), strict=True):
        print(f"{text}: {answer.label} ({answer.score:.2f})")


if __name__ == "__main__":
    main()
