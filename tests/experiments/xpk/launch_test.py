"""The launcher for GKE prints what it would run; its Dockerfile names what is there."""

import pathlib
import re
import shlex

import pytest

from experiments import shell
from experiments.xpk import launch

ROOT = pathlib.Path(__file__).parents[3]
ARGS = ["--name", "tune", "--cluster", "c", "--zone", "us-west4-a", "--project", "p"]
WHERE = ["--cluster=c", "--zone=us-west4-a", "--project=p"]
SLICES = ["--tpu-type=v5litepod-16", "--num-slices=2"]
TRAIN = ["--", "--config", "configs/klein_tune.py:steps=7", "--notes", "two words"]


def dry(capsys, command, *options, train=()):
  launch.run([command, *ARGS, "--dry-run", *options, *train])
  return [shlex.split(line) for line in capsys.readouterr().out.splitlines()]


def test_all_prints_what_takes_a_job_to_a_new_cluster(capsys):
  assert dry(capsys, "all", "--image", "r/i:1", "--bucket", "b", "--spot",
             "--num-slices", "2", train=TRAIN) == [
      ["xpk", "cluster", "create", *WHERE, *SLICES, "--spot",
       "--enable-gcsfuse-csi-driver"],
      ["xpk", "storage", "attach", "b", *WHERE, "--type=gcsfuse", "--bucket=b",
       "--size=1", "--mount-point=/mnt/b", "--readonly=false", "--auto-mount=true",
       "--mount-options=implicit-dirs"],
      ["docker", "build", "--platform=linux/amd64",
       f"--file={ROOT}/experiments/xpk/Dockerfile", "--tag=r/i:1", str(ROOT)],
      ["docker", "push", "r/i:1"],
      ["xpk", "workload", "create", "--workload=tune", *WHERE, *SLICES,
       "--docker-image=r/i:1", "--max-restarts=50",
       "--command=cd /vision_banana && vision-banana train --config "
       "configs/klein_tune.py:steps=7 --notes 'two words'"]]


@pytest.mark.parametrize("options, flag", [
    ([], "--on-demand"), (["--spot"], "--spot"), (["--reservation", "r"],
                                                  "--reservation=r")])
def test_capacity(capsys, options, flag):
  (create,) = dry(capsys, "cluster", *options)
  assert create[-1] == flag


def test_the_rest_of_the_commands(capsys):
  assert dry(capsys, "delete") == [
      ["xpk", "workload", "delete", "--workload=tune", *WHERE]]
  assert dry(capsys, "delete_cluster") == [["xpk", "cluster", "delete", *WHERE]]
  assert dry(capsys, "status") == [
      ["xpk", "workload", "list", *WHERE, "--filter-by-job=tune"]]
  credentials, logs = dry(capsys, "logs")
  assert "--region=us-west4" in credentials
  assert any("jobset-name=tune" in word for word in logs)


@pytest.mark.parametrize("command, options, message", [
    ("run", [], "nothing to run"), ("image", [], "give --image"),
    ("storage", [], "give --bucket")])
def test_what_is_missing_is_one_line(command, options, message):
  with pytest.raises(shell.Failed, match=message):
    launch.run([command, *ARGS, "--dry-run", *options])


def test_the_image_is_of_files_that_are_there():
  text = (ROOT / "experiments/xpk/Dockerfile").read_text()
  for sources in re.findall(r"^COPY (.*) \S+$", text, re.M):
    for source in sources.split():
      assert (ROOT / source).exists(), source
  python = re.search(r"FROM python:(\d+\.\d+)", text)[1]
  assert f"Python {python}" in (ROOT / "constraints.txt").read_text().splitlines()[0]
