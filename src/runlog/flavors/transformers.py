"""Models of Hugging Face's transformers: pipelines, or the components that make one.

Weights are saved as transformers saves them, in safetensors, and each component in a folder of its
own. Nothing is asked of Hugging Face's servers, unless a model is saved with
`save_pretrained=False`, as the name of a repository and the revision.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.transformers import autolog as autolog
from runlog.errors import BadRequest, InvalidParameter, shown
from runlog.models import code, pickles, pipelines, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "autolog",
    "generate_signature_output",
    "autolog",
    "get_default_pip_requirements",
]

FLAVOR_NAME = "transformers"
_COMPONENTS = ("feature_extractor", "tokenizer", "image_processor")
_MODEL, _COMPONENT_FOLDER, _PROCESSOR = "model", "components", "processor"


def save_model(
    transformers_model: Any,
    path: str | os.PathLike[str],
    processor: Any = None,
    task: str | None = None,
    torch_dtype: Any = None,
    model_card: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    conda_env: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    prompt_template: str | None = None,
    save_pretrained: bool = True,
) -> None:
    """Save a model of transformers to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty, or the components make no pipeline.
    """
    import transformers

    pipeline = _as_pipeline(transformers_model, task)
    if prompt_template is not None:
        _check_template(prompt_template, pipeline)
    folder = ModelFolder(
        path,
        mlflow_model,
        signature=signature,
        input_example=_with_json_labels(input_example),
        metadata=metadata,
        code_paths=code_paths,
        conda_env=conda_env,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
    )
    options = dict(model_config or {})
    if prompt_template is not None:
        folder.model.metadata = {
            **(folder.model.metadata or {}),
            "prompt_template": prompt_template,
        }
        if pipelines.task_of(pipeline) == "text-generation":
            options.setdefault("return_full_text", False)
    conf = _conf_of(pipeline, processor, torch_dtype, save_pretrained)
    if save_pretrained:
        _save_components(folder, pipeline, processor, conf["components"])
    if model_card is not None:
        _save_card(folder, model_card)
    folder.add_flavor(FLAVOR_NAME, transformers_version=transformers.__version__, **conf)
    if processor is None and pipelines.task_of(pipeline) is not None:
        folder.add_pyfunc("mlflow.transformers", model_config=options)
        if signature is None and folder.model.signature is None:
            model = pipelines.PipelineModel(pipeline, options, prompt_template)
            folder.model.signature = _infer_signature(model, folder.example)
    folder.finish(["transformers", "torch"], {type(pipeline.model).__module__})


def log_model(
    transformers_model: Any,
    artifact_path: str | None = None,
    processor: Any = None,
    task: str | None = None,
    torch_dtype: Any = None,
    model_card: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    conda_env: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    prompt_template: str | None = None,
    save_pretrained: bool = True,
    prompts: list[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model of transformers, and return its ModelInfo, whose `model_uri` loads it again.

    - `transformers_model`: a pipeline, or a dictionary of `model`, `tokenizer`,
      `feature_extractor`, `image_processor`, for which `task` names the kind of pipeline; or the
      path of a folder that `save_pretrained` of a model and its tokenizer wrote, and the `task`.
    - `processor`: one that is saved, too. Such a model is loaded as components.
    - `torch_dtype`: the type of the weights when it is loaded; by default their own.
    - `model_card`: a card of huggingface_hub, whose text and data are saved.
    - `model_config`: arguments of the pipeline in each prediction of the pyfunc model.
    - `prompt_template`: a text with `{prompt}`, which inputs of the pyfunc model are put into.
    - `save_pretrained=False`: save only the name and the revision of the model's repository.
    - The other arguments are those of `runlog.sklearn.log_model`. Without a signature and an input
      example, models of text have the signature of their task.
    """
    return saving.log(__name__, locals())


def load_model(
    model_uri: str,
    dst_path: str | None = None,
    return_type: str = "pipeline",
    device: Any = None,
    **kwargs: Any,
) -> Any:
    """Return the model at a URI, `runs:/...`, `models:/...`, a path or another, as a pipeline.

    - `dst_path`: a folder that the files are copied into first.
    - `return_type="components"`: a dictionary of the pipeline's arguments: `model`, `tokenizer`...
    - `device`: where it runs, such as 0, "cuda:1" or "cpu". By default the first GPU, if there is
      one; `RUNLOG_DEFAULT_PREDICTION_DEVICE` is another default.
    - `torch_dtype` or `dtype`: the type of the weights; the other `kwargs` are the pipeline's.

    Raises NotFound if there is none, InvalidParameter for an unknown `return_type`, BadRequest if a
    model with a processor is to be a pipeline, and RunlogError if it is of another flavour.
    """
    if return_type not in ("pipeline", "components"):
        raise InvalidParameter(
            f"return_type must be 'pipeline' or 'components', not {shown(return_type)}"
        )
    folder = local_folder(model_uri, dst_path)
    conf = flavor_conf(folder, FLAVOR_NAME)
    if return_type == "pipeline" and "processor_type" in conf:
        raise BadRequest(
            "the model was saved with a processor, which pipelines do not take: load it with "
            "return_type='components'"
        )
    return _load_parts(folder, conf, return_type, device, kwargs)


def _as_pipeline(model: Any, task: str | None) -> Any:
    import transformers

    if task is not None and task.startswith("llm/v1"):
        raise InvalidParameter(
            f"task={task!r} is a protocol of MLflow's model server, which runlog has not: use the "
            "pipeline's task, such as 'text-generation' or 'feature-extraction'"
        )
    if isinstance(model, transformers.Pipeline):
        return model
    if isinstance(model, (str, os.PathLike)):
        if task is None:
            raise InvalidParameter("a model in a folder needs a task, such as 'text-generation'")
        folder = os.fspath(model)
        if not os.path.isfile(os.path.join(folder, "config.json")):
            raise InvalidParameter(f"no model of transformers in {folder!r}: it has no config.json")
        return transformers.pipeline(task, model=folder, device="cpu")
    if not isinstance(model, dict):
        raise InvalidParameter(
            "a model of transformers is a pipeline, a dictionary of its components, or the path "
            f"of a folder, not {shown(model)}"
        )
    unknown = set(model) - {"model", "torch_dtype", *_COMPONENTS}
    if unknown or "model" not in model:
        raise InvalidParameter(
            f"the components of a model are `model` and {', '.join(_COMPONENTS)}, not "
            + ", ".join(sorted(map(str, model)))
        )
    options = dict(model)
    if "torch_dtype" in options:
        options[_dtype_name()] = options.pop("torch_dtype")
    if task is None:
        task = _task_of_repository(options["model"])
    try:
        return transformers.pipeline(task, **options)
    except Exception as error:
        raise InvalidParameter(
            f"these components make no pipeline for {task!r}: {error}"
        ) from error


def _task_of_repository(model: Any) -> str:
    from transformers.pipelines import get_task

    try:
        return str(get_task(model.name_or_path))
    except Exception as error:  # offline, or no repository
        raise InvalidParameter(
            "the task of the model is unknown: pass task='text-classification', for example"
        ) from error


def _check_template(template: str, pipeline: Any) -> None:
    import string

    if pipelines.task_of(pipeline) not in pipelines.WITH_PROMPT:
        raise InvalidParameter(
            f"{pipeline.task} takes no prompt_template; these tasks do: "
            + ", ".join(pipelines.WITH_PROMPT)
        )
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    if fields != ["prompt"]:
        raise InvalidParameter(
            "prompt_template must have {prompt} in it, once, and nothing else in braces, not "
            + shown(template)
        )


def _conf_of(
    pipeline: Any, processor: Any, torch_dtype: Any, save_pretrained: bool
) -> dict[str, Any]:
    """Return the flavour's entry in the MLmodel file."""
    model = pipeline.model
    conf = {"task": pipeline.task, "instance_type": type(pipeline).__name__}
    if getattr(pipeline, "framework", None):  # until transformers 5
        conf["framework"] = pipeline.framework
    dtype = torch_dtype or getattr(model, "dtype", None)
    if dtype is not None:
        conf["torch_dtype"] = str(dtype)
    conf["pipeline_model_type"] = type(model).__name__
    conf["source_model_name"] = model.name_or_path
    components = {name: getattr(pipeline, name, None) for name in _COMPONENTS}
    parts = {name: part for name, part in components.items() if part}
    if save_pretrained:
        conf["model_binary"] = _MODEL
    else:
        conf["source_model_revision"] = _revision(model.name_or_path)
    for name, part in {**parts, **({_PROCESSOR: processor} if processor else {})}.items():
        conf[f"{name}_type"] = type(part).__name__
        if not save_pretrained:
            repository = getattr(part, "name_or_path", model.name_or_path)
            conf[f"{name}_name"], conf[f"{name}_revision"] = repository, _revision(repository)
    return {**conf, "components": list(parts)}


def _revision(repository: str) -> str:
    from huggingface_hub import HfApi

    if not repository or os.path.exists(repository):
        raise InvalidParameter(
            f"save_pretrained=False stores the name of a repository of Hugging Face's, and "
            f"{repository!r} is none: save the model with its weights"
        )
    return str(HfApi().model_info(repository).sha)


def _save_components(folder: ModelFolder, pipeline: Any, processor: Any, names: list[str]) -> None:
    pipeline.model.save_pretrained(folder.at(_MODEL), max_shard_size="500MB")
    for name in names:
        getattr(pipeline, name).save_pretrained(folder.at(_COMPONENT_FOLDER, name))
    if processor is not None:
        processor.save_pretrained(folder.at(_COMPONENT_FOLDER, _PROCESSOR))


def _save_card(folder: ModelFolder, card: Any) -> None:
    from runlog.models import yaml_files

    if isinstance(card, str):
        text, data = card, None
    else:
        text, data = card.text, card.data.to_dict()
    with open(folder.at("model_card.md"), "w", encoding="utf-8") as file:
        file.write(text)
    if data:
        with open(folder.at("model_card_data.yaml"), "w", encoding="utf-8") as file:
            yaml_files.dump(data, file)


def _with_json_labels(example: Any) -> Any:
    """A list of labels in an example of a zero-shot classification becomes JSON: as a column of a
    table it has one text a row."""
    import json

    if isinstance(example, tuple):
        return (_with_json_labels(example[0]), *example[1:])
    if isinstance(example, dict) and isinstance(example.get("candidate_labels"), list):
        return {**example, "candidate_labels": json.dumps(example["candidate_labels"])}
    return example


def _infer_signature(model: pipelines.PipelineModel, example: Any) -> Any:
    """Return the signature that an example has, or else that of the task."""
    import logging

    import torch

    from runlog.models.signature import infer_signature

    if example is not None:
        try:
            with torch.random.fork_rng(devices=[]):  # text generation draws random numbers
                output = model.predict(example.data, example.params)
            return infer_signature(example.data, output, example.params)
        except Exception as error:  # of the model: it gets the signature of its task
            logging.getLogger(__name__).warning(
                "no signature could be inferred from the input example: %s: %s",
                type(error).__name__,
                error,
            )
    return pipelines.signature_of(str(model.task))


def _load_parts(
    folder: str, conf: Mapping[str, Any], return_type: str, device: Any, options: dict[str, Any]
) -> Any:
    import transformers

    arguments: dict[str, Any] = {"task": conf["task"]}
    if conf.get("framework") and transformers.__version__.startswith("4."):
        arguments["framework"] = conf["framework"]
    device = _device(options) if device is None else device
    if device is not None:
        arguments["device"] = device
    given = [options.pop(name, None) for name in ("dtype", "torch_dtype")]
    dtype = next(filter(None, given), conf.get("torch_dtype"))
    if dtype is not None:
        arguments[_dtype_name()] = _dtype(dtype)
    arguments["model"] = _load_weights(folder, conf, arguments)
    names = list(conf.get("components") or ())
    for name in [*names, *([_PROCESSOR] if "processor_type" in conf else [])]:
        arguments[name] = _load_component(folder, conf, name)
    if return_type == "components":
        return arguments
    return transformers.pipeline(**{**arguments, **options})


def _device(options: Mapping[str, Any]) -> Any:
    """Return the device of a pipeline for which none was named, or None."""
    import torch

    from runlog.settings import setting

    if "device_map" in options:
        return None
    named = setting("DEFAULT_PREDICTION_DEVICE")
    if named is not None:
        return int(named) if named.lstrip("-").isdigit() else named
    return 0 if torch.cuda.is_available() else None


def _dtype_name() -> str:
    """The argument `torch_dtype` became `dtype` in transformers 4.56."""
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return "dtype" if version >= (4, 56) else "torch_dtype"


def _dtype(named: Any) -> Any:
    import torch

    if not isinstance(named, str):
        return named
    found = getattr(torch, named.removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise InvalidParameter(f"torch has no type {named!r}")
    return found


def _load_weights(folder: str, conf: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    import transformers

    options = {name: arguments[name] for name in (_dtype_name(),) if name in arguments}
    if "source_model_revision" in conf:
        source, options["revision"] = conf["source_model_name"], conf["source_model_revision"]
    elif "local_base_model_path" in conf or "peft_adaptor" in conf:
        raise BadRequest("the model is an adapter of PEFT, which runlog does not load")
    else:
        source = code.inside(folder, conf.get("model_binary") or "pipeline")
    cls = getattr(transformers, conf["pipeline_model_type"], None)
    if cls is None:
        cls, options["trust_remote_code"] = _class_of_config(source, options.get("revision")), True
    return cls.from_pretrained(source, **options)


def _class_of_config(source: str, revision: str | None) -> Any:
    """Return the class that loads a model whose class is in files of the model."""
    import transformers

    pickles.refuse_unless_allowed("the model has classes of its own")
    config = transformers.AutoConfig.from_pretrained(
        source, revision=revision, trust_remote_code=True
    )
    name = config.architectures[0]
    for auto_class, place in (getattr(config, "auto_map", None) or {}).items():
        if place.rpartition(".")[2] == name:
            return getattr(transformers, auto_class)
    raise BadRequest(f"transformers {transformers.__version__} has no class {name}")


def _load_component(folder: str, conf: Mapping[str, Any], name: str) -> Any:
    import transformers

    automatic = {
        "tokenizer": "AutoTokenizer",
        "feature_extractor": "AutoFeatureExtractor",
        "image_processor": "AutoImageProcessor",
        _PROCESSOR: "AutoProcessor",
    }
    options: dict[str, Any] = {}
    source = code.inside(folder, os.path.join(_COMPONENT_FOLDER, name))
    if f"{name}_name" in conf:
        source, options["revision"] = conf[f"{name}_name"], conf.get(f"{name}_revision")
    cls = getattr(transformers, conf[f"{name}_type"], None)
    if cls is None or not hasattr(cls, "from_pretrained"):
        # A class of another version of transformers, or one in files of the model.
        cls = getattr(transformers, automatic[name])
        if pickles.allowed():
            options["trust_remote_code"] = True
    return cls.from_pretrained(source, **options)


def _load_pyfunc(
    path: str, model_config: Mapping[str, Any] | None = None
) -> pipelines.PipelineModel:
    conf = flavor_conf(path, FLAVOR_NAME)
    if "inference_task" in conf:
        raise BadRequest(
            f"the model was saved with task={conf['inference_task']!r}, a protocol of MLflow's "
            "model server: load it with runlog.transformers.load_model()"
        )
    pipeline = _load_parts(path, conf, "pipeline", None, {})
    metadata = Model.load(path).metadata or {}
    return pipelines.PipelineModel(pipeline, model_config, metadata.get("prompt_template"))


def generate_signature_output(
    pipeline: Any,
    data: Any,
    model_config: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    flavor_config: Mapping[str, Any] | None = None,
) -> Any:
    """Return what the pyfunc model of a pipeline predicts from `data`, for `infer_signature`."""
    return pipelines.PipelineModel(pipeline, model_config).predict(data, params)


def get_default_pip_requirements(model: Any = None) -> list[str]:
    """Return the packages that every model of this flavour needs, with their versions."""
    from runlog.models.requirements import pinned

    return [pinned("transformers"), pinned("torch")]
