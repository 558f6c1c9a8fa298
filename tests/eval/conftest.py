"""Every benchmark in its official layout, made once."""

import pytest

from tests.fixtures import make_benchmarks


@pytest.fixture(scope="session")
def layouts(tmp_path_factory):
  """The folder; tests that break something copy it first."""
  root = tmp_path_factory.mktemp("benchmarks")
  make_benchmarks.make(root)
  return root
