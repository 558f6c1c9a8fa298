import matplotlib.colors
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_banana.codecs import colors
from vision_banana.errors import UserError

CHANNEL = st.integers(0, 255)
RGB = st.tuples(CHANNEL, CHANNEL, CHANNEL)


@pytest.mark.parametrize("text, rgb", [
    ("red", (255, 0, 0)), ("pink", (255, 192, 203)), ("cyan", (0, 255, 255)),
    ("yellow", (255, 255, 0)), ("light purple", (191, 119, 246)),
    ("Navy Blue", (0, 0, 128)), ("navy", (0, 0, 128)), ("LightPink", (255, 182, 193)),
    ("light-pink", (255, 182, 193)), (" Dark  Slate_Grey ", (47, 79, 79)),
    ("#80C000", (128, 192, 0)), ("#8c0", (136, 204, 0)), ("#80c000", (128, 192, 0)),
    ("RGB(88, 50, 82)", (88, 50, 82)), ("rgb(88,50,82)", (88, 50, 82)),
    ("(255, 0, 192)", (255, 0, 192)), ("<255, 165, 0>", (255, 165, 0)),
    ("<125,0, 125>", (125, 0, 125)), ("[1, 2, 3]", (1, 2, 3)), ("1, 2, 3", (1, 2, 3)),
    ('"red"', (255, 0, 0)),
])
def test_every_syntax_of_the_paper(text, rgb):
  assert colors.parse(text) == rgb


@given(RGB, st.sampled_from([s for s in colors.STYLES if s != "name"]))
def test_what_is_written_is_read_back(rgb, style):
  text = colors.format(rgb, style)
  assert colors.parse(text) == rgb
  assert colors.parse(text.lower()) == colors.parse(text.upper()) == rgb


@given(RGB)
def test_the_styles_differ(rgb):
  styles = [s for s in colors.STYLES if s != "name"]
  assert len({colors.format(rgb, s) for s in styles}) == len(styles)


@pytest.mark.parametrize("name", sorted(colors.NAMES))
def test_names_are_read_in_any_spelling_and_written_back(name):
  rgb = colors.NAMES[name]
  for spelling in (name, name.title(), name.upper(), name.replace(" ", "")):
    assert colors.parse(spelling) == rgb
  assert colors.parse(colors.format(rgb, "name")) == rgb
  assert colors.name_of(np.array(rgb)) == colors.format(rgb, "name")


def test_names_agree_with_css_and_the_xkcd_survey():
  css = {name.replace(" ", ""): rgb for name, rgb in colors.NAMES.items()}
  for name, code in matplotlib.colors.CSS4_COLORS.items():
    assert css.pop(name) == colors.parse(code), name
  del css["navyblue"]
  for name, rgb in colors.NAMES.items():
    if name.replace(" ", "") in css:  # What is left.
      code = matplotlib.colors.XKCD_COLORS[f"xkcd:{name}"]
      assert colors.format(rgb, "hex").lower() == code, name


def test_no_two_names_read_alike_and_no_name_is_written_for_two_colours():
  squashed = [n.replace(" ", "") for n in colors.NAMES]
  assert len(set(squashed)) == len(squashed)
  written = {colors.name_of(rgb) for rgb in colors.NAMES.values()}
  assert len(written) == len(set(colors.NAMES.values()))
  assert "light purple" in written and None not in written


@pytest.mark.parametrize("text, message", [
    ("lihgt purple", "unknown colour 'lihgt purple'; did you mean 'light purple'"),
    ("zzzzzz", "write a name or #rrggbb"),
    ("(256, 0, 0)", r"'\(256, 0, 0\)' is out of range"),
    ("#12345", "is not #rrggbb"),
    ("#gggggg", "is not #rrggbb"),
    ("(1, 2)", "unknown colour"), ("(1, 2, 3, 4)", "unknown colour"),
    ("(1, 2, 3>", "unknown colour"), ("rgb<1, 2, 3>", "unknown colour"),
    ("(0.5, 0.2, 0.1)", "unknown colour"), ("(-1, 0, 0)", "unknown colour"),
    ("80C000", "unknown colour"), ("", "unknown colour"),
])
def test_what_is_not_a_colour_is_refused_in_one_line(text, message):
  with pytest.raises(UserError, match=message) as error:
    colors.parse(text)
  assert "\n" not in str(error.value)


def test_format_refuses_what_it_cannot_write():
  with pytest.raises(UserError, match="unknown colour style 'css'"):
    colors.format((1, 2, 3), "css")
  with pytest.raises(UserError, match="has no name"):
    colors.format((1, 2, 3), "name")
  with pytest.raises(UserError, match="out of range"):
    colors.format((1, 2, 300), "hex")
  assert colors.name_of((1, 2, 3)) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.lists(RGB, max_size=3))
def test_distinct_colours_are_apart_from_each_other_and_from_the_avoided(
    seed, n, avoid):
  got = colors.distinct(np.random.default_rng(seed), n, avoid)
  assert got.shape == (n, 3) and got.dtype == np.uint8
  everything = np.concatenate([got, np.reshape(avoid, (-1, 3))]).astype(float)
  for i in range(n):
    gap = np.linalg.norm(np.delete(everything, i, 0) - everything[i], axis=1)
    assert (gap >= 60).all()
  again = colors.distinct(np.random.default_rng(seed), n, avoid)
  np.testing.assert_array_equal(got, again)


def test_distinct_colours_vary_over_the_cube():
  drawn = np.concatenate(
      [colors.distinct(np.random.default_rng(s), 8) for s in range(100)])
  assert np.abs(drawn.mean(0) - 127.5).max() < 10
  assert len(np.unique(drawn, axis=0)) > 700


def test_distinct_from_a_pool_and_when_it_is_too_small():
  pool = list(colors.NAMES.values())
  rng = np.random.default_rng(0)
  for rgb in colors.distinct(rng, 8, [(0, 0, 0)], pool=pool, min_distance=80):
    assert colors.name_of(rgb)
  with pytest.raises(UserError, match="cannot place 300 colours at least 60 apart"):
    colors.distinct(rng, 300)


def test_apart_is_the_distance_that_distinct_keeps():
  assert colors.apart((255, 0, 0), [(195, 0, 0), (255, 36, 48)])
  assert not colors.apart((255, 0, 0), [(0, 0, 0), (196, 0, 0)])
  assert colors.apart((255, 0, 0), [])


def test_a_colour_that_is_no_text_is_one_line():
  with pytest.raises(UserError, match=r"^colour \(255, 0, 0\) is no text; write a name"):
    colors.parse((255, 0, 0))
