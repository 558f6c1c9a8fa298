import re
import string

from hypothesis import example, given, settings, strategies as st
import numpy as np
import pytest

from vision_banana.tasks import phrasings
from vision_banana.tasks import prompts

LEGEND = [("floor", "red"), ("wall", "#80C000")]
ASK = {
    "depth": lambda rng: prompts.depth(rng, "plasma"),
    "normals": prompts.normals,
    "semantic": lambda rng: prompts.semantic(rng, LEGEND, "<1, 2, 3>"),
    "instance": lambda rng: prompts.instance(rng, "mug", "navy"),
    "referring": lambda rng: prompts.referring(rng, [("the red mug", "cyan")], "navy"),
    "edges": lambda rng: prompts.edges(rng, "cyan", "navy"),
    "modality": lambda rng: prompts.modality(rng, "depth", "normals"),
    "text_to_image": lambda rng: prompts.text_to_image(rng, "A small room."),
    "editing": lambda rng: prompts.editing(rng, "Remove the mug."),
}
SAID = {
    "depth": ["Plasma"],
    "semantic": ["floor", "red", "wall", "#80C000", "<1, 2, 3>"],
    "instance": ["mug", "navy"],
    "referring": ["the red mug", "cyan", "navy"],
    "edges": ["cyan", "navy"],
    "text_to_image": ["A small room."],
    "editing": ["Remove the mug."],
}


@pytest.mark.parametrize("task", ASK)
def test_many_phrasings_that_say_all_they_must(task):
  rng = np.random.default_rng(0)
  drawn = {ASK[task](rng) for _ in range(400)}
  assert len(drawn) >= 10
  for prompt in drawn:
    assert not re.search(r"[{]\w+[}]|  ", prompt), prompt  # An unfilled slot.
    for text in SAID.get(task, ()):
      assert text in prompt, prompt


@pytest.mark.parametrize("task", ASK)
def test_canonical_prompt_is_fixed_and_common_in_training(task):
  canonical = ASK[task](None)
  assert canonical == ASK[task](None)
  rng = np.random.default_rng(0)
  share = np.mean([ASK[task](rng).startswith(canonical[:25]) for _ in range(400)])
  assert share > 0.02


def test_phrasings_have_the_slots_their_functions_fill():
  slots = {"COLORMAP": {"map"}, "BACKGROUND": {"color"},
           "REFERRING_PART": {"phrase", "color"},
           "REFERRING_SHORT": {"phrase", "color"}, "REFERRING_PLAIN": {"phrase"},
           "INSTANCE": {"name", "background"}, "EDGE_COLORS": {"color", "background"},
           "MODALITY": {"source", "target"}, "TEXT_TO_IMAGE": {"text"},
           "EDITING": {"instruction"}}
  for name, wanted in slots.items():
    for text in getattr(phrasings, name):
      if name == "EDITING":  # Either way to write the instruction.
        text = text.replace("{text}", "{instruction}").replace(
            "{sentence}", "{instruction}")
      found = {slot for _, slot, _, _ in string.Formatter().parse(text) if slot}
      assert found == wanted, text


def test_an_instruction_ends_before_the_next_sentence_starts():
  rng = np.random.default_rng(0)
  drawn = {prompts.editing(rng, "remove the mug") for _ in range(200)}
  assert "remove the mug. Keep the rest." in drawn
  assert "remove the mug" in drawn
  drawn = {prompts.editing(rng, "Remove it.") for _ in range(200)}
  assert "Remove it. Keep the rest." in drawn


def test_each_vision_task_has_ten_phrasings_or_more():
  for name in ("DEPTH", "NORMALS", "INSTANCE", "EDGES", "MODALITY"):
    assert len(set(getattr(phrasings, name))) >= 10, name
  semantic = (phrasings.SEMANTIC_JSON, phrasings.SEMANTIC_PROSE,
              phrasings.SEMANTIC_LIST, phrasings.SEMANTIC_PAIRS)
  assert sum(len(set(s)) for s in semantic) >= 10
  assert len(phrasings.REFERRING_OPEN) * len(phrasings.REFERRING_PART) >= 10


def test_semantic_takes_every_form():
  rng = np.random.default_rng(0)
  drawn = [prompts.semantic(rng, LEGEND, "navy") for _ in range(200)]
  for sign in ('{"floor": ', "The floor is ", "floor in red", "floor: red",
               "floor = red"):
    assert any(sign in prompt for prompt in drawn), sign


def test_unsaid_colors_are_not_said():
  rng = np.random.default_rng(0)
  for _ in range(50):
    assert "rest" not in prompts.semantic(rng, LEGEND).lower()
    assert "ackground" not in prompts.referring(rng, [("the mug", "")])
    assert "ackground" not in prompts.instance(rng, "mug")
    assert "color map" not in prompts.depth(rng)


def test_users_text_may_hold_braces():
  assert "{x}" in prompts.text_to_image(None, "A cup {x}.")


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_pieces_split_a_hex_color_into_its_bytes(r, g, b):
  text = f'"floor": #{r:02X}{g:02X}{b:02X}, wall: ({r}, {g}, {b})'
  pieces = re.findall(prompts.PIECES, text)
  assert pieces[:7] == ['"', "floor", '": #', f"{r:02X}", f"{g:02X}", f"{b:02X}", ","]
  assert [p for p in pieces[7:] if p.isdigit()] == [str(r), str(g), str(b)]


@settings(deadline=None)
@example("٣ 12345 ²_é")
@given(st.text())
def test_pieces_lose_nothing_but_white_space(text):
  joined = "".join(re.findall(prompts.PIECES, text))
  assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", text)


def test_fits_draws_the_line():
  assert prompts.fits("word " * 45)
  assert not prompts.fits("word " * 46)
  assert not prompts.fits("w" * 231)
  assert prompts.fits("(1, 2, 3) " * 8)
  assert not prompts.fits("(1, 2, 3) " * 11)
