"""A thread that writes the replies that are asked for from elsewhere, side by side.

It begins with the first request and ends with the last reply. What comes while others are written joins them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from fcgen.decode.loop import Loop
from fcgen.decode.row import Request, Row
from fcgen.errors import FcgenError

Tell = Callable[[Row], None]


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that was handed in, with whom to tell of each step; what becomes of it."""

    request: Request
    tell: Tell
    row: Row | None = None
    cancelled: bool = False


class Worker:
    """Writes replies in a thread of its own.

    Args:
        new_loop: makes the loop that writes them.
    """

    def __init__(self, new_loop: Callable[[], Loop]) -> None:
        self._new_loop = new_loop
        self._lock = threading.Lock()
        self._handed_in: list[Ticket] = []
        self._thread: threading.Thread | None = None

    def submit(self, request: Request, tell: Tell) -> Ticket:
        """Ask for a reply. `tell` is called in the thread, with the row, after each step, and when it has ended."""
        ticket = Ticket(request, tell)
        with self._lock:
            self._handed_in.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="fcgen", daemon=True)
                self._thread.start()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Write no more of a reply, if it has not ended."""
        ticket.cancelled = True

    def _work(self) -> None:
        loop = self._new_loop()
        running: list[Ticket] = []
        while True:
            with self._lock:
                running += self._handed_in
                self._handed_in.clear()
                running = [ticket for ticket in running if not ticket.cancelled or self._drop(loop, ticket)]
                if not running:
                    self._thread = None
                    return
            for ticket in running:
                if ticket.row is None:
                    ticket.row = loop.add(ticket.request)
            try:
                loop.step()
            except BaseException as error:  # noqa: BLE001  whoever waits is to hear of it
                _fail(running, error)
                loop, running = self._new_loop(), []
                continue
            for ticket in running:
                _tell(ticket)
            running = [ticket for ticket in running if ticket.row is not None and not ticket.row.ended]

    def _drop(self, loop: Loop, ticket: Ticket) -> bool:
        if ticket.row is not None:
            loop.cancel(ticket.row)
        return False


def _tell(ticket: Ticket) -> None:
    assert ticket.row is not None, "it was begun"
    try:
        ticket.tell(ticket.row)
    except RuntimeError:  # of asyncio: who waited is gone, and its loop closed
        ticket.cancelled = True


def _fail(tickets: list[Ticket], error: BaseException) -> None:
    from fcgen.errors import ModelError

    known = error if isinstance(error, FcgenError) else ModelError(f"the model failed: {error!r}")
    if known is not error:
        known.__cause__ = error
    for ticket in tickets:
        if ticket.row is not None:
            ticket.row.error, ticket.row.ended = known, True
            _tell(ticket)
