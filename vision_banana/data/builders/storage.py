"""How scenes are stored: the fields every TFDS builder chooses from.

Files are array_record, written and read without TensorFlow. A field is a feature of
TFDS, named as in a stored example, and how a value of a scene (see
`data/sources.py`) goes in and comes out.
"""

import io
import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds

# Rooms store inverse depth in steps of 1e-4 per metre, which is linear on a plane
# and so compresses well. At 10 m the error is at most 0.05 %.
INVERSE_DEPTH_STEP = 1e-4
SKY = 0
INVALID = 65535
JPEG_QUALITY = 97  # 44 dB, half the bytes of a PNG.
SHARD = 512  # Examples of a file: some 20 MB at 64², a gigabyte at 1024 x 768.
BATCH = 16

Edge = int | None  # Of square pictures; None for pictures of any size.


class Field(NamedTuple):
  """One stored feature.

  Attributes:
    key: of the scene.
    feature: edge → feature of TFDS.
    encode: value of the scene → what TFDS is given.
    decode: what TFDS gives → value of the scene.
  """
  key: str
  feature: Callable[[Edge], Any]
  encode: Callable[[Any], Any]
  decode: Callable[[Any], Any]


def encode(scene: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
  """A scene as a storable example; pictures are compressed already.

  Args:
    scene: has the `key` of every field.
    fields: names in `FIELDS`.

  Raises:
    ValueError: an instance id is too large for the field that is to hold it.
  """
  return {name: FIELDS[name].encode(scene[FIELDS[name].key]) for name in fields}


def decode(example: Mapping[str, Any]) -> dict[str, Any]:
  """What `as_data_source` yields → a scene (see `data/sources.py`)."""
  return {FIELDS[name].key: FIELDS[name].decode(value)
          for name, value in example.items()}


class SceneBuilder(tfds.core.GeneratorBasedBuilder):
  """Writes scenes of one split; a dataset's class sets `name` and `fields`.

  The directory says in `metadata.json` where the scenes are from ('origin').
  """

  VERSION = tfds.core.Version("1.0.0")
  pkg_dir_path = None  # No metadata files beside the code.
  description = "Scenes."
  fields: tuple[str, ...] = ()

  def __init__(self, *, split: str, examples: Iterable[tuple[str, dict[str, Any]]],
               size: Edge = None, **kwargs):
    """`examples` are (unique key, `encode`d scene)."""
    self._split = split
    self._examples = examples
    self._size = size
    super().__init__(file_format="array_record", **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
        builder=self,
        description=self.description,
        features=tfds.features.FeaturesDict(
            {name: FIELDS[name].feature(self._size) for name in self.fields}),
        metadata=tfds.core.MetadataDict(origin=self.name, split=self._split))

  def download_and_prepare(self) -> None:
    """Writes the examples as they come, in their order, into `data_path`.

    TFDS itself would gather and shuffle them, for which it needs TensorFlow as soon
    as they exceed a gigabyte.

    Raises:
      FileExistsError: `data_path` is there already.
    """
    os.makedirs(self.data_path)
    writer = tfds.core.SequentialWriter(
        self.info, SHARD, file_format=tfds.core.FileFormat.ARRAY_RECORD.value)
    writer.initialize_splits([self._split])
    examples = self._generate_examples()
    # The files that describe the dataset are written with every batch.
    while batch := [example for _, example in itertools.islice(examples, BATCH)]:
      writer.add_examples({self._split: batch})
    writer.close_all()

  def _split_generators(self, dl_manager) -> dict[str, Any]:
    del dl_manager  # Nothing is downloaded.
    return {self._split: self._generate_examples()}

  def _generate_examples(self):
    yield from self._examples


def png(array: np.ndarray, optimize: bool = False) -> bytes:
  """uint8 [H, W] or [H, W, 3] as a PNG; `optimize` is slow and saves a tenth."""
  buffer = io.BytesIO()
  Image.fromarray(array).save(buffer, "PNG", optimize=optimize)
  return buffer.getvalue()


def jpeg(array: np.ndarray) -> bytes:
  """uint8 [H, W, 3] as a JPEG of high quality."""
  buffer = io.BytesIO()
  Image.fromarray(array).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0,
                              optimize=True)
  return buffer.getvalue()


def _picture(channels: int, rows: int = 1, encoding: str = "png"):
  """Feature of a picture, or of `rows` of them one above the other."""
  def feature(edge: Edge):
    height = edge and rows * edge
    return tfds.features.Image(shape=(height, edge, channels),
                               encoding_format=encoding)
  return feature


def _stack(number: np.ndarray, count: int) -> np.ndarray:
  """Bytes of unsigned numbers, the highest on top, uint8 [count * H, W].

  TFDS reads pictures of more than 8 bits with OpenCV only.
  """
  parts = [number >> 8 * (count - 1 - i) & 255 for i in range(count)]
  return np.concatenate(parts).astype(np.uint8)


def _unstack(picture: Any, count: int) -> np.ndarray:
  parts = np.split(np.asarray(picture)[..., 0].astype(np.uint32), count)
  return sum(part << 8 * (count - 1 - i) for i, part in enumerate(parts))


def _encode_inverse_depth(depth: np.ndarray) -> bytes:
  with np.errstate(divide="ignore", invalid="ignore"):
    steps = np.clip(np.round(1 / (depth * INVERSE_DEPTH_STEP)), 1, INVALID - 1)
  steps = np.where(np.isnan(depth), INVALID, np.where(np.isinf(depth), SKY, steps))
  return png(_stack(steps.astype(np.uint32), 2), optimize=True)


def _decode_inverse_depth(picture: Any) -> np.ndarray:
  """Within 0.05 % below 10 m."""
  steps = _unstack(picture, 2)
  with np.errstate(divide="ignore"):
    depth = 1 / (steps * INVERSE_DEPTH_STEP)
  depth[steps == INVALID] = np.nan
  return depth.astype(np.float32)


def _encode_depth(depth: np.ndarray) -> bytes:
  """The upper three bytes of a float32, rounded: NaN and inf stay what they are."""
  depth = np.where(np.isnan(depth), np.nan, depth).astype(np.float32)  # One NaN.
  return png(_stack(depth.view(np.uint32) + np.uint32(128) >> 8, 3))


def _decode_depth(picture: Any) -> np.ndarray:
  """Within 1.6e-5 of the stored depth, relative."""
  return (_unstack(picture, 3) << 8).astype(np.uint32).view(np.float32)


def _encode_normals(normals: np.ndarray) -> bytes:
  code = np.round((normals + 1) * 127.5)
  # (0, 0, 0), never a unit normal's code, stands for an invalid one.
  code *= (normals**2).sum(-1, keepdims=True) > 0.25
  return png(code.astype(np.uint8))


def _decode_normals(picture: Any) -> np.ndarray:
  """Within 0.4°."""
  code = np.asarray(picture)
  normals = code.astype(np.float32) / 127.5 - 1
  normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
  normals[(code == 0).all(-1)] = 0
  return normals


def _instances(count: int):
  """Encoder of ids in `count` bytes."""
  def encode_instances(instances: np.ndarray) -> bytes:
    if instances.max() >= 256**count:
      where = "a byte" if count == 1 else f"{count} bytes"
      raise ValueError(f"instance id {instances.max()} does not fit in {where}")
    return png(_stack(instances.astype(np.uint32), count))
  return encode_instances


def _decode_instances(count: int):
  return lambda picture: _unstack(picture, count).astype(np.int32)


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)


def _texts(values: Any) -> list[str]:
  return [_text(value) for value in values]


def _records(value: Any) -> list[dict[str, Any]]:
  """TFDS gives a sequence of dicts as a list of dicts or as a dict of lists."""
  if isinstance(value, Mapping):
    keys = list(value)
    return [dict(zip(keys, row)) for row in zip(*value.values())]
  return list(value)


def _encode_phrases(phrases: Iterable[tuple[str, Iterable[int]]]) -> list[dict]:
  # TFDS writes nested sequences with TensorFlow only: ids are text, "4 7".
  return [{"text": text, "ids": " ".join(map(str, ids))} for text, ids in phrases]


def _decode_phrases(value: Any) -> list[tuple[str, tuple[int, ...]]]:
  return [(_text(p["text"]), tuple(map(int, _text(p["ids"]).split())))
          for p in _records(value)]


_names = Field("", lambda _: tfds.features.Sequence(tfds.features.Text()), list, _texts)

FIELDS: dict[str, Field] = {
    "image": Field("image", _picture(3), png, np.asarray),
    "photo": Field("image", _picture(3, encoding="jpeg"), jpeg, np.asarray),
    "inverse_depth": Field("depth", _picture(1, 2), _encode_inverse_depth,
                           _decode_inverse_depth),
    "depth": Field("depth", _picture(1, 3), _encode_depth, _decode_depth),
    "normals": Field("normals", _picture(3), _encode_normals, _decode_normals),
    "instances": Field("instances", _picture(1), _instances(1), _decode_instances(1)),
    "many_instances": Field("instances", _picture(1, 2), _instances(2),
                            _decode_instances(2)),
    "categories": _names._replace(key="categories"),
    "absent": _names._replace(key="absent"),
    "edit_kinds": _names._replace(key="edit_kinds"),
    "phrases": Field(
        "phrases", lambda _: tfds.features.Sequence(
            {"text": tfds.features.Text(), "ids": tfds.features.Text()}),
        _encode_phrases, _decode_phrases),
    "caption": Field("caption", lambda _: tfds.features.Text(), str, _text),
    "edits": Field(
        "edits", lambda edge: tfds.features.Sequence({
            "instruction": tfds.features.Text(),
            "image": _picture(3, encoding="jpeg")(edge)}),
        lambda edits: [{"instruction": text, "image": jpeg(image)}
                       for text, image in edits],
        lambda value: [(_text(e["instruction"]), np.asarray(e["image"]))
                       for e in _records(value)]),
}
