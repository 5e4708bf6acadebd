"""A process of its own for what may hang, crash or take all memory: questions go in, answers or failures come out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from machine import resident_bytes

POLL = 0.2  # seconds between two looks at the memory
SETTING_UP = 600.0  # seconds


@dataclass(frozen=True)
class Failure:
    """A question without an answer: how it failed ("raised", "timed out", "too much memory" or "crashed"), and why."""

    how: str
    reason: str = ""


class Isolated:
    """A process that sets something up once, by `set_up(*arguments)`, and asks it questions, by `answer(it, question)`.

    It starts with the first question, and again with the next question after one that it did not survive. What it
    prints is dropped.
    """

    def __init__(
        self,
        set_up: Callable[..., Any],
        arguments: tuple[Any, ...],
        answer: Callable[[Any, Any], Any],
        *,
        timeout: float,
        memory: float = 8.0,
    ) -> None:
        self._work = (set_up, arguments, answer)
        self._timeout, self._memory = timeout, memory * 2**30
        self._process: Any = None
        self._connection: Connection | None = None

    def ask(self, question: Any) -> Any:
        """The answer, or a `Failure`. Raises RuntimeError where setting up fails."""
        if self._process is None:
            ready = self._begin()
            if isinstance(ready, Failure):
                self.close()
                raise RuntimeError(f"setting up {self._work[1]}: {ready.how}, {ready.reason}")
        assert self._connection is not None
        self._connection.send(question)
        return self._receive(self._timeout)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = self._connection = None

    def _begin(self) -> Any:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._work), daemon=True)
        self._process.start()
        theirs.close()
        return self._receive(SETTING_UP)

    def _receive(self, timeout: float) -> Any:
        assert self._connection is not None
        deadline = time.monotonic() + timeout
        while not self._connection.poll(max(0.0, min(POLL, deadline - time.monotonic()))):
            if time.monotonic() > deadline:
                return self._fail("timed out", f"after {timeout:g} s")
            if resident_bytes(self._process.pid) > self._memory:
                return self._fail("too much memory", f"over {self._memory / 2**30:g} GiB")
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            status = self._process.exitcode
            return self._fail("crashed", f"exit status {status}")

    def _fail(self, how: str, reason: str) -> Failure:
        self.close()
        return Failure(how, reason)


def _serve(connection: Connection, set_up: Callable[..., Any], arguments: tuple[Any, ...], answer: Any) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    it: Any = None

    def begin(_: Any) -> bool:
        nonlocal it
        it = set_up(*arguments)
        return True

    connection.send(_try(begin, None))
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        connection.send(_try(lambda question: answer(it, question), question))


def _try(act: Callable[[Any], Any], question: Any) -> Any:
    try:
        return act(question)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a peer's compiled code is no Exception
        return Failure("raised", f"{type(error).__name__}: {error}"[:1000])
