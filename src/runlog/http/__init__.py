"""Runs on a server: runlog's own client for runlog, MLflow and Databricks servers.

store          HttpStore, made from the rows of `runlog.protocol`
logged_models  its logged models
registry       its model registry
views          its tables and charts
exact_copy     its records, with which runs are copied
mlflow_records the same for servers that choose the ids themselves
fallbacks      what other servers have no endpoint for, from what they have
files          artifacts that the server passes on
log_calls      what a training logs: queued in the outbox, or sent at once
outbox         the log calls of a process on their way to a server, on disk
batches        items of an outbox as requests
sender         the thread that sends what waits in an outbox
owners         which processes that wrote to an outbox are alive
offline        runs that are started without their server
calls          calls of the server's endpoints
session        one server: requests, retries, refusals as errors
retry          how often a request is retried, and for how long
transport      one request over connections that are kept
tls            whose certificates are trusted, and which one is shown
address        where a server is, and who the user is
databricks     the same for Databricks: profiles, tokens, service principals
probe          a server's version, clock and login, for `runlog doctor`
"""
