"""Trains on GKE with xpk, Google's launcher for TPU slices on Kubernetes.

    python -m experiments.xpk.launch all --name tune --cluster banana \
        --type v5litepod-16 --zone us-west4-a --project my-project \
        --image us-docker.pkg.dev/my-project/images/vision-banana:1 --spot \
        --bucket my-bucket -- \
        --config configs/klein_tune.py:init=/mnt/my-bucket/FLUX.2-klein-base-4B \
        --workdir /mnt/my-bucket/runs/tune

`all` is cluster, storage, image and run; each is a command of its own. Kubernetes
starts a job again when its nodes are taken away, and training goes on from the last
checkpoint. `--dry-run` prints the commands, which need xpk (`pip install xpk`),
gcloud, kubectl and docker.
"""

import argparse
import pathlib
import shlex
from collections.abc import Sequence

from experiments import shell

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Job:
  """A workload of one name on a cluster."""

  def __init__(self, args: argparse.Namespace):
    self._args = args
    self._shell = shell.Shell(args.dry_run)
    self._where = [f"--cluster={args.cluster}", f"--zone={args.zone}",
                   f"--project={args.project}"]
    self._slices = [f"--tpu-type={args.type}", f"--num-slices={args.num_slices}"]

  def cluster(self) -> None:
    """Makes the cluster, or brings it to this number of slices."""
    a = self._args
    capacity = (f"--reservation={a.reservation}" if a.reservation
                else "--spot" if a.spot else "--on-demand")
    # The driver that mounts buckets.
    self._shell.run(["xpk", "cluster", "create", *self._where, *self._slices, capacity,
                     *(["--enable-gcsfuse-csi-driver"] if a.bucket else [])])

  def storage(self) -> None:
    """Attaches the bucket; every job sees it at /mnt/BUCKET."""
    a = self._args
    if not a.bucket:
      raise shell.Failed("no bucket to attach; give --bucket.")
    self._shell.run(["xpk", "storage", "attach", a.bucket, *self._where,
                     "--type=gcsfuse", f"--bucket={a.bucket}", "--size=1",
                     f"--mount-point=/mnt/{a.bucket}", "--readonly=false",
                     "--auto-mount=true", "--mount-options=implicit-dirs"])

  def image(self) -> None:
    """Builds the image of what lies here and pushes it."""
    image = self._image()
    self._shell.run(["docker", "build", "--platform=linux/amd64",
                     f"--file={ROOT / 'experiments/xpk/Dockerfile'}",
                     f"--tag={image}", str(ROOT)])
    self._shell.run(["docker", "push", image])

  def run(self) -> None:
    """Submits the job."""
    a = self._args
    if not a.train:
      raise shell.Failed("nothing to run; give the arguments of 'vision-banana train' "
                         "after ' -- '.")
    train = shlex.join(["vision-banana", "train", *a.train])
    self._shell.run([
        "xpk", "workload", "create", f"--workload={a.name}", *self._where,
        *self._slices, f"--docker-image={self._image()}",
        f"--max-restarts={a.max_restarts}",
        f"--command=cd /vision_banana && {train}"])

  def status(self) -> None:
    """Lists the job."""
    self._shell.run(["xpk", "workload", "list", *self._where,
                     f"--filter-by-job={self._args.name}"])

  def logs(self) -> None:
    """Follows the log of the first host of each slice."""
    a = self._args
    region = a.zone.rpartition("-")[0]
    self._shell.run(["gcloud", "container", "clusters", "get-credentials", a.cluster,
                     f"--region={region}", f"--project={a.project}"])
    self._shell.run([
        "kubectl", "logs", "--follow", "--tail=50", "--prefix", "--selector="
        f"jobset.sigs.k8s.io/jobset-name={a.name},"
        "batch.kubernetes.io/job-completion-index=0"])

  def delete(self) -> None:
    """Ends the job; the cluster stays."""
    self._shell.run(["xpk", "workload", "delete", f"--workload={self._args.name}",
                     *self._where])

  def delete_cluster(self) -> None:
    """Gives all nodes back. What is in the bucket stays."""
    self._shell.run(["xpk", "cluster", "delete", *self._where])

  def all(self) -> None:
    """cluster, storage if there is a bucket, image, run."""
    self.cluster()
    if self._args.bucket:
      self.storage()
    self.image()
    self.run()

  def _image(self) -> str:
    if not self._args.image:
      raise shell.Failed("no name for the image; give --image, such as "
                         "us-docker.pkg.dev/PROJECT/REPOSITORY/vision-banana:1.")
    return self._args.image


COMMANDS = ("all", "cluster", "storage", "image", "run", "status", "logs", "delete",
            "delete_cluster")


def run(argv: Sequence[str]) -> None:
  """Parses and does it."""
  split = argv.index("--") if "--" in argv else len(argv)
  parser = argparse.ArgumentParser(
      prog="python -m experiments.xpk.launch", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("command", choices=COMMANDS)
  parser.add_argument("--name", required=True, help="of the job")
  parser.add_argument("--cluster", required=True)
  parser.add_argument("--zone", required=True)
  parser.add_argument("--project", required=True)
  parser.add_argument("--type", default="v5litepod-16", help="TPU type")
  parser.add_argument("--num-slices", type=int, default=1,
                      help="above 1, config.mesh.data must be a multiple of it")
  parser.add_argument("--image", help="of the container, with its registry")
  parser.add_argument("--bucket", help="mounted at /mnt/BUCKET")
  parser.add_argument("--spot", action="store_true",
                      help="cheaper, may be taken away at any time")
  parser.add_argument("--reservation", help="take the nodes from it")
  parser.add_argument("--max-restarts", type=int, default=50)
  parser.add_argument("--dry-run", action="store_true", help="print the commands")
  args = parser.parse_args(list(argv[:split]))
  args.train = list(argv[split + 1:])
  getattr(Job(args), args.command)()


if __name__ == "__main__":
  shell.main(run)
