"""What MLflow's modules hold that runlog has under no name of its own, so that `from
mlflow.utils.validation import MAX_PARAM_VAL_LENGTH` works where runlog is `mlflow`.

`paths` of runlog.mlflow_names says which import path leads to which of these: annotations,
artifact_repository, autologging, config, databricks, doctor, environment_variables, error_codes,
files, registry_service, request_headers, rest, run_context, small, store_limits, tags,
tracking_service, validation.

`active_models` has functions of MLflow's that are functions of `runlog`, and so has `doctor`.
"""
