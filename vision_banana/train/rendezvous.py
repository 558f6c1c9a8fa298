"""How the processes of a run find each other, and who is missing when they do not."""

import os
import socket
import time
import warnings

import jax

from vision_banana.errors import UserError
from vision_banana.train import jax_private

_RETRY = 0.3  # Seconds between attempts to reach process 0.
_GO = "go"


def join(coordinator: str | None = None, num_processes: int | None = None,
         process_id: int | None = None, timeout: float = 300) -> None:
  """Connects this process with the others of the run; before any computation.

  What is not given is read from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
  JAX_PROCESS_ID, then from the cluster, as `jax.distributed` does: Cloud TPU (GCE
  and GKE), Slurm, Open MPI. Alone, nothing is done.

  Jax ends the program without naming anybody when a process is missing. So they
  call the roll first, on the coordinator's port.

  Args:
    coordinator: 'HOST:PORT' of process 0, a free port there.
    num_processes: of the run.
    process_id: of this one, from 0.
    timeout: seconds to wait for the others.

  Raises:
    UserError: arguments are missing or wrong, or a process does not come; names it.
  """
  coordinator, count, this, devices = _complete(
      coordinator, num_processes, process_id, timeout)
  if count is None or count == 1:
    return
  if coordinator is None or this is None:
    raise UserError("several processes need --coordinator HOST:PORT, --num-processes N "
                    "and --process-id I, all three.")
  host, _, port = coordinator.rpartition(":")
  if not host or not port.isdigit() or not 0 < int(port) < 65536:
    raise UserError(f"--coordinator {coordinator}: write HOST:PORT.")
  if not 0 <= this < count:
    raise UserError(f"--process-id {this}: must be 0..{count - 1} of --num-processes "
                    f"{count}.")
  if this == 0:
    _call_the_roll(int(port), count, timeout)
  else:
    _answer(host, int(port), count, this, timeout)
  # SIGTERM is ours: see preemption.py.
  jax.config.update("jax_enable_preemption_service", False)
  # Whether all have come is known; what follows takes a moment.
  jax.distributed.initialize(
      coordinator, count, this, devices, initialization_timeout=60,
      cluster_detection_method="deactivate",
      # Longer than hosts.SILENCE, so that the missing one is named first.
      heartbeat_timeout_seconds=100, shutdown_timeout_seconds=int(timeout))


def _complete(coordinator, count, this, timeout):
  """The arguments, or what the environment or the cluster says; and local devices."""
  given = (coordinator, count, this) != (None, None, None)
  coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
  count = _number("JAX_NUM_PROCESSES") if count is None else count
  this = _number("JAX_PROCESS_ID") if this is None else this
  if given or (coordinator, count, this) != (None, None, None):
    if count is None:
      raise UserError("--coordinator and --process-id need --num-processes N.")
    return coordinator, count, this, None
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # About clusters this may be, and is not.
      found = jax_private.cluster(int(timeout))
  except UserError:
    raise
  except Exception as e:
    raise UserError(f"a cluster is there but cannot be read ({e}); give --coordinator "
                    "HOST:PORT, --num-processes and --process-id, or --num-processes "
                    "1 to train alone.") from e
  return found


def _number(variable: str) -> int | None:
  text = os.environ.get(variable)
  if text is None:
    return None
  if not text.isdigit():
    raise UserError(f"{variable}={text}: expected a number.")
  return int(text)


def _call_the_roll(port: int, count: int, timeout: float) -> None:
  """Process 0: waits until all others have said who they are; tells them to go."""
  end = time.monotonic() + timeout
  present: dict[int, tuple[str, socket.socket]] = {}
  try:
    both = socket.has_dualstack_ipv6()
    server = socket.create_server(
        ("", port), family=socket.AF_INET6 if both else socket.AF_INET,
        dualstack_ipv6=both, backlog=1024)
  except OSError as e:
    raise UserError(f"process 0 cannot listen on port {port} ({e.strerror}); choose "
                    "another port for --coordinator.") from e
  with server:
    problem = ""
    while len(present) < count - 1 and not problem:
      server.settimeout(max(end - time.monotonic(), 0.01))
      try:
        connection, _ = server.accept()
        connection.settimeout(5)
        this, total, name = connection.makefile().readline().split()
        this, total = int(this), int(total)
      except TimeoutError:
        if time.monotonic() < end:
          continue  # One that connected and says nothing.
        missing = sorted(set(range(1, count)) - present.keys())
        problem = (f"{len(missing)} of {count} processes did not come within "
                   f"{timeout:g} s: {_list(missing)}; see their logs, and that each "
                   f"reaches port {port} of process 0 ({socket.gethostname()})")
      except (ValueError, OSError):
        continue  # Not one of us.
      else:
        if total != count:
          problem = (f"process {this} on {name} has --num-processes {total}, process 0 "
                     f"has {count}; give all the same")
        elif this in present and not _hung_up(present[this][1]):
          problem = (f"{name} and {present[this][0]} both are process {this}; give "
                     "each its own --process-id")
        if problem:
          _tell(connection, problem)
        else:
          if this in present:  # It died while it waited, and was started again.
            present[this][1].close()
          present[this] = name, connection
    for _, connection in present.values():
      _tell(connection, problem or _GO)
  if problem:
    raise UserError(f"{problem}.")


def _hung_up(connection: socket.socket) -> bool:
  connection.setblocking(False)
  try:
    return not connection.recv(1, socket.MSG_PEEK)
  except BlockingIOError:
    return False
  except OSError:
    return True
  finally:
    connection.settimeout(5)


def _tell(connection: socket.socket, line: str) -> None:
  try:
    with connection:
      connection.sendall(f"{line}\n".encode())
  except OSError:
    pass  # It is gone; jax or the watch will find out.


def _answer(host: str, port: int, count: int, this: int, timeout: float) -> None:
  """Another process: says who it is until process 0 answers."""
  end = time.monotonic() + timeout
  reason = ""
  while time.monotonic() < end:
    try:
      with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(f"{this} {count} {socket.gethostname()}\n".encode())
        # Process 0 may have started later, and waits as long from then.
        connection.settimeout(timeout + 10)
        reply = connection.makefile().readline().strip()
    except (OSError, UnicodeError) as e:
      reason = str(getattr(e, "strerror", None) or e)
    else:
      if reply == _GO:
        return
      if "process" in reply:
        raise UserError(f"{reply}.")
      reason = "something else answers there"
    time.sleep(_RETRY)
  raise UserError(
      f"process {this}: process 0 did not answer at {host}:{port} within {timeout:g} s "
      f"({reason}); check that it runs there and that the port can be reached.")


def _list(numbers: list[int]) -> str:
  shown = ", ".join(map(str, numbers[:16]))
  return f"{shown}, and {len(numbers) - 16} more" if len(numbers) > 16 else shown
