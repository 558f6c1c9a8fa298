"""Writes BUILD: one py_library a folder, or a circle of folders, one py_test a test, one
py_binary a script of experiments, deps from the imports; what comes from outside is in
setup.py.

  python experiments/write_build.py
"""

import ast
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
HEADER = '''# Bazel targets; written by experiments/write_build.py.
load("@rules_python//python:defs.bzl", "py_binary", "py_library", "py_test")

package(default_visibility = ["//visibility:public"])

licenses(["notice"])
'''


def libraries() -> dict[str, list[pathlib.Path]]:
  """Target name → its files. A folder with Python files is one target."""
  targets: dict[str, list[pathlib.Path]] = {}
  for folder in ("vision_banana", "configs", "experiments", "tests"):
    for path in sorted((ROOT / folder).rglob("*.py")):
      if path.name.endswith("_test.py"):
        continue
      parts = path.parent.relative_to(ROOT).parts
      name = "/".join(parts)
      if name == "vision_banana" and path.stem != "__init__":
        name += "/" + path.stem
      targets.setdefault(name, []).append(path)
  return targets


def owner_of(module: str, owners: dict[str, str]) -> str | None:
  """The target that owns the module or name `a.b.c`, if it is one of ours."""
  parts = module.split(".")
  while parts:
    if (name := owners.get(".".join(parts))) is not None:
      return name
    parts.pop()
  return None


def imports(path: pathlib.Path) -> set[str]:
  """Dotted names a file imports."""
  names = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names |= {a.name for a in node.names}
    elif isinstance(node, ast.ImportFrom) and node.module:
      names |= {f"{node.module}.{a.name}" for a in node.names}
  return names


def joined(targets: dict[str, list[pathlib.Path]]) -> dict[str, list[pathlib.Path]]:
  """The targets, where those that import each other are one by the shortest name.

  Modules do not import in circles, but folders may, which Bazel refuses.
  """
  while True:
    names = owners_of(targets)
    needs = {name: {owner_of(m, names) for p in paths for m in imports(p)} - {None}
             for name, paths in targets.items()}
    circle = next(
        ([a, b] for a in targets for b in needs[a] - {a} if a in reached(b, needs)), None)
    if circle is None:
      return targets
    kept, gone = sorted(circle, key=lambda name: (len(name), name))
    targets = dict(targets, **{kept: sorted(targets[kept] + targets[gone])})
    del targets[gone]


def reached(start: str, needs: dict[str, set[str]]) -> set[str]:
  """Targets that one needs, directly or not."""
  found, left = set(), [start]
  while left:
    new = needs[left.pop()] - found
    found |= new
    left += new
  return found


def owners_of(targets: dict[str, list[pathlib.Path]]) -> dict[str, str]:
  """Module → the target that has it."""
  return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
      ".__init__"): name for name, paths in targets.items() for path in paths}


def rule(kind: str, name: str, **lists: list[str]) -> str:
  """One target; empty lists are left out."""
  lines = [f"\n{kind}(", f'    name = "{name}",']
  for key, values in lists.items():
    if len(values) == 1:
      lines.append(f'    {key} = ["{values[0]}"],')
    elif values:
      lines += [f"    {key} = [", *(f'        "{v}",' for v in values), "    ],"]
  return "\n".join([*lines, ")", ""])


def main() -> None:
  targets = joined(libraries())
  owners = owners_of(targets)

  def deps(paths: list[pathlib.Path], own: str = "") -> list[str]:
    found = {owner_of(m, owners) for p in paths for m in imports(p)}
    return [f":{name}" for name in sorted(found - {None, own})]

  def relative(paths: list[pathlib.Path]) -> list[str]:
    return [str(p.relative_to(ROOT)) for p in paths]

  out = [HEADER]
  for name, paths in targets.items():
    data = {}
    if name == "vision_banana":
      data = {"data": sorted(
          str(p.relative_to(ROOT)) for p in (ROOT / name / "embedded").rglob("*")
          if p.is_file())}
    out.append(rule("py_library", name, srcs=relative(paths), **data,
                    deps=deps(paths, name)))
  for path in sorted((ROOT / "experiments").rglob("*.py")):
    if "__main__" not in path.read_text():
      continue
    out.append(rule("py_binary", str(path.relative_to(ROOT).with_suffix("")),
                    srcs=relative([path]), deps=deps([path])))
  for path in sorted((ROOT / "tests").rglob("*_test.py")):
    out.append(rule("py_test", str(path.relative_to(ROOT).with_suffix("")),
                    srcs=relative([path]), deps=deps([path])))
  notebooks = sorted((ROOT / "colabs").rglob("*.ipynb"))
  if notebooks:
    out.append(rule("filegroup", "colabs", srcs=relative(notebooks)))
  (ROOT / "BUILD").write_text("".join(out))


if __name__ == "__main__":
  main()
