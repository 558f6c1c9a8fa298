"""Readers of the benchmarks' own file layouts, one file a family."""
