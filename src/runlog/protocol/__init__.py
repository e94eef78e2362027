"""MLflow's REST protocol as data: `rows` are the endpoints, `wire` is how values travel."""
