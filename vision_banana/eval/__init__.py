"""Benchmarks, metrics, predictions on disk, tables and reports."""
