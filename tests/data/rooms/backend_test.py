"""Choosing a Mitsuba variant."""

import importlib.util

import pytest

from vision_banana.data.rooms import backend
from vision_banana.errors import UserError


def test_without_llvm_it_is_slow_and_says_why(monkeypatch):
  monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/nowhere/libLLVM.so")
  with pytest.warns(UserWarning, match="install libllvm19"):
    assert backend.variant.__wrapped__() == "scalar_rgb"


def test_llvm_that_aborts_is_not_used(monkeypatch):
  monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "libc.so.6")  # Loads, but is no LLVM.
  monkeypatch.setattr(backend, "_PROBE", "import os; os.abort()")
  with pytest.warns(UserWarning, match="libllvm19"):
    assert backend.variant.__wrapped__() == "scalar_rgb"


def test_llvm_that_works_is_kept(monkeypatch):
  monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "libc.so.6")
  monkeypatch.setattr(backend, "_PROBE", "import os; os.environ['DRJIT_LIBLLVM_PATH']")
  assert backend.variant.__wrapped__() == "llvm_ad_rgb"


def test_missing_mitsuba_names_the_extra(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(UserError, match=r"pip install 'vision_banana\[render\]'"):
    backend.variant.__wrapped__()
