"""These tests are about what runs when, not about speed: compile quickly."""

import tempfile

import jax
import pytest


@pytest.fixture(autouse=True, scope="session")
def quick_compilation():
  """No costly optimisation, and each program is compiled once for all tests here."""
  with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
    settings = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.2,
    }
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
      jax.config.update(name, value)
      patch.setenv(name.upper(), str(value))  # For tests that start a process.
    yield
    for name, value in before.items():
      jax.config.update(name, value)
