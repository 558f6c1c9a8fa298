import itertools

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from vision_banana.codecs import colors
from vision_banana.errors import UserError
from vision_banana.tasks import legend


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 31))
def test_drawn_colors_are_apart_and_their_text_reads_back(seed, n):
  avoid = [(0, 0, 0)]
  paints = legend.draw(np.random.default_rng(seed), n, avoid)
  assert len(paints) == n
  for paint in paints:
    assert colors.parse(paint.text) == paint.rgb
  for a, b in itertools.combinations([*avoid, *(p.rgb for p in paints)], 2):
    assert np.linalg.norm(np.subtract(a, b)) >= 50


def test_fixed_colors_are_those_of_the_name_whatever_stands_beside_it():
  names = ["floor", "wall", "table", "mug", "box"]
  alone = {name: legend.fixed([name])[0] for name in names}
  assert legend.fixed(names) == [alone[n] for n in names]
  assert legend.fixed(names[::-1]) == [alone[n] for n in names[::-1]]
  for paint in alone.values():
    assert colors.parse(paint.text) == paint.rgb != (0, 0, 0)
  # Two hundred names share 215 colours, and no two of a legend do.
  many = legend.fixed([f"class {i}" for i in range(200)])
  assert len({p.rgb for p in many}) == 200


def test_every_syntax_is_drawn_and_one_prompt_mostly_keeps_to_one():
  rng = np.random.default_rng(0)
  drawn = [legend.draw(rng, 3) for _ in range(300)]
  styles = [[_style(p.text) for p in paints] for paints in drawn]
  assert {s for three in styles for s in three} == set(colors.STYLES)
  uniform = np.mean([len(set(three)) == 1 for three in styles])
  assert 0.8 < uniform < 1


def _style(text):
  for style, start in (("hex", "#"), ("rgb", "RGB("), ("tuple", "("), ("tag", "<")):
    if text.startswith(start):
      return style
  return "name"


def test_syntaxes_of_a_mixed_legend_come_in_any_order():
  rng = np.random.default_rng(0)
  drawn = [[_style(p.text) for p in legend.draw(rng, 3)] for _ in range(300)]
  assert any(a == c != b for a, b, c in drawn)


def test_standard_colors_are_words_then_numbers_and_keep_clear_of_taken_ones():
  paints = legend.standard(12, avoid=[(255, 0, 0)])
  assert [p.text for p in paints[:2]] == ["green", "blue"]
  assert len({p.rgb for p in paints} | {(255, 0, 0)}) == 13
  assert paints == legend.standard(12, avoid=[(255, 0, 0)])
  assert legend.standard(12, avoid=[(200, 20, 0)])[0].text == "green"
  assert legend.standard(12, avoid=[(190, 0, 0)])[0].text == "red"


def test_parse_keeps_the_text():
  assert legend.parse("light purple") == legend.Paint((191, 119, 246), "light purple")
  with pytest.raises(UserError, match="bluue"):
    legend.parse("bluue")
