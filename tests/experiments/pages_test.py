"""Content between its marks."""

import pytest

from experiments import pages


def test_content_goes_between_its_marks_and_nowhere_else():
  page = "a\n<!-- c -->\nold\n<!-- end c -->\n<!-- c_x -->\nkept\n<!-- end c_x -->\n"
  made = pages.put(page, "c", "\nnew \\1\n")
  assert made == page.replace("old\n", "\nnew \\1\n")
  with pytest.raises(ValueError, match="0 places marked d"):
    pages.put(page, "d", "")


def test_a_table_has_a_rule_under_its_head():
  assert pages.table(["a", "b"], [["1", "2"]]) == (
      "| a | b |\n| --- | --- |\n| 1 | 2 |\n")
