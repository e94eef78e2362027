"""Tests that run in the environment `torch`."""
