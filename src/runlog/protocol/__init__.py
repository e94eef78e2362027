"""MLflow's REST protocol and runlog's own endpoints as data, which both sides read.

rows              Row: one endpoint as a value
endpoints         all of them
mlflow_endpoints  MLflow's for experiments, runs, metrics and logged models
registry_endpoints  MLflow's for the model registry
file_endpoints    MLflow's that move files
runlog_endpoints  runlog's own
log_calls         what the server does to log what a request holds
fields            fields that several endpoints have
limits            how much a request may hold
codecs            kinds of values: how each is read from JSON and written to it
entities          kinds of experiments, runs, metrics, files and logged models
arrays            kinds of columns of numbers: histories, runs as columns
views             kinds of what the pages show: tables of runs, series, changes
queries           kinds of a SQL query's values and result
exact_copy        kinds of the records that copy runs between stores
"""
