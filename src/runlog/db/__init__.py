"""The databases under the SQL store: one file an engine."""
