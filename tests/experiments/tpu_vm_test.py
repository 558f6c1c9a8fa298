"""The launcher of TPU VMs: what it prints, and what it does with a gcloud of ours."""

import os
import pathlib
import shlex
import stat
import subprocess
import sys

import pytest

from experiments import shell, tpu_vm

PLACE = ["--name", "tune", "--zone", "us-west4-a"]
TRAIN = ["--", "--config", "configs/klein_tune.py:steps=7", "--workdir", "/mnt/b/r"]


def dry(capsys, command, *options, train=()):
  tpu_vm.run([command, *PLACE, "--dry-run", *options, *train])
  return [shlex.split(line) for line in commands(capsys.readouterr().out)]


def commands(out):
  """Printed commands; quoted scripts span lines."""
  whole, lines = "", []
  for line in out.splitlines():
    whole += ("\n" if whole else "") + line
    try:
      shlex.split(whole)
    except ValueError:
      continue
    lines.append(whole)
    whole = ""
  return lines


QUEUED = ["gcloud", "compute", "tpus", "queued-resources"]
VM = ["gcloud", "compute", "tpus", "tpu-vm"]


def test_create_is_printed_word_for_word(capsys):
  assert dry(capsys, "create", "--spot", "--project", "p", "--service-account",
             "s@p.iam.gserviceaccount.com", "--type", "v6e-16") == [
      [*QUEUED, "create", "tune", "--zone=us-west4-a", "--project=p", "--node-id=tune",
       "--accelerator-type=v6e-16", "--runtime-version=v2-alpha-tpuv6e", "--spot",
       "--service-account=s@p.iam.gserviceaccount.com"]]


@pytest.mark.parametrize("kind, runtime", [
    ("v5litepod-256", "v2-alpha-tpuv5-lite"), ("v5p-128", "v2-alpha-tpuv5"),
    ("v4-8", "tpu-ubuntu2204-base")])
def test_the_runtime_follows_the_type(capsys, kind, runtime):
  (create,) = dry(capsys, "create", "--type", kind)
  assert f"--runtime-version={runtime}" in create
  (create,) = dry(capsys, "create", "--type", kind, "--runtime", "other")
  assert "--runtime-version=other" in create


def test_an_unknown_type_is_one_line():
  with pytest.raises(shell.Failed, match="no runtime known.*v6e-N"):
    tpu_vm.run(["create", *PLACE, "--type", "v99-4", "--dry-run"])


def test_up_prints_all_there_is_to_do(capsys):
  create, wait, archive, copy, setup, run = dry(
      capsys, "up", "--bucket", "b", train=TRAIN)
  assert create[:5] == [*QUEUED, "create"]
  assert wait == [*QUEUED, "describe", "tune", "--zone=us-west4-a",
                  "--format=value(state.state)"]
  assert archive[0] == "git" and archive[-1] == "HEAD"
  assert copy == [*VM, "scp", "/tmp/vision_banana.tar.gz", "tune:", "--worker=all",
                  "--zone=us-west4-a"]
  for words in (setup, run):
    assert words[:-1] == [*VM, "ssh", "tune", "--worker=all", "--zone=us-west4-a"]
  assert "gcsfuse --implicit-dirs b /mnt/b" in setup[-1]
  assert ("vision-banana train --config configs/klein_tune.py:steps=7 --workdir "
          "/mnt/b/r;") in run[-1]


def test_the_rest_of_the_commands(capsys):
  assert dry(capsys, "delete") == [
      [*QUEUED, "delete", "tune", "--zone=us-west4-a", "--force", "--quiet"]]
  (stop,), (logs,) = dry(capsys, "stop"), dry(capsys, "logs")
  assert stop[-1] == "--command=kill -TERM -- -$(cat ~/train.pid)"
  assert "--worker=0" in logs and "tail" in logs[-1]
  assert dry(capsys, "watch", train=TRAIN)[0][:5] == [*QUEUED, "create"]


def test_run_needs_something_to_run():
  with pytest.raises(shell.Failed, match="nothing to run"):
    tpu_vm.run(["run", *PLACE, "--dry-run"])


@pytest.mark.parametrize("script", ["_SETUP", "_MOUNT", "_RUN", "_STOP", "_STATUS"])
def test_scripts_of_workers_are_valid_shell(script):
  text = getattr(tpu_vm, script).replace("{bucket}", "b").replace("{args}", "x")
  subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def script(path: pathlib.Path, body: str) -> None:
  path.write_text(body)
  path.chmod(path.stat().st_mode | stat.S_IXUSR)


def worker(home, command):
  return subprocess.run(
      ["bash", "-c", command], env={**os.environ, "HOME": str(home)}, check=True,
      capture_output=True, text=True).stdout.strip()


def wait_for(path):
  for _ in range(600):
    if path.exists() and path.read_text():
      return path.read_text().strip()
    subprocess.run(["sleep", "0.05"], check=True)
  raise AssertionError(f"{path} never came")


@pytest.mark.parametrize("codes, last, soon", [
    ("0", "0", 120), ("1 1 0", "0", 120), ("1 2 0", "2", 120), ("2 2 0", "0", 0)])
def test_a_worker_tries_again_until_done_or_hopeless(tmp_path, codes, last, soon):
  """The script that workers run, on a program that ends as it is told."""
  home = tmp_path / "home"
  (home / "vision_banana" / ".venv" / "bin").mkdir(parents=True)
  script(home / "vision_banana/.venv/bin/vision-banana", f"""#!/bin/bash
echo "$@" >> $HOME/asked
codes=({codes}); exit ${{codes[$(wc -l < $HOME/asked) - 1]}}""")
  command = tpu_vm.run_script(["--config", "a b", "--note", "it's"])
  assert "-lt 120" in command
  worker(home, command.replace("sleep 20", "sleep 0").replace("120", str(soon)))
  assert wait_for(home / "train.exit") == last
  asked = (home / "asked").read_text().splitlines()
  assert asked == ["train --config a b --note it's"] * (codes.split().index(last) + 1)
  assert worker(home, tpu_vm._STATUS) == last


def test_stop_ends_a_worker_and_its_tries(tmp_path):
  home = tmp_path / "home"
  (home / "vision_banana" / ".venv" / "bin").mkdir(parents=True)
  script(home / "vision_banana/.venv/bin/vision-banana", """#!/bin/bash
trap 'echo saved > $HOME/saved; exit 0' TERM
echo started > $HOME/started; while true; do sleep 0.05; done""")
  assert worker(home, tpu_vm._STATUS) == "gone"
  worker(home, tpu_vm.run_script(["x"]))
  wait_for(home / "started")
  assert worker(home, tpu_vm._STATUS) == "running"
  worker(home, tpu_vm._STOP)
  assert wait_for(home / "saved") == "saved"
  assert wait_for(home / "train.exit") == "0"
  assert worker(home, tpu_vm._STATUS) == "0"


GCLOUD = """#!{python}
import pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as f:
  print(*sys.argv[1:5], file=f)
verb = sys.argv[4]
if verb == "create":
  if (here / "made").exists():
    sys.exit("ERROR: (gcloud.create) ALREADY_EXISTS: tune")
  (here / "made").write_text("x")
if verb == "delete":
  (here / "made").unlink()
if verb == "describe":
  states = (here / "states").read_text().split()
  (here / "states").write_text(" ".join(states[1:]))
  if states[0] == "NONE":
    sys.exit("ERROR: (gcloud.describe) NOT_FOUND: Resource tune was not found")
  if states[0] == "UNREACHABLE":
    sys.exit("ERROR: (gcloud.describe) the service is unavailable")
  print(states[0])
if verb == "ssh" and "train.exit 2" in sys.argv[-1]:
  answers = (here / "answers").read_text().split()
  (here / "answers").write_text(" ".join(answers[1:]))
  print(answers[0])
"""


@pytest.fixture
def cloud(tmp_path, monkeypatch):
  """A gcloud on the path that says what it is told; gives its folder."""
  script(tmp_path / "gcloud", GCLOUD.format(python=sys.executable))
  script(tmp_path / "git", "#!/bin/sh\n")
  monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
  monkeypatch.setattr(tpu_vm, "_POLL", 0)
  return tmp_path


def asked(cloud):
  return [line.split()[-1] for line in (cloud / "asked").read_text().splitlines()]


def test_watch_begins_again_when_the_slice_is_taken_away(cloud):
  (cloud / "states").write_text("NONE WAITING_FOR_RESOURCES ACTIVE ACTIVE SUSPENDED "
                                "ACTIVE ACTIVE ACTIVE")
  (cloud / "answers").write_text("running gone 0")
  tpu_vm.run(["watch", *PLACE, *TRAIN])
  start = ["scp", "ssh", "ssh"]
  assert asked(cloud) == [
      "describe", "create", "describe", "describe", *start,  # Made, and started.
      "describe", "ssh",  # It runs.
      "describe", "delete", "create", "describe", *start,  # Taken away.
      "describe", "ssh", *start,  # Restarted: its program is gone.
      "describe", "ssh", "delete"]  # Done.


def test_watch_goes_on_while_the_service_does_not_answer(cloud, capsys):
  (cloud / "states").write_text("NONE UNREACHABLE ACTIVE ACTIVE UNREACHABLE UNREACHABLE "
                                "ACTIVE")
  (cloud / "answers").write_text("running 0")
  tpu_vm.run(["watch", *PLACE, *TRAIN])
  assert asked(cloud) == [
      "describe", "create", "describe", "describe", "scp", "ssh", "ssh",
      "describe", "ssh", "describe", "describe", "describe", "ssh", "delete"]
  assert "the service is unavailable" in capsys.readouterr().out


def test_watch_ends_where_the_service_never_answers(cloud):
  (cloud / "states").write_text("UNREACHABLE")
  with pytest.raises(shell.Failed, match="status 1: .* the service is unavailable"):
    tpu_vm.run(["watch", *PLACE, *TRAIN])
  assert asked(cloud) == ["describe"]


def test_watch_says_that_training_failed(cloud):
  (cloud / "states").write_text("ACTIVE")
  (cloud / "answers").write_text("2")
  with pytest.raises(shell.Failed, match="ended with status 2"):
    tpu_vm.run(["watch", *PLACE, "--keep", *TRAIN])
  assert asked(cloud) == ["describe", "ssh", "ssh"]


def test_the_end_of_the_log_is_shown_before_it_goes_with_the_slice(cloud, capfd):
  (cloud / "made").touch()
  (cloud / "states").write_text("ACTIVE")
  (cloud / "answers").write_text("2")
  with pytest.raises(shell.Failed, match="the last lines of its log are above"):
    tpu_vm.run(["watch", *PLACE, *TRAIN])
  assert asked(cloud) == ["describe", "ssh", "ssh", "delete"]
  assert "tail -n 50" in capfd.readouterr().out


def test_wait_ends_when_there_is_nothing_to_wait_for(cloud):
  (cloud / "states").write_text("PROVISIONING FAILED")
  with pytest.raises(shell.Failed, match="queued resource 'tune' is FAILED"):
    tpu_vm.run(["wait", *PLACE])


def test_failures_are_one_line_and_a_status(cloud, monkeypatch, capsys):
  script(cloud / "gcloud", "#!/bin/sh\nexit 3")
  with pytest.raises(SystemExit, match="error: gcloud .* ended with status 3"):
    shell.main(tpu_vm.run, ["create", *PLACE])
  (cloud / "gcloud").unlink()
  monkeypatch.setenv("PATH", str(cloud))
  with pytest.raises(SystemExit, match="error: gcloud is not installed"):
    shell.main(tpu_vm.run, ["create", *PLACE])
