"""Tests that run in the environment `tables`."""
