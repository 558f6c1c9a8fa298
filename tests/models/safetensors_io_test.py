import json
import pickle
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from vision_banana.errors import UserError
from vision_banana.models import safetensors_io

TENSORS = {
    "a": np.arange(12, dtype=np.float32).reshape(4, 3),
    "b": np.arange(5).astype(ml_dtypes.bfloat16),
    "c": np.float16([[1.5]]), "d": np.array(7, np.int64)}
NAME = "model.safetensors"


def _read(tensors):
  return {k: t.read() for k, t in tensors.items()}


def _shards(folder, **files):
  """Writes shards {name: keys} and their index."""
  for name, keys in files.items():
    safetensors.numpy.save_file(
        {k: TENSORS[k] for k in keys}, folder / f"{name}.safetensors")
  mapped = {k: f"{n}.safetensors" for n, keys in files.items() for k in keys}
  _index(folder, mapped)
  return mapped


def _index(folder, mapped):
  (folder / f"{NAME}.index.json").write_text(json.dumps({"weight_map": mapped}))


def _raises(path, *parts):
  with pytest.raises(UserError) as e:
    safetensors_io.open_tensors(str(path))
  message = str(e.value)
  assert message.startswith(str(path)) and "\n" not in message
  assert all(part in message for part in parts), message


def _same(a, b):
  assert a.keys() == b.keys()
  for key in a:
    assert a[key].dtype == b[key].dtype and a[key].shape == b[key].shape
    assert a[key].tobytes() == b[key].tobytes()


def test_reads_what_the_library_wrote(tmp_path):
  safetensors.numpy.save_file(TENSORS, tmp_path / NAME, {"format": "pt"})
  for path in (tmp_path, tmp_path / NAME):
    stored = safetensors_io.open_tensors(str(path))
    _same(_read(stored), TENSORS)
    np.testing.assert_array_equal(stored["a"][1:3], TENSORS["a"][1:3])
    assert stored["a"][3:9].shape == (1, 3) and stored["b"][4:2].shape == (0,)


def test_the_library_reads_what_was_written(tmp_path):
  path = str(tmp_path / NAME)
  asked = []

  def read(key):
    asked.append(key)
    return TENSORS[key]

  size = safetensors_io.write_file(
      path, {k: (v.shape, v.dtype) for k, v in TENSORS.items()}, read)
  assert size == sum(v.nbytes for v in TENSORS.values())
  assert sorted(asked) == sorted(TENSORS)
  _same(safetensors.numpy.load_file(path), TENSORS)
  with safetensors.safe_open(path, framework="numpy") as f:
    assert f.metadata() == {"format": "pt"}  # transformers refuses files without.
  for tensor in safetensors_io.open_tensors(path).values():
    assert tensor.offset % tensor.dtype.itemsize == 0


def test_a_failed_write_leaves_nothing(tmp_path):
  with pytest.raises(ValueError, match="a: "):
    safetensors_io.write_file(
        str(tmp_path / NAME), {"a": ((4, 3), np.dtype(np.float16))}, TENSORS.get)
  assert not list(tmp_path.iterdir())


def test_shards(tmp_path):
  mapped = _shards(tmp_path, one="ab", two="cd")
  _same(_read(safetensors_io.open_tensors(str(tmp_path))), TENSORS)
  files = safetensors_io.layout(str(tmp_path))
  assert {k: sorted(v) for k, v in files.items()} == {
      "one.safetensors": ["a", "b"], "two.safetensors": ["c", "d"]}
  index = tmp_path / f"{NAME}.index.json"
  safetensors_io.write_index(str(index), files, 3)
  assert json.loads(index.read_text()) == {
      "metadata": {"total_size": 3}, "weight_map": mapped}


def test_a_missing_shard(tmp_path):
  _shards(tmp_path, one="ab", two="cd")
  (tmp_path / "two.safetensors").unlink()
  _raises(tmp_path, "index.json: two.safetensors missing")


@pytest.mark.parametrize("name", [
    "../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "x.bin", "", 3,
    "..safetensors", "a\\b.safetensors", "one.safetensors\n"])
def test_an_index_cannot_name_other_files(tmp_path, name):
  mapped = _shards(tmp_path, one="ab")
  _index(tmp_path, mapped | {"c": name})
  _raises(tmp_path, repr(name), "do not trust it")


def test_an_index_that_does_not_fit(tmp_path):
  mapped = _shards(tmp_path, one="abc", two="cd")
  del mapped["a"]
  _index(tmp_path, mapped | {"lost": "one.safetensors"})
  _raises(tmp_path, "a of one.safetensors is not listed",
          "c is also in one.safetensors", "lost is not in one.safetensors")


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"weight_map": {}}',
                                  '{"weight_map": ["x"]}', "\xff", "[" * 100000])
def test_a_damaged_index(tmp_path, text):
  (tmp_path / f"{NAME}.index.json").write_bytes(text.encode("latin1"))
  _raises(tmp_path, "index.json: ", "download it again")


def test_two_sets_of_weights(tmp_path):
  _shards(tmp_path, one="ab")
  safetensors.numpy.save_file(TENSORS, tmp_path / NAME)
  _raises(tmp_path, f"holds {NAME}.index.json and {NAME}")


def test_pickles_are_not_read(tmp_path):
  class Trap:

    def __reduce__(self):
      return (pytest.fail, ("unpickled",))

  path = tmp_path / "pytorch_model.bin"
  path.write_bytes(pickle.dumps(Trap()))
  _raises(path, "never read", ".safetensors")
  _raises(tmp_path, "pytorch_model.bin", "never read")
  # Under another name it is not a safetensors file.
  path.rename(tmp_path / NAME)
  _raises(tmp_path, NAME, "not a whole safetensors file")


def test_nothing_there(tmp_path):
  _raises(tmp_path, "no weights", "transformer/")
  _raises(tmp_path / "x.safetensors", "no such file")


def _file(header, data=b""):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  return struct.pack("<Q", len(text)) + text + data


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED = {
    "empty": b"",
    "short": b"\x00\x01",
    "html": b"<html><body>404 Not Found</body></html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "header longer than the file": struct.pack("<Q", 2**62) + b"{}",
    "not json": _file(b"{]"),
    "list": _file([1]),
    "no data": _file({"a": ONE}),
    "truncated": _file({"a": ONE}, bytes(7)),
    "longer": _file({"a": ONE}, bytes(9)),
    "overlap": _file({"a": ONE, "b": ONE}, bytes(8)),
    "gap": _file({"a": ONE | {"data_offsets": [8, 16]}}, bytes(16)),
    "backwards": _file({"a": ONE | {"data_offsets": [8, 0]}}, bytes(8)),
    "another size": _file({"a": ONE | {"shape": [3]}}, bytes(8)),
    "another type": _file({"a": ONE | {"dtype": "F16"}}, bytes(8)),
    "no such type": _file({"a": ONE | {"dtype": "F33"}}, bytes(8)),
    "negative": _file({"a": ONE | {"shape": [-2]}}, bytes(8)),
    "overflow": _file({"a": ONE | {"shape": [2**63, 2**63]}}, bytes(8)),
    "no shape": _file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file(tmp_path, content):
  path = tmp_path / NAME
  path.write_bytes(content)
  _raises(path, "not a whole safetensors file", "copy it again")


def test_types_that_are_not_weights(tmp_path):
  path = tmp_path / NAME
  path.write_bytes(_file({"a": ONE | {"dtype": "F8_E4M3", "shape": [8]}}, bytes(8)))
  _raises(path, "F8_E4M3", "bfloat16")


def test_names_that_would_fool_a_terminal(tmp_path):
  mapped = _shards(tmp_path, one="ab")
  _index(tmp_path, mapped | {"a\x1b[2J": "one.safetensors"})
  _raises(tmp_path, r"named 'a\x1b[2J'", "do not trust it")
  path = tmp_path / NAME
  path.write_bytes(_file({"a\nb": ONE}, bytes(8)))
  _raises(path, r"named 'a\nb'", "do not trust it")


def test_a_file_cut_after_it_was_opened(tmp_path):
  path = tmp_path / NAME
  safetensors.numpy.save_file({"a": TENSORS["a"]}, path)
  stored = safetensors_io.open_tensors(str(path))
  path.write_bytes(path.read_bytes()[:-1])
  with pytest.raises(UserError, match="truncated while it was read"):
    stored["a"].read()
