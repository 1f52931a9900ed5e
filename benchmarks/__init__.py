"""Benchmarks of sklearn_binnet; see README.md in this folder."""
