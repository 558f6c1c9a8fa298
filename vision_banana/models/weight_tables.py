"""Which tensor of the published files is which part of which of our parameters.

One table a network. A row is a pattern of our module's path and the published
names of that module: `{layer}` where our parameters are stacked over layers, and
several names where ours is one fused matrix of several of theirs.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flax import nnx

from vision_banana.models.autoencoder import Autoencoder, AutoencoderConfig
from vision_banana.models.flux2 import Flux2, Flux2Config
from vision_banana.models.qwen3 import Qwen3, Qwen3Config

Table = tuple[tuple[str, ...], ...]

FLUX2: Table = (
    (r"image_in", "x_embedder"),
    (r"text_in", "context_embedder"),
    (r"time_in", "time_guidance_embed.timestep_embedder.linear_1"),
    (r"time_out", "time_guidance_embed.timestep_embedder.linear_2"),
    (r"image_modulation", "double_stream_modulation_img.linear"),
    (r"text_modulation", "double_stream_modulation_txt.linear"),
    (r"single_modulation", "single_stream_modulation.linear"),
    (r"final_modulation", "norm_out.linear"),
    (r"image_out", "proj_out"),
    (r"double/image/qkv",
     *(f"transformer_blocks.{{layer}}.attn.to_{p}" for p in "qkv")),
    (r"double/text/qkv",
     *(f"transformer_blocks.{{layer}}.attn.add_{p}_proj" for p in "qkv")),
    (r"double/image/norm/query", "transformer_blocks.{layer}.attn.norm_q"),
    (r"double/image/norm/key", "transformer_blocks.{layer}.attn.norm_k"),
    (r"double/text/norm/query", "transformer_blocks.{layer}.attn.norm_added_q"),
    (r"double/text/norm/key", "transformer_blocks.{layer}.attn.norm_added_k"),
    (r"double/image/out", "transformer_blocks.{layer}.attn.to_out.0"),
    (r"double/text/out", "transformer_blocks.{layer}.attn.to_add_out"),
    (r"double/image/mlp_(in|out)", r"transformer_blocks.{layer}.ff.linear_\1"),
    (r"double/text/mlp_(in|out)", r"transformer_blocks.{layer}.ff_context.linear_\1"),
    (r"single/fused_in", "single_transformer_blocks.{layer}.attn.to_qkv_mlp_proj"),
    (r"single/fused_out", "single_transformer_blocks.{layer}.attn.to_out"),
    (r"single/norm/query", "single_transformer_blocks.{layer}.attn.norm_q"),
    (r"single/norm/key", "single_transformer_blocks.{layer}.attn.norm_k"),
)

# The original names, of the transformer published as one file.
FLUX2_SINGLE_FILE: Table = (
    (r"image_in", "img_in"),
    (r"text_in", "txt_in"),
    (r"time_(in|out)", r"time_in.\1_layer"),
    (r"image_modulation", "double_stream_modulation_img.lin"),
    (r"text_modulation", "double_stream_modulation_txt.lin"),
    (r"single_modulation", "single_stream_modulation.lin"),
    (r"final_modulation", "final_layer.adaLN_modulation.1"),
    (r"image_out", "final_layer.linear"),
    (r"double/image/qkv", "double_blocks.{layer}.img_attn.qkv"),
    (r"double/text/qkv", "double_blocks.{layer}.txt_attn.qkv"),
    (r"double/image/norm/(query|key)", r"double_blocks.{layer}.img_attn.norm.\1_norm"),
    (r"double/text/norm/(query|key)", r"double_blocks.{layer}.txt_attn.norm.\1_norm"),
    (r"double/image/out", "double_blocks.{layer}.img_attn.proj"),
    (r"double/text/out", "double_blocks.{layer}.txt_attn.proj"),
    (r"double/image/mlp_in", "double_blocks.{layer}.img_mlp.0"),
    (r"double/image/mlp_out", "double_blocks.{layer}.img_mlp.2"),
    (r"double/text/mlp_in", "double_blocks.{layer}.txt_mlp.0"),
    (r"double/text/mlp_out", "double_blocks.{layer}.txt_mlp.2"),
    (r"single/fused_in", "single_blocks.{layer}.linear1"),
    (r"single/fused_out", "single_blocks.{layer}.linear2"),
    (r"single/norm/(query|key)", r"single_blocks.{layer}.norm.\1_norm"),
)

AUTOENCODER: Table = (
    (r"(quant_conv|post_quant_conv|bn)", r"\1"),
    (r"(encoder|decoder)/(conv_in|conv_norm_out|conv_out)", r"\1.\2"),
    (r"(encoder|decoder)/mid_block/resnets/(\d+)/(\w+)", r"\1.mid_block.resnets.\2.\3"),
    (r"(encoder|decoder)/mid_block/attention/(group_norm|to_[qkv])",
     r"\1.mid_block.attentions.0.\2"),
    (r"(encoder|decoder)/mid_block/attention/to_out",
     r"\1.mid_block.attentions.0.to_out.0"),
    (r"encoder/down_blocks/(\d+)/resnets/(\d+)/(\w+)",
     r"encoder.down_blocks.\1.resnets.\2.\3"),
    (r"decoder/up_blocks/(\d+)/resnets/(\d+)/(\w+)",
     r"decoder.up_blocks.\1.resnets.\2.\3"),
    (r"encoder/down_blocks/(\d+)/downsample",
     r"encoder.down_blocks.\1.downsamplers.0.conv"),
    (r"decoder/up_blocks/(\d+)/upsample", r"decoder.up_blocks.\1.upsamplers.0.conv"),
)

QWEN3: Table = (
    (r"embedding", "model.embed_tokens"),
    (r"blocks/attention_norm", "model.layers.{layer}.input_layernorm"),
    (r"blocks/qkv", *(f"model.layers.{{layer}}.self_attn.{p}_proj" for p in "qkv")),
    (r"blocks/query_norm", "model.layers.{layer}.self_attn.q_norm"),
    (r"blocks/key_norm", "model.layers.{layer}.self_attn.k_norm"),
    (r"blocks/out", "model.layers.{layer}.self_attn.o_proj"),
    (r"blocks/mlp_norm", "model.layers.{layer}.post_attention_layernorm"),
    (r"blocks/mlp_in",
     "model.layers.{layer}.mlp.gate_proj", "model.layers.{layer}.mlp.up_proj"),
    (r"blocks/mlp_out", "model.layers.{layer}.mlp.down_proj"),
)

_LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight"}
# Axes of the stored tensor in the order of ours, for kernels of linear layers
# ([out, in] to [in, out]) and of convolutions (OIHW to HWIO).
_KERNEL_AXES = {2: (1, 0), 4: (2, 3, 1, 0)}


@dataclasses.dataclass(frozen=True)
class Piece:
  """Rows of a stored tensor, and the part of our parameter that holds them.

  Attributes:
    key: of the stored tensor.
    path: of our parameter, 'a/b/c'.
    layer: index along the first axis of a stacked parameter, else None.
    axes: axes of the stored tensor in the order of ours (the layer left out).
    row: first row of the stored tensor.
    start: first index of ours along the axis that the rows become.
    size: how many rows.
  """
  key: str
  path: str
  layer: int | None
  axes: tuple[int, ...]
  row: int
  start: int
  size: int

  @property
  def axis(self) -> int:
    """The axis of ours (the layer left out) that the stored rows become."""
    return self.axes.index(0) if self.axes else 0


@dataclasses.dataclass(frozen=True)
class WeightMap:
  """How the files of a network and our parameters correspond, one to one.

  Attributes:
    shapes: of our parameters, by path.
    pieces: cover every parameter and every stored tensor exactly once.
    ignored: stored tensors that our network has no use for.
  """
  shapes: Mapping[str, tuple[int, ...]]
  pieces: tuple[Piece, ...]
  ignored: frozenset[str] = frozenset()

  @functools.cached_property
  def by_key(self) -> dict[str, list[Piece]]:
    groups: dict[str, list[Piece]] = {}
    for piece in self.pieces:
      groups.setdefault(piece.key, []).append(piece)
    return groups

  @functools.cached_property
  def by_path(self) -> dict[str, list[Piece]]:
    groups: dict[str, list[Piece]] = {}
    for piece in self.pieces:
      groups.setdefault(piece.path, []).append(piece)
    return groups

  @functools.cached_property
  def stored_shapes(self) -> dict[str, tuple[int, ...]]:
    """Shapes of the stored tensors, the ignored ones left out."""
    shapes = {}
    for key, pieces in self.by_key.items():
      first = pieces[0]
      ours = self.shapes[first.path][first.layer is not None:]
      shape = [0] * len(ours)
      for size, axis in zip(ours, first.axes):
        shape[axis] = size
      if shape:
        shape[0] = sum(p.size for p in pieces)
      shapes[key] = tuple(shape)
    return shapes


def weight_map(config: Any, *, single_file: bool = False) -> WeightMap:
  """The map of a network.

  Args:
    config: a Flux2Config, AutoencoderConfig or Qwen3Config.
    single_file: the transformer under its original names, not those of diffusers.
  """
  if isinstance(config, Flux2Config):
    shapes = _shapes(lambda: Flux2(config, nnx.Rngs(0)))
    if single_file:
      # The original has shift before scale.
      return _build(shapes, FLUX2_SINGLE_FILE, scale="scale",
                    swapped=("final_modulation",))
    return _build(shapes, FLUX2)
  if isinstance(config, AutoencoderConfig):
    return _build(_shapes(lambda: Autoencoder(config, nnx.Rngs(0))), AUTOENCODER)
  assert isinstance(config, Qwen3Config), config
  heads = (config.num_heads, config.num_kv_heads, config.num_kv_heads)
  built = _build(
      _shapes(lambda: Qwen3(config, nnx.Rngs(0))), QWEN3,
      splits={"blocks/qkv": tuple(n * config.head_dim for n in heads)})
  # What comes after the last state that is read.
  later = (
      f"{name.format(layer=i)}.weight"
      for _, *names in QWEN3 for name in names if "{layer}" in name
      for i in range(config.built_layers, config.num_layers))
  return dataclasses.replace(
      built, ignored=frozenset((*later, "model.norm.weight", "lm_head.weight")))


def _shapes(make: Callable[[], nnx.Module]) -> dict[str, tuple[int, ...]]:
  """Shapes of a network's parameters and statistics; nothing is computed."""
  state = nnx.to_pure_dict(nnx.state(nnx.eval_shape(make)))
  shapes = {}

  def visit(node, path):
    for name, child in node.items():
      if isinstance(child, Mapping):
        visit(child, (*path, name))
      else:
        shapes["/".join((*path, name))] = tuple(child.shape)

  visit(state, ())
  return shapes


def _build(
    shapes: Mapping[str, tuple[int, ...]],
    table: Table,
    *,
    scale: str = "weight",
    splits: Mapping[str, tuple[int, ...]] = {},
    swapped: tuple[str, ...] = (),
) -> WeightMap:
  """Applies a table.

  Args:
    shapes: of our parameters.
    table: names of modules.
    scale: what the files call the weight of a norm.
    splits: sizes of the parts of a fused module; equal where not given.
    swapped: modules whose two halves are stored the other way round.

  Raises:
    ValueError: the table has no row for a parameter, or more than one.
  """
  leaves = {**_LEAVES, "scale": scale}
  pieces = []
  for path, shape in shapes.items():
    module, leaf = path.rsplit("/", 1)
    rows = [(m, names) for pattern, *names in table
            if (m := re.fullmatch(pattern, module))]
    if len(rows) != 1:
      raise ValueError(f"{len(rows)} rows of the table fit '{path}', not one.")
    match, names = rows[0]
    keys = [f"{match.expand(n)}.{leaves.get(leaf, leaf)}" for n in names]
    stacked = "{layer}" in keys[0]
    inner = shape[1:] if stacked else shape
    axes = tuple(range(len(inner)))
    if leaf == "kernel":
      axes = _KERNEL_AXES[len(inner)]
    whole = inner[axes.index(0)] if inner else 1
    sizes = splits.get(module, (whole // len(keys),) * len(keys))
    starts = np.cumsum((0, *sizes)).tolist()
    assert starts[-1] == whole, path
    for layer in range(shape[0]) if stacked else (None,):
      for key, start, size in zip(keys, starts, sizes):
        key = key.format(layer=layer)
        if module in swapped:
          half = size // 2
          pieces.append(Piece(key, path, layer, axes, half, start, half))
          pieces.append(Piece(key, path, layer, axes, 0, start + half, half))
        else:
          pieces.append(Piece(key, path, layer, axes, 0, start, size))
  return WeightMap(shapes, tuple(pieces))
