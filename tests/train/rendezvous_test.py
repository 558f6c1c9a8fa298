"""The roll call: who is missing, who came twice, who was started wrong."""

import concurrent.futures
import socket
import time

import jax
import pytest

from tests.train.hosts_test import free_port
from vision_banana.errors import UserError
from vision_banana.train import rendezvous


@pytest.fixture
def joined(monkeypatch):
  """What `jax.distributed.initialize` was called with, in place of the call."""
  calls = []
  monkeypatch.setattr(jax.distributed, "initialize",
                      lambda *args, **keys: calls.append(args))
  monkeypatch.setattr(jax.config, "update", lambda *_: None)
  for name in ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID"):
    monkeypatch.delenv(f"JAX_{name}", raising=False)
  return calls


def together(*arguments, timeout=20.0):
  """Joins with each (count, id) in a thread; the errors, None where there is none."""
  coordinator = f"127.0.0.1:{free_port()}"

  def run(argument):
    try:
      rendezvous.join(coordinator, *argument, timeout)
    except UserError as e:
      assert "\n" not in str(e)
      return str(e)
  with concurrent.futures.ThreadPoolExecutor() as pool:
    return list(pool.map(run, arguments))


def test_all_come_and_all_go(joined):
  assert together((3, 0), (3, 2), (3, 1)) == [None] * 3
  assert sorted(call[1:3] for call in joined) == [(3, 0), (3, 1), (3, 2)]


def test_the_missing_are_named_to_all(joined):
  errors = together((5, 0), (5, 3), timeout=1)
  assert errors[0] == errors[1] and not joined
  assert "3 of 5 processes did not come within 1 s: 1, 2, 4" in errors[0]
  assert socket.gethostname() in errors[0]


def test_without_process_0_its_address_is_named(joined):
  error, = together((2, 1), timeout=0.5)
  assert "process 1: process 0 did not answer at 127.0.0.1:" in error and not joined


def test_two_of_one_number_and_other_counts_are_told(joined):
  errors = together((3, 0), (3, 1), (3, 1))
  assert all("both are process 1" in e for e in errors)
  errors = together((3, 0), (2, 1))
  assert "has --num-processes 2, process 0 has 3" in errors[0]
  assert not joined


def test_one_that_died_and_came_again_takes_its_own_place(joined):
  port = free_port()
  with concurrent.futures.ThreadPoolExecutor() as pool:
    zero = pool.submit(rendezvous.join, f"127.0.0.1:{port}", 3, 0, 20.0)
    while True:
      try:
        with socket.create_connection(("127.0.0.1", port)) as dead:
          dead.sendall(b"1 3 elsewhere\n")
          dead.settimeout(0.5)
          with pytest.raises(TimeoutError):
            dead.recv(1)  # It is in, and waits for the third.
        break
      except ConnectionRefusedError:
        time.sleep(0.05)
    others = [pool.submit(rendezvous.join, f"127.0.0.1:{port}", 3, i, 20.0)
              for i in (1, 2)]
    for found in (zero, *others):
      assert found.result() is None
  assert len(joined) == 3


@pytest.mark.parametrize("arguments, message", [
    ((None, 2, None), "all three"), (("h:1", None, 0), "need --num-processes"),
    (("h:1", 2, None), "all three"), (("h", 2, 0), "write HOST:PORT"),
    (("h:x", 2, 0), "write HOST:PORT"), (("h:1", 2, 2), r"must be 0\.\.1"),
])
def test_arguments_that_do_not_fit_are_one_line(joined, arguments, message):
  with pytest.raises(UserError, match=message):
    rendezvous.join(*arguments)
  assert not joined


def test_a_port_in_use_is_one_line(joined):
  with socket.create_server(("", 0)) as server:
    port = server.getsockname()[1]
    with pytest.raises(UserError, match=f"cannot listen on port {port}"):
      rendezvous.join(f"127.0.0.1:{port}", 2, 0, 1)


def test_alone_nothing_is_done(joined):
  rendezvous.join()
  rendezvous.join(num_processes=1)
  assert not joined


def test_alone_inside_a_cluster_nothing_is_done(joined, monkeypatch):
  monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "10.0.0.1:8476")
  rendezvous.join(num_processes=1)
  monkeypatch.setenv("JAX_PROCESS_ID", "2")
  rendezvous.join(num_processes=1)
  assert not joined


def test_the_environment_and_the_cluster_are_read(joined, monkeypatch):
  monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", f"127.0.0.1:{free_port()}")
  monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
  monkeypatch.setenv("JAX_PROCESS_ID", "1")
  with pytest.raises(UserError, match="process 1: process 0 did not answer"):
    rendezvous.join(timeout=0.4)
  monkeypatch.setenv("JAX_PROCESS_ID", "one")
  with pytest.raises(UserError, match="JAX_PROCESS_ID=one: expected a number"):
    rendezvous.join()
  for name in ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID"):
    monkeypatch.delenv(f"JAX_{name}")
  slurm = {"JOB_ID": "7", "STEP_NODELIST": "127.0.0.1", "NTASKS": "2", "PROCID": "1",
           "LOCALID": "0"}
  for name, value in slurm.items():
    monkeypatch.setenv(f"SLURM_{name}", value)
  with pytest.raises(UserError, match=r"process 0 did not answer at 127\.0\.0\.1:"):
    rendezvous.join(timeout=0.4)
