"""Importers: other trackers' runs, as the stream that `copying` takes from a store.

source             what an importer is: a `Source`, read as a store is, and never written to
kinds              recognising what lies at a path, and opening it
mlflow_files       MLflow's folders of files, `mlruns/`
mlflow_database    MLflow's own databases: SQLite, PostgreSQL, MySQL
import_runs        bringing a source over, leaving out what has not changed
"""
