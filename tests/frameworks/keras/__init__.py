"""Tests that run in the environment `keras`."""
