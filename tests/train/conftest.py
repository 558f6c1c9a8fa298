"""Compiled programs are kept for the session: many runs compile the same step."""

import os
import tempfile

import jax
import pytest


@pytest.fixture(autouse=True, scope="session")
def compilation_cache():
  settings = {"jax_persistent_cache_min_compile_time_secs": 0.2}
  with tempfile.TemporaryDirectory() as folder:
    settings["jax_compilation_cache_dir"] = folder
    for name, value in settings.items():
      jax.config.update(name, value)
      os.environ[name.upper()] = str(value)  # For tests that start a process.
    yield
    for name in settings:
      del os.environ[name.upper()]
