"""Runs on a server: runlog's own client for runlog, MLflow and Databricks servers.

store       HttpStore, made from the rows of `runlog.protocol`
files       artifacts that the server passes on
link        one server: asks, asks again, turns refusals into errors
patience    how long and how often it asks
transport   one request over connections that are kept
security    TLS: whom it trusts, and what it shows
address     where a server is, and who says it is us
databricks  the same for Databricks: profiles, tokens, service principals
"""
