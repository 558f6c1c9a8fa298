"""Asks an outside model many questions; what is answered once is kept."""

import concurrent.futures
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence

from vision_banana.errors import UserError
from vision_banana.eval import files, images
from vision_banana.eval.outside import answers, media
from vision_banana.eval.outside.endpoint import Busy, Declined, Endpoint, Unusable
from vision_banana.eval.outside.retry import Retry, Stopped

_PROGRESS = 30.0  # seconds between two lines
# An endpoint that declines this many questions and answers none is set up wrongly.
_ALL_DECLINED = 10


@dataclasses.dataclass(frozen=True)
class Question:
  """A prompt and the pictures it is about (before it, in order)."""
  prompt: str
  pictures: tuple[images.ImageLike, ...] = ()


class Asker:
  """One model, its answers on disk, and limits for how it is asked.

  Attributes:
    model: name of the model.
    asked: answers that were asked for, and paid, since it was made.
    tokens: (in, out) of those.
    usd: what they cost; None without a price.
  """

  def __init__(self, endpoint: Endpoint, folder: files.PathLike, *,
               concurrency: int = 8, retry: Retry | None = None,
               max_edge: int = 1536, price: answers.Price | None = None,
               log: Callable[[str], None] = print):
    """Takes an endpoint into use.

    Args:
      endpoint: whom to ask.
      folder: keeps the answers and `costs.jsonl`; may be shared by runs and hosts.
      concurrency: questions under way at a time.
      retry: how often and when to try again.
      max_edge: pictures are shrunk to this many pixels.
      price: of a million tokens, for the cost log.
      log: takes progress lines.

    Raises:
      UserError: no concurrency.
    """
    if concurrency < 1:
      raise UserError(f"concurrency {concurrency}: give at least 1.")
    self.model = endpoint.model
    self.asked, self.tokens = 0, (0, 0)
    self.usd = 0.0 if price else None
    self._endpoint, self._answers = endpoint, answers.Answers(folder)
    self._retry = retry or Retry()
    self._concurrency, self._max_edge, self._price = concurrency, max_edge, price
    self._log, self._lock = log, threading.Lock()
    self._failure: BaseException | None = None
    self._declined: list[str] = []

  def ask(self, questions: Sequence[Question]) -> list[str | None]:
    """Answers in order; kept ones are not asked again, nor equal ones twice.

    Args:
      questions: any number.

    Returns:
      The model's words; None for a question that it declined (HTTP 400, 413, 422),
      which is not kept: the next run asks again.

    Raises:
      UserError: the endpoint fails for good, a picture cannot be read, or the
        folder cannot be written. Every answer that came is kept.
    """
    self._retry.start()
    self._failure, self._declined = None, []
    start, asked_before = time.monotonic(), self.asked
    found: dict[str, str | None] = {}
    keys: list[str] = []
    with concurrent.futures.ThreadPoolExecutor(self._concurrency) as pool:
      try:
        keys = list(pool.map(self._key, questions))
        unique = dict(zip(keys, questions, strict=True))
        for name in unique:
          if (text := self._answers.get(name)) is not None:
            found[name] = text
        kept = len(found)
        running = {pool.submit(self._one, name, question): name
                   for name, question in unique.items() if name not in found}
        told = start
        for done in concurrent.futures.as_completed(running):
          found[running[done]] = done.result()
          if time.monotonic() - told > _PROGRESS:
            told = time.monotonic()
            rate = (len(found) - kept) / (told - start)
            self._log(f"{self.model}: {len(found)} of {len(unique)} answers, "
                      f"{(len(unique) - len(found)) / rate:.0f} s left")
      except BaseException:
        self._retry.stop()  # what waits gives up; what is under way ends and is kept
        pool.shutdown(wait=True, cancel_futures=True)
        if not self._failure and keys:
          self._log(f"{self.model}: {self._kept(keys)}.")
        raise
    if self._failure:
      raise UserError(f"{self._endpoint.where}, model {self.model}: "
                      f"{self._told(self._failure)}; {self._kept(keys)}: mend it, "
                      "then the same command goes on.") from self._failure
    if self.asked > asked_before or self._declined:
      self._log(self._summary(self.asked - asked_before, kept))
    return [found[name] for name in keys]

  def kept(self, questions: Sequence[Question]) -> list[str | None]:
    """The answers that are on disk, in order, None for others; asks nothing.

    Raises:
      UserError: an answer is there and cannot be read.
    """
    return [self._answers.get(self._key(q)) for q in questions]

  def _key(self, question: Question) -> str:
    return answers.key(self.model, self._endpoint.settings, self._max_edge,
                       question.prompt, [media.digest(p) for p in question.pictures])

  def _one(self, name: str, question: Question) -> str | None:
    """Asks one question, in a thread; notes the failure that ends the run."""
    try:
      if self._retry.stopped:
        return None
      sent = [media.encode(p, self._max_edge) for p in question.pictures]
      reply = self._retry.call(lambda: self._endpoint.ask(question.prompt, sent))
      self._answers.put(name, reply, {
          "model": self.model, "prompt": question.prompt}, self._price)
      with self._lock:
        self.asked += 1
        self.tokens = (self.tokens[0] + (reply.tokens_in or 0),
                       self.tokens[1] + (reply.tokens_out or 0))
        if self._price:
          self.usd += self._price.of(reply)
      return reply.text
    except Stopped:
      return None
    except Declined as e:
      with self._lock:
        self._declined.append(str(e))
        wrong = not self.asked and len(self._declined) >= _ALL_DECLINED
      if wrong:
        self._fail(e)
      return None
    except (Busy, Unusable, UserError) as e:
      self._fail(e)
      return None

  def _fail(self, failure: BaseException) -> None:
    with self._lock:
      self._failure = self._failure or failure
    self._retry.stop()

  def _told(self, failure: BaseException) -> str:
    if isinstance(failure, Busy):
      return f"{failure}, {self._retry.attempts} times"
    if isinstance(failure, Declined):
      return f"{failure} to each of {len(self._declined)} questions"
    return str(failure)

  def _kept(self, keys: Sequence[str]) -> str:
    names = set(keys)
    kept = sum(self._answers.get(name) is not None for name in names)
    return f"{kept} of {len(names)} answers are kept in {self._answers.folder}"

  def _summary(self, asked: int, kept: int) -> str:
    text = (f"{self.model}: {asked} answers, {kept} kept from before; in all "
            f"{self.tokens[0]:,} tokens in, {self.tokens[1]:,} out")
    if self.usd is not None:
      text += f", ${self.usd:.4f}"
    if self._declined:
      text += f"; {len(self._declined)} declined, the first: {self._declined[0]}"
    return text
