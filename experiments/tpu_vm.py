"""Trains on a slice of Cloud TPU VMs, asked for as a queued resource.

    python -m experiments.tpu_vm up --name tune --type v5litepod-16 \
        --zone us-west4-a --spot --bucket my-bucket -- \
        --config configs/klein_tune.py:init=/mnt/my-bucket/FLUX.2-klein-base-4B \
        --workdir /mnt/my-bucket/runs/tune

`up` is create, wait, setup and run; each is a command of its own. `watch` does the
same and begins again whenever the slice is taken away, until training is done.
`--dry-run` prints the commands, which need the gcloud CLI and nothing else.
See docs/tpu.md for a walk from an empty project.
"""

import argparse
import pathlib
import re
import shlex
import tempfile
import time
from collections.abc import Sequence

from experiments import shell

ROOT = pathlib.Path(__file__).resolve().parents[1]
# https://cloud.google.com/tpu/docs/runtimes
RUNTIMES = {"v6e": "v2-alpha-tpuv6e", "v5p": "v2-alpha-tpuv5",
            "v5litepod": "v2-alpha-tpuv5-lite", "v4": "tpu-ubuntu2204-base"}
_GONE = ("FAILED", "SUSPENDING", "SUSPENDED", "DELETING")
_ARCHIVE = "vision_banana.tar.gz"
_POLL = 30  # seconds
# What gcloud says of a resource that is not there; not of an API that is not.
_ABSENT = re.compile(r"\bNOT_FOUND\b")

# The runtime's Ubuntu has Python 3.10; uv brings 3.11. Every line may run again.
_SETUP = f"""set -euo pipefail
rm -rf ~/vision_banana && mkdir ~/vision_banana
tar -xzf ~/{_ARCHIVE} -C ~/vision_banana
command -v ~/.local/bin/uv || curl -LsSf https://astral.sh/uv/install.sh | sh
cd ~/vision_banana
~/.local/bin/uv venv --python 3.11 .venv
~/.local/bin/uv pip install --python .venv -c constraints.txt -e '.[tpu]'"""
# https://cloud.google.com/storage/docs/cloud-storage-fuse/install
_MOUNT = """
if ! command -v gcsfuse; then
  echo "deb [signed-by=/usr/share/keyrings/cloud.google.asc] \
https://packages.cloud.google.com/apt gcsfuse-$(lsb_release -c -s) main" \
| sudo tee /etc/apt/sources.list.d/gcsfuse.list
  curl -LsSf https://packages.cloud.google.com/apt/doc/apt-key.gpg \
| sudo tee /usr/share/keyrings/cloud.google.asc >/dev/null
  sudo apt-get -o DPkg::Lock::Timeout=600 update
  sudo apt-get -o DPkg::Lock::Timeout=600 install -y gcsfuse
fi
sudo mkdir -p /mnt/{bucket} && sudo chown $USER /mnt/{bucket}
mountpoint -q /mnt/{bucket} || gcsfuse --implicit-dirs {bucket} /mnt/{bucket}"""
# A worker that crashes makes the others fail too; all begin again at the last
# checkpoint. Status 2 soon after the start is bad input, which another try does not
# mend; later it is a worker that was missed. SIGTERM to the group lets training save;
# the loop waits for it and writes how it ended.
_RUN = """rm -f ~/train.exit
cd ~/vision_banana
nohup setsid bash -c 'trap stopped=1 TERM; for attempt in $(seq 20); do
began=$SECONDS; .venv/bin/vision-banana train {args}; code=$?
[ $code = 0 -o -n "$stopped" ] && break
[ $code = 2 -a $((SECONDS - began)) -lt 120 ] && break; sleep 20; done
echo $code > ~/train.exit' > ~/train.log 2>&1 < /dev/null &
echo $! > ~/train.pid"""
_STOP = "kill -TERM -- -$(cat ~/train.pid)"
_STATUS = ("cat ~/train.exit 2>/dev/null || { kill -0 $(cat ~/train.pid) 2>/dev/null "
           "&& echo running; } || echo gone")


def run_script(train: Sequence[str]) -> str:
  """What a worker runs to train in the background with these arguments."""
  # Quoted for the inner shell, inside the single quotes of the outer one.
  return _RUN.format(args=shlex.join(train).replace("'", "'\\''"))


class Slice:
  """One queued resource with one node of the same name."""

  def __init__(self, args: argparse.Namespace):
    self._args = args
    self._shell = shell.Shell(args.dry_run)
    self._answered = False
    self._place = [f"--zone={args.zone}"]
    if args.project:
      self._place.append(f"--project={args.project}")

  def create(self) -> None:
    """Asks for the slice; it may be queued for long."""
    a = self._args
    family = a.type.partition("-")[0]
    runtime = a.runtime or RUNTIMES.get(family)
    if runtime is None:
      raise shell.Failed(f"--type {a.type}: no runtime known for it; give --runtime "
                         f"(types: {', '.join(f'{f}-N' for f in RUNTIMES)}).")
    command = [*self._queued("create"), f"--node-id={a.name}",
               f"--accelerator-type={a.type}", f"--runtime-version={runtime}"]
    if a.spot:
      command.append("--spot")
    if a.service_account:
      command.append(f"--service-account={a.service_account}")
    self._shell.run(command)
    self._answered = True

  def state(self) -> str | None:
    """As the service says, None when there is no such resource.

    Where the service once answered and now does not, it is asked again: to give up, or
    to create what is there, would leave a slice that costs and does nothing.

    Raises:
      Failed: the service does not answer the first time.
    """
    while True:
      try:
        found = self._shell.ask(
            [*self._queued("describe"), "--format=value(state.state)"], dry="ACTIVE")
        self._answered = True
        return found
      except shell.Failed as e:
        if _ABSENT.search(str(e)):
          self._answered = True
          return None
        if not self._answered:
          raise
        print(f"{time.strftime('%H:%M:%S')} {e}", flush=True)
        time.sleep(_POLL)

  def wait(self) -> None:
    """Returns when the slice is there.

    Raises:
      Failed: it never will be.
    """
    last = ""
    while (state := self.state()) != "ACTIVE":
      if state is None or state in _GONE:
        raise shell.Failed(f"queued resource '{self._args.name}' is "
                           f"{state or 'not there'}; delete it and create it again.")
      if state != last:
        print(f"{time.strftime('%H:%M:%S')} {state}", flush=True)
      last = state
      time.sleep(_POLL)

  def setup(self) -> None:
    """Copies what is committed here to every worker, installs it, mounts the bucket."""
    with tempfile.TemporaryDirectory() as folder:
      # A dry run prints the same words each time.
      folder = "/tmp" if self._args.dry_run else folder
      archive = f"{folder}/{_ARCHIVE}"
      self._shell.run(["git", "-C", str(ROOT), "archive", "--format=tar.gz",
                       "-o", archive, "HEAD"])
      self._shell.run([*self._vm("scp"), archive, f"{self._args.name}:",
                       "--worker=all", *self._place])
    script = _SETUP
    if self._args.bucket:
      script += _MOUNT.format(bucket=self._args.bucket)
    self._shell.run(self._ssh(script))

  def run(self) -> None:
    """Starts training on every worker; it goes on when this ends."""
    if not self._args.train:
      raise shell.Failed("nothing to run; give the arguments of 'vision-banana train' "
                         "after ' -- '.")
    self._shell.run(self._ssh(run_script(self._args.train)))

  def logs(self) -> None:
    """Follows the log of the first worker."""
    self._shell.run(self._ssh("tail -n 50 -F ~/train.log", worker="0"))

  def _last_lines(self) -> None:
    """Prints the end of the log, which goes with the slice; it is given back anyway."""
    try:
      self._shell.run(self._ssh("tail -n 50 ~/train.log", worker="0"))
    except shell.Failed as e:
      print(e, flush=True)

  def status(self) -> str:
    """'running', 'gone', the exit status of training, or '' when nobody answers."""
    try:
      found = self._shell.ask(self._ssh(_STATUS, worker="0"), dry="0")
    except shell.Failed as e:
      print(e, flush=True)
      found = ""
    print(f"training: {found or 'no answer'}", flush=True)
    return found

  def stop(self) -> None:
    """SIGTERM to training on every worker: it saves and ends."""
    self._shell.run(self._ssh(_STOP))

  def delete(self) -> None:
    """Gives the slice back. What is in the bucket stays."""
    self._shell.run([*self._queued("delete"), "--force", "--quiet"])

  def up(self) -> None:
    """create, wait, setup, run."""
    self.create()
    self.wait()
    self.setup()
    self.run()

  def watch(self) -> None:
    """`up`, and again whenever the slice is taken away, until training ends.

    Raises:
      Failed: training ended with an error.
    """
    started = False
    while True:
      state = self.state() if started or not self._args.dry_run else None
      if state is None or state in _GONE:
        if state is not None:
          self.delete()
        self.create()
      if state != "ACTIVE":
        self.wait()
      found = self.status() if state == "ACTIVE" else "gone"
      if found == "gone":  # A new slice, or one that was restarted.
        self.setup()
        self.run()
        started = True
      elif found.isdigit():
        if found != "0":
          self._last_lines()
        if not self._args.keep:
          self.delete()
        if found != "0":
          raise shell.Failed(f"training ended with status {found}; the last lines of "
                             "its log are above.")
        return
      if not self._args.dry_run:
        time.sleep(_POLL)

  def _queued(self, verb: str) -> list[str]:
    return ["gcloud", "compute", "tpus", "queued-resources", verb, self._args.name,
            *self._place]

  def _vm(self, verb: str) -> list[str]:
    return ["gcloud", "compute", "tpus", "tpu-vm", verb]

  def _ssh(self, script: str, worker: str = "all") -> list[str]:
    return [*self._vm("ssh"), self._args.name, f"--worker={worker}", *self._place,
            f"--command={script}"]


COMMANDS = ("up", "watch", "create", "wait", "setup", "run", "logs", "status", "stop",
            "delete")


def run(argv: Sequence[str]) -> None:
  """Parses and does it."""
  split = argv.index("--") if "--" in argv else len(argv)
  parser = argparse.ArgumentParser(
      prog="python -m experiments.tpu_vm", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("command", choices=COMMANDS)
  parser.add_argument("--name", required=True, help="of the slice")
  parser.add_argument("--zone", required=True)
  parser.add_argument("--project", help="default: that of gcloud")
  parser.add_argument("--type", default="v5litepod-16", help="accelerator type")
  parser.add_argument("--runtime", help="default: by the type")
  parser.add_argument("--spot", action="store_true",
                      help="cheaper, may be taken away at any time")
  parser.add_argument("--service-account", help="that the workers act as")
  parser.add_argument("--bucket", help="mounted at /mnt/BUCKET on every worker")
  parser.add_argument("--keep", action="store_true",
                      help="watch: leave the slice when training is done")
  parser.add_argument("--dry-run", action="store_true", help="print the commands")
  args = parser.parse_args(list(argv[:split]))
  args.train = list(argv[split + 1:])
  getattr(Slice(args), args.command)()


if __name__ == "__main__":
  shell.main(run)
