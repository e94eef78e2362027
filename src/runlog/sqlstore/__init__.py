"""Stores in databases, in SQL that SQLite speaks and the others are given translated.

- `store`: SqlStore, a store in a SQLite file
- `server_store`: RemoteStore, a store in a database on a server
- `experiments`, `runs`, `logging`: the statements of experiments, of runs, and of what is logged
- `rows`: entities of rows
- `metrics`: points and summaries in SQLite; `server_metrics`: on a server
- `history`: parts of a metric's history, for pages and charts
- `search`: clauses and orders of the search language as SQL
- `views`: the tables, series and overviews that pages and notebooks show
- `logged_models`: logged models, their params, tags and metrics
- `registry`: registered models, versions and aliases; `registry_rows`: entities of their rows;
  `registry_records`: exact copies of them
- `exact_copy`: the store's side of copying with ids, times and stages
- `trash`: what is deleted, and deleting it for good
- `accounts`: users, tokens, grants and the audit log
- `locations`: where artifacts are, as URIs and as stored
- `ids`: row ids of runs and experiments, and lists of them
- `retry`: retry of transactions that were undone
"""
