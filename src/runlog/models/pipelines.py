"""Pipelines of transformers as models that take a table: inputs and outputs of each task."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runlog.errors import BadRequest, InvalidParameter, shown

if TYPE_CHECKING:
    from pandas import DataFrame

    from runlog.models.signature import ModelSignature

# A pipeline is what the first class in this table among its class and its bases says. Names,
# not classes: versions of transformers have some of them and not others.
TASKS = {
    "TranslationPipeline": "translation",
    "SummarizationPipeline": "summarization",
    "Text2TextGenerationPipeline": "text2text-generation",
    "InstructionTextGenerationPipeline": "text-generation",
    "TextGenerationPipeline": "text-generation",
    "QuestionAnsweringPipeline": "question-answering",
    "FillMaskPipeline": "fill-mask",
    "TextClassificationPipeline": "text-classification",
    "ImageClassificationPipeline": "image-classification",
    "ZeroShotClassificationPipeline": "zero-shot-classification",
    "TableQuestionAnsweringPipeline": "table-question-answering",
    "TokenClassificationPipeline": "token-classification",
    "FeatureExtractionPipeline": "feature-extraction",
    "AutomaticSpeechRecognitionPipeline": "automatic-speech-recognition",
    "AudioClassificationPipeline": "audio-classification",
}
WITH_PROMPT = (
    "feature-extraction",
    "fill-mask",
    "summarization",
    "text2text-generation",
    "text-generation",
)
_TEXTS = (
    "automatic-speech-recognition",
    "feature-extraction",
    "fill-mask",
    "image-classification",
    "audio-classification",
    "summarization",
    "text-generation",
    "token-classification",
    "translation",
)
_TABLES = ("audio-classification", "image-classification", "text-classification")
_ANSWERS = {
    "automatic-speech-recognition": "text",
    "question-answering": "answer",
    "summarization": "summary_text",
    "table-question-answering": "answer",
    "text-generation": "generated_text",
    "text2text-generation": "generated_text",
    "translation": "translation_text",
}


def task_of(pipeline: Any) -> str | None:
    """Return the task of a transformers pipeline, or None if its inputs are no table."""
    for cls in type(pipeline).__mro__:
        if cls.__name__ in TASKS:
            return TASKS[cls.__name__]
    return None


class PipelineModel:
    """A pipeline that predicts from a DataFrame, texts or dicts, as MLflow's pyfunc models do.

    `model_config` are arguments of every prediction. `prompt_template` is a text with `{prompt}`
    that each input is put into.
    """

    def __init__(
        self,
        pipeline: Any,
        model_config: Mapping[str, Any] | None = None,
        prompt_template: str | None = None,
    ) -> None:
        self.pipeline, self.prompt_template = pipeline, prompt_template
        self.model_config = dict(model_config or {})
        self.task = task_of(pipeline)

    def get_raw_model(self) -> Any:
        """Return the pipeline."""
        return self.pipeline

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Run the pipeline on `data`; `params` override the arguments saved with the model.

        Returns a list of texts, a DataFrame (classification), or an array (feature extraction).
        Raises InvalidParameter for inputs or params that the task does not have.
        """
        if self.task is None:
            raise BadRequest(
                f"a {type(self.pipeline).__name__} takes no table; load the model with "
                "runlog.transformers.load_model()"
            )
        options = {**self.model_config, **(params or {})}
        with_input = options.pop("include_prompt", True)
        in_a_line = options.pop("collapse_whitespace", False)
        inputs = self._inputs(data)
        output = self._outputs(inputs, self._run(inputs, options), options)
        if self.task != "text-generation" or not isinstance(output, list):
            return output
        if not with_input:
            asked = inputs if isinstance(inputs, list) else [inputs]
            output = [
                without_prompt(text, prompt) for text, prompt in zip(output, asked, strict=False)
            ]
        return [re.sub(r"\s+", " ", text).strip() for text in output] if in_a_line else output

    def _run(self, inputs: Any, options: dict[str, Any]) -> Any:
        try:
            if isinstance(inputs, dict):
                return self.pipeline(**inputs, **options)
            if self.task == "question-answering":
                keys = ("question", "context")
                columns = {key: [row[key] for row in inputs] for key in keys}
                return self.pipeline(**columns, **options)
            return self.pipeline(inputs, **options)
        except ValueError as error:
            if "`model_kwargs` are not used by the model" in str(error):
                raise InvalidParameter(
                    f"{type(self.pipeline).__name__} does not take these params: {error}"
                ) from error
            raise

    def _inputs(self, data: Any) -> Any:
        """`data` as the pipeline takes it."""
        records = rows(data, as_columns=self.task == "zero-shot-classification")
        special: Callable[[Any], Any] | None = {
            "table-question-answering": table_question,
            "text-classification": classified_texts,
            "text2text-generation": written_out,
            "question-answering": questions,
            "zero-shot-classification": with_labels,
        }.get(str(self.task))
        if special is not None:
            records = special(records)
        elif self.task in _TEXTS and _are(dict, records):
            records = [next(iter(row.values())) for row in records]
        if self.task in ("automatic-speech-recognition", "audio-classification"):
            records = decoded(records)
        elif self.task in ("fill-mask", "summarization", "text-generation", "translation"):
            if not isinstance(records, str) and not _are(str, records):
                raise InvalidParameter(
                    f"{self.task} takes a text or a list of texts, got {shown(records)}"
                )
        if self.prompt_template and self.task in WITH_PROMPT:
            if isinstance(records, str):
                return self.prompt_template.format(prompt=records)
            return [self.prompt_template.format(prompt=text) for text in records]
        return records

    def _outputs(self, inputs: Any, raw: Any, options: dict[str, Any]) -> Any:
        import numpy as np
        import pandas as pd

        if self.task in _TABLES:
            return pd.DataFrame(raw)
        if self.task == "zero-shot-classification":
            return flat_labels(raw)
        if self.task == "feature-extraction":
            return raw if isinstance(raw, np.ndarray) else np.array(raw[0][0])
        if self.task == "token-classification":
            many = raw if raw and isinstance(raw[0], list) else [raw]
            return [
                ",".join(token.get("entity_group", token.get("entity")) for token in tokens)
                for tokens in many
            ]
        if self.task == "fill-mask":
            many = raw if isinstance(raw[0], list) else [raw]
            return [str(best[0]["token_str"]).strip() for best in many]
        if options.get("return_timestamps") in ("word", "char"):
            return [json.dumps(raw)]
        texts = answers(raw, _ANSWERS[str(self.task)])
        return texts[:1] if isinstance(inputs, str) else texts


def _are(kind: type, data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(item, kind) for item in data)


def rows(data: Any, *, as_columns: bool = False) -> Any:
    """Return a DataFrame as a list of dicts, or, `as_columns`, as a dict of its distinct values.

    Raises InvalidParameter if `data` is neither a DataFrame nor text, bytes, an array, a dict or a
    list of texts or dicts.
    """
    import numpy as np
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        if not as_columns:
            records = data.to_dict(orient="records")
            return [{key: _plain(value) for key, value in row.items()} for row in records]
        columns: dict[str, Any] = {}
        for key in data.columns:
            values: list[Any] = []
            for value in map(_plain, data[key]):
                if value not in values:
                    values.append(value)
            texts = len(values) > 1 and _are(str, values)
            columns[str(key)] = values if texts else values[0]
        return columns
    if isinstance(data, (dict, str, bytes, np.ndarray)):
        return data
    if isinstance(data, list) and all(isinstance(item, (str, dict)) for item in data):
        return data
    raise InvalidParameter(
        "inputs of a transformers model are a DataFrame, a text, bytes, an array, a dict, or a "
        f"list of texts or dicts, not {shown(data)}"
    )


def _plain(value: Any) -> Any:
    """Columns of a DataFrame hold lists as arrays."""
    import numpy as np

    return value.tolist() if isinstance(value, np.ndarray) else value


def classified_texts(data: Any) -> Any:
    """Return texts, or dicts of `text` and `text_pair`, for a text classification."""
    if isinstance(data, dict):
        return _text_pair(data)
    if _are(dict, data) and data:
        if 0 in data[0]:  # texts without a name, which became a column
            data = [row[0] for row in data]
            # a dict in such a column was made a text by MLflow's scoring protocol
            return [_literal(text) for text in data]
        return [_text_pair(row) for row in data]
    if isinstance(data, str) or _are(str, data):
        return data
    raise InvalidParameter(f"a text classification takes texts or dicts, not {shown(data)}")


def _text_pair(row: dict[Any, Any]) -> dict[Any, Any]:
    if set(row) - {"text", "text_pair"}:
        raise InvalidParameter(
            "a text classification takes the keys `text` and `text_pair`, not "
            + ", ".join(sorted(map(str, row)))
        )
    return row


def _literal(text: Any) -> Any:
    if isinstance(text, str) and text.startswith("{"):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
        return value if isinstance(value, dict) else text
    return text


def written_out(data: Any) -> Any:
    """Return dicts as texts, `key: value key: value`, for a text-to-text generation."""
    if isinstance(data, dict) and all(isinstance(value, str) for value in data.values()):
        if all(isinstance(key, str) for key in data) and "inputs" not in data:
            return " ".join(f"{key}: {value}" for key, value in data.items())
        return next(iter(data.values()))
    if _are(dict, data):
        return [written_out(row) for row in data]
    if isinstance(data, str) or _are(str, data):
        return data
    raise InvalidParameter(f"a text-to-text generation takes texts or dicts, not {shown(data)}")


def questions(data: Any) -> Any:
    """Return `data` if it is a dict, or a list of dicts, of `question` and `context`."""
    for row in data if isinstance(data, list) else [data]:
        if not isinstance(row, dict) or not {"question", "context"} <= set(row):
            raise InvalidParameter(
                f"question answering takes dicts of `question` and `context`, not {shown(row)}"
            )
    return data


def with_labels(data: Any) -> Any:
    """Return `data` with its `candidate_labels`, which may be JSON, as a list."""
    if _are(dict, data):
        return [with_labels(row) for row in data]
    if not isinstance(data, dict) or "candidate_labels" not in data:
        raise InvalidParameter(
            "a zero-shot classification takes dicts of `sequences` and `candidate_labels`, not "
            + shown(data)
        )
    labels = data["candidate_labels"]
    if isinstance(labels, str):
        try:
            labels = json.loads(labels)
        except ValueError:
            return data
    return {**data, "candidate_labels": labels}


def table_question(data: Any) -> dict[str, Any]:
    """Return a dict of `query` (one text or several) and `table` (a dict of columns of texts)."""
    records = data if isinstance(data, list) else [data]
    if not records or not all(isinstance(row, dict) and "table" in row for row in records):
        raise InvalidParameter(
            f"table question answering takes dicts of `query` and `table`, not {shown(data)}"
        )
    table = records[0]["table"]
    if isinstance(table, str):
        try:
            table = json.loads(table)
        except ValueError:
            table = ast.literal_eval(table)
    queries = [row["query"] for row in records]
    return {"table": table, "query": queries if len(queries) > 1 else queries[0]}


def decoded(data: Any) -> Any:
    """Return sounds as the pipeline takes them: base64 is decoded, a list of one unpacked."""
    import base64
    import binascii

    if isinstance(data, list):
        sounds = [decoded(item) for item in data]
        return sounds if len(sounds) > 1 else sounds[0]
    if isinstance(data, bytes):
        try:
            raw = base64.b64decode(data, validate=True)
        except binascii.Error:
            return data
        return raw if base64.b64encode(raw) == data else data
    if isinstance(data, str) and not os.path.isfile(data) and "://" not in data:
        raise InvalidParameter(f"neither a file nor a URL of a sound: {shown(data)}")
    return data


def answers(raw: Any, key: str) -> list[str]:
    """Return the texts under `key` in a pipeline's answer, which nests dicts in lists."""
    if isinstance(raw, dict):
        text = raw[key]
        return [text.strip() if isinstance(text, str) else text]
    return [text for item in raw for text in answers(item, key)]


def without_prompt(text: str, prompt: str) -> str:
    """Return what an instruction pipeline answered, without the question it begins with."""
    if not text.startswith(prompt + "\n\n"):
        return text
    return text[len(prompt) :].lstrip().removeprefix("A:").lstrip()


def flat_labels(raw: Any) -> DataFrame:
    """Return the answers of a zero-shot classification as one row a sequence and label."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"sequence": answer["sequence"], "labels": label, "scores": score}
            for answer in (raw if isinstance(raw, list) else [raw])
            for label, score in zip(answer["labels"], answer["scores"], strict=True)
        ]
    )


def signature_of(task: str) -> ModelSignature:
    """Return the signature of models of a task for which there is no input example."""
    import numpy as np

    from runlog.models.signature import ModelSignature
    from runlog.types import ColSpec, Schema, TensorSpec

    def columns(*names: str, kind: str = "string") -> list[ColSpec]:
        return [ColSpec(kind, name) for name in names]

    text, sound = [ColSpec("string")], [ColSpec("binary")]
    score = columns("score", kind="double")
    schemas: dict[str, tuple[list[Any], list[Any]]] = {
        "text-classification": (text, [*columns("label"), *score]),
        "image-classification": (text, [*columns("label"), *score]),
        "audio-classification": (sound, [*score, *columns("label")]),
        "automatic-speech-recognition": (sound, text),
        "zero-shot-classification": (
            columns("sequences", "candidate_labels", "hypothesis_template"),
            [*columns("sequence", "labels"), *columns("scores", kind="double")],
        ),
        "table-question-answering": (columns("query", "table"), text),
        "question-answering": (columns("question", "context"), text),
        "feature-extraction": (text, [TensorSpec(np.dtype("float64"), [-1], "double")]),
    }
    inputs, outputs = schemas.get(task, (text, text))
    return ModelSignature(Schema(inputs), Schema(outputs))
