"""Model: what a MLmodel file says of the folder that it is in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from runlog.errors import NotFound, RunlogError
from runlog.models import signature as signatures
from runlog.models.signature import ModelSignature

MLMODEL_FILE_NAME = "MLmodel"
FORMAT = "3.1.0"
"""The version of MLflow whose format is written."""


def _new_uuid() -> str:
    from uuid import uuid4

    return uuid4().hex


class ModelInfo:
    """A model that was logged: its URI, what its MLmodel file says, and the version that it was
    registered as, or None."""

    def __init__(self, model: Model, model_uri: str, logged_model: Any = None) -> None:
        self.model_uri = model_uri
        self.artifact_path, self.flavors = model.artifact_path, model.flavors
        self.model_uuid, self.run_id = model.model_uuid, model.run_id
        self.saved_input_example_info = model.saved_input_example_info
        self.signature = model.signature
        self.utc_time_created, self.mlflow_version = model.utc_time_created, model.mlflow_version
        self.metadata, self.prompts, self.env_vars = model.metadata, model.prompts, model.env_vars
        self.model_id = model.model_id
        self.name = getattr(logged_model, "name", model.artifact_path)
        self.params = dict(getattr(logged_model, "params", None) or {})
        self.tags = dict(getattr(logged_model, "tags", None) or {})
        self.metrics = getattr(logged_model, "metrics", None)
        self.creation_timestamp = getattr(logged_model, "creation_timestamp", None)
        self.registered_model_version: int | None = None

    @property
    def signature_dict(self) -> dict[str, Any] | None:
        """Return the signature as a dictionary of JSON texts, or None."""
        return None if self.signature is None else self.signature.to_dict()

    def __repr__(self) -> str:
        return f"ModelInfo(model_uri={self.model_uri!r}, flavors={sorted(self.flavors)})"


class Model:
    """The contents of a MLmodel file: flavours, signature, input example, where it came from.

    Attributes have MLflow's names, and unknown ones are kept. Flavours create one, or get it as
    `mlflow_model`, and add themselves.

    >>> from runlog.models import Model
    >>> model = Model(run_id="0" * 32).add_flavor("mine", data="weights.bin")
    >>> Model.from_dict(model.to_dict()).flavors
    {'mine': {'data': 'weights.bin'}}
    """

    def __init__(
        self,
        artifact_path: str | None = None,
        run_id: str | None = None,
        utc_time_created: Any = None,
        flavors: dict[str, Any] | None = None,
        signature: ModelSignature | None = None,
        saved_input_example_info: dict[str, Any] | None = None,
        model_uuid: str | Callable[[], str] | None = "",
        mlflow_version: str | None = FORMAT,
        metadata: dict[str, Any] | None = None,
        model_size_bytes: int | None = None,
        resources: Any = None,
        env_vars: list[str] | None = None,
        auth_policy: Any = None,
        model_id: str | None = None,
        prompts: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.artifact_path, self.run_id = artifact_path, run_id
        self.utc_time_created = str(utc_time_created or _utc_now())
        self.flavors: dict[str, Any] = flavors if flavors is not None else {}
        self.signature = signature
        self.saved_input_example_info = saved_input_example_info
        if callable(model_uuid):
            model_uuid = model_uuid()
        self.model_uuid = _new_uuid() if model_uuid == "" else model_uuid
        self.mlflow_version, self.metadata = mlflow_version, metadata
        self.model_size_bytes, self.resources = model_size_bytes, resources
        self.env_vars, self.auth_policy = env_vars, auth_policy
        self.model_id, self.prompts = model_id, prompts
        self.__dict__.update(kwargs)

    def add_flavor(self, name: str, **params: Any) -> Model:
        """Add or replace a flavour with these fields, and return the model itself."""
        self.flavors[name] = params
        return self

    def get_input_schema(self) -> Any:
        """Return the schema of the inputs, or None."""
        return None if self.signature is None else self.signature.inputs

    def get_output_schema(self) -> Any:
        """Return the schema of the outputs, or None."""
        return None if self.signature is None else self.signature.outputs

    def get_params_schema(self) -> Any:
        """Return the schema of the params, or None."""
        return None if self.signature is None else self.signature.params

    def to_dict(self) -> dict[str, Any]:
        """Return what a MLmodel file holds."""
        found = {name: value for name, value in self.__dict__.items() if name[0] != "_"}
        for name in _LEFT_OUT:
            if found.get(name) is None:
                found.pop(name, None)
        if self.signature is not None:
            found["signature"] = self.signature.to_dict()
            found["is_signature_from_type_hint"] = self.signature.from_type_hint
            found["type_hint_from_example"] = self.signature.type_hint_from_example
        return found

    @classmethod
    def from_dict(cls, model_dict: Mapping[str, Any]) -> Model:
        """Create it from what `to_dict` returns. What is missing stays missing."""
        given = {"model_uuid": None, "mlflow_version": None, **model_dict}
        from_hint = given.pop("is_signature_from_type_hint", False)
        from_example = given.pop("type_hint_from_example", False)
        signature = given["signature"] = signatures.parsed(given.get("signature"))
        if signature is not None:
            signature.from_type_hint = bool(from_hint)
            signature.type_hint_from_example = bool(from_example)
        return cls(**given)

    def to_yaml(self, stream: Any = None) -> Any:
        """Return it as YAML text, or write that to a stream."""
        from runlog.models import yaml_files

        return yaml_files.dump(self.to_dict(), stream)

    def to_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps(self.to_dict())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as a MLmodel file."""
        with open(path, "w", encoding="utf-8") as file:
            self.to_yaml(file)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Read a MLmodel file: its path, or the folder or the URI of a model. Raises NotFound if
        there is none, and RunlogError if it is not a MLmodel file."""
        from runlog.models import uris, yaml_files

        uri = os.fspath(path).rstrip("/")
        if uri.rpartition("/")[2] == MLMODEL_FILE_NAME:
            uri = uri[: -len(MLMODEL_FILE_NAME)].rstrip("/") or "."
        repo, inner = uris.located(uri)
        try:
            content = repo.read(f"{inner}/{MLMODEL_FILE_NAME}" if inner else MLMODEL_FILE_NAME)
        except NotFound:
            raise NotFound(
                f'Could not find an "{MLMODEL_FILE_NAME}" configuration file at "{path}": it is '
                "no model"
            ) from None
        given = yaml_files.load(content, f"{uri}/{MLMODEL_FILE_NAME}")
        if not isinstance(given, dict):
            raise RunlogError(f"{uri}/{MLMODEL_FILE_NAME} is not a MLmodel file")
        return cls.from_dict(given)

    def get_model_info(self, logged_model: Any = None) -> ModelInfo:
        """Return the ModelInfo of the logged model."""
        uri = (
            f"models:/{self.model_id}"
            if self.model_id
            else f"runs:/{self.run_id}/{self.artifact_path}"
        )
        return ModelInfo(self, uri, logged_model)

    @classmethod
    def log(
        cls,
        artifact_path: str | None = None,
        flavor: Any = None,
        registered_model_name: str | None = None,
        await_registration_for: int | None = 300,
        metadata: dict[str, Any] | None = None,
        run_id: str | None = None,
        resources: Any = None,
        auth_policy: Any = None,
        prompts: list[str] | None = None,
        name: str | None = None,
        model_type: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        step: int = 0,
        model_id: str | None = None,
        **kwargs: Any,
    ) -> ModelInfo:
        """Save a model with a flavour's `save_model`, log its files and return its ModelInfo.

        - `name`: log it as a logged model of that name, with params, tags, metrics and a state. It
          belongs to the active run, if there is one, which gets it as an output at `step`.
        - `artifact_path`: log its files to this folder of the run's artifacts, as MLflow 2 does. A
          run is started if none is active. With `params`, `tags`, `model_type`, `model_id` or a
          `step`, it is a logged model of that name.
        - `registered_model_name`: register it, too, as a new version of the model of this name.
        - `kwargs` go to `flavor.save_model`.
        """
        from runlog.models import log

        made = cls(
            run_id=run_id,
            metadata=metadata,
            resources=resources,
            auth_policy=auth_policy,
            prompts=prompts,
        )
        is_logged_model = any(each is not None for each in (name, params, tags, model_type))
        if artifact_path is not None and not (is_logged_model or model_id or step):
            info: ModelInfo = log.to_run(made, artifact_path, flavor, kwargs)
        else:
            wanted = log.Wanted(name or artifact_path, model_type, params, tags, step, model_id)
            info = log.to_logged_model(made, wanted, flavor, kwargs)
        if registered_model_name is not None:
            info.registered_model_version = log.register(
                info.model_uri, registered_model_name, await_registration_for, tags
            )
        return info

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.to_yaml())

    def __repr__(self) -> str:
        return f"<Model of {', '.join(sorted(self.flavors)) or 'no flavour'}>"


_LEFT_OUT = (
    "artifact_path run_id signature saved_input_example_info metadata resources env_vars "
    "auth_policy model_size_bytes mlflow_version".split()
)


def _utc_now() -> str:
    from datetime import datetime, timezone

    return str(datetime.now(timezone.utc).replace(tzinfo=None))


def get_model_info(model_uri: str) -> ModelInfo:
    """Return what is known of a model: its flavours, signature and where it came from.

    Raises NotFound if there is no model at the URI.

    >>> from sklearn.dummy import DummyClassifier
    >>> with runlog.start_run():
    ...     logged = runlog.sklearn.log_model(DummyClassifier(), name="dummy")
    >>> sorted(runlog.models.get_model_info(logged.model_uri).flavors)
    ['python_function', 'sklearn']
    """
    from runlog.client import RunlogClient

    model = Model.load(model_uri)
    logged = None
    if model.model_id:
        try:
            logged = RunlogClient().get_logged_model(model.model_id)
        except NotFound:  # its files were copied from another store
            pass
    return ModelInfo(model, model_uri, logged)
