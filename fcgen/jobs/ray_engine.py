"""A job on a cluster of Ray: as in one process, but that rows are written by workers elsewhere.

    documents --Batches--> workers, each with a model of its own --> rows --> ledger, in this process

A worker is an actor. It loads the model, says what it is (all have to be the same), and is given two batches at a time,
so that it has one while it waits for the other; documents are read no faster than that. Rows come back as they end, so
that a worker that ends takes with it what it was writing, and no more. It is replaced, and its documents are asked
about again (`batches`). All that a job keeps is kept here: a job may be begun on one machine and gone on with on a
cluster, or the other way round.

Why not a Ray Data pipeline: a row that ends its actor each time ends the pipeline as well, or, where errors are let
through (`max_errored_blocks`), the rest of its block is lost in silence; a source of which the length is not known is
one task, which is fused with one worker; and rows come out when a block is full, not when they have ended. (Ray 2.60.)
Who has a dataset of Ray, Dask or Spark calls `fcgen.jobs.extract_batch` in its own workers.

Not here: clusters through Ray Client (`ray://`), which knows no streams of results; run where the cluster is.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fcgen.errors import FcgenError, JobError, OptionError, excerpt
from fcgen.extraction import Document, Extracted, Job
from fcgen.jobs.batches import Batch, Batches
from fcgen.jobs.error_limit import read_error_limit
from fcgen.jobs.identity import fingerprint_of
from fcgen.jobs.ledger import Ledger
from fcgen.jobs.progress import Progress
from fcgen.jobs.run import Run, Summary
from fcgen.threads import wait_asleep

if TYPE_CHECKING:
    from fcgen.engine import Engine

Load = Callable[[], "Engine"]

SIZE = 8  # batches of the worker's engine in one batch for the worker: it fills up as rows end
DEPTH = 2  # batches that a worker has
ENDED = 10  # workers, for each that there is to be, that may end one after another without a row
SECONDS = 0.5  # for which to wait before looking whether to stop


def load_engine(
    model: str = "smollm2", device: str | None = None, dtype: str | None = None, batch_size: int | None = None
) -> Engine:
    """The engine of a model, as `fcgen.models.load` loads it; it writes so many rows at the same time."""
    from fcgen.models import load

    engine = load(model, device=device, dtype=dtype)
    if batch_size is not None:
        engine.batch_size = batch_size
    return engine


class Workers:
    """Workers of a cluster of Ray, for one job. Entering it starts them, and waits for the first; leaving it ends them.

    Args:
        load: loads a worker's engine, in the worker: a function that can be pickled, such as
            `functools.partial(load_engine, "smollm2")`.
        job: what is asked about each document.
        count: how many there are. None: one for each GPU of the cluster or, where it has none, for each CPU.
        address: of the cluster, as `ray.init` takes it, such as "auto". None: the one that this process is connected
            to, or that RAY_ADDRESS names; or a new one on this machine, as long as it takes.
        gpus: what a worker takes; None: one, where the cluster has any. A worker without takes one CPU.
        model: the name under which the model was loaded.
        carry: the columns of the input that are kept beside a row.

    Attributes:
        fingerprint: of the job, as for one that is done in one process.

    Raises, when it is entered:
        OptionError: Ray is not installed, or more workers are asked for than the cluster has room for.
        JobError: there is no cluster, or no worker starts.
        FcgenError: the model cannot be loaded, or what is asked cannot be asked of any document.
    """

    def __init__(
        self,
        load: Load,
        job: Job,
        *,
        count: int | None = None,
        address: str | None = None,
        gpus: float | None = None,
        model: str = "",
        carry: Sequence[str] = (),
    ) -> None:
        if count is not None and count < 1:
            raise OptionError(f"the number of workers is {count}", hint="It has to be 1 or more")
        if address is not None and address.startswith("ray://"):
            raise OptionError(
                f"the address is {excerpt(address)}, of Ray Client", hint="Run it on the cluster, with the address auto"
            )
        self.fingerprint: dict[str, Any] = {}
        self._arguments = (load, job, model, tuple(carry))
        self._carry, self._count, self._address, self._gpus = carry, count or 0, address, gpus
        self._workers: list[_Worker] = []
        self._size = self._ended = 0
        self._ray: Any = None
        self._is_ours = False

    def __enter__(self) -> Workers:  # noqa: PYI034
        self._ray = _import_ray()
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, self._address)
        try:
            self._plan()
            nothing = Batches((), size=1, workers=1)
            while not self._size:
                self._fill()
                self._listen(nothing)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def run(
        self,
        documents: Iterable[Document],
        folder: str | Path,
        *,
        resume: bool = False,
        retry: bool = False,
        max_errors: int | str | None = None,
        progress: Progress | None = None,
        stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> Summary:
        """Ask about documents, and keep what becomes of them in a folder: as `run_job`.

        Raises JobError: as `run_job`; or workers end one after another without a row, or have not the same model.
        """
        most = read_error_limit(max_errors)
        with Ledger.create_or_open(folder, self.fingerprint, resume=resume or retry) as ledger:
            run = Run(
                self.write, ledger, carry=self._carry, retry=retry, max_errors=most, progress=progress, stopped=stopped,
                clock=clock,
            )  # fmt: skip
            return run.run(documents)

    def write(self, documents: Iterable[Document]) -> Generator[list[Extracted], None, None]:
        """The rows that have ended, at least twice a second; often none.

        Raises JobError: as `run`.
        """
        batches = Batches(documents, size=SIZE * self._size, workers=self._count)
        try:
            while not batches.is_done:
                self._fill()
                self._hand_out(batches)
                self._listen(batches)
                yield batches.take()
        finally:
            for worker in [worker for worker in self._workers if worker.batches]:
                self._end(worker)

    def _plan(self) -> None:
        """Find out how many workers there are to be, and what each takes."""
        has = self._ray.cluster_resources()
        if self._gpus is None:
            self._gpus = 1 if has.get("GPU", 0) >= 1 else 0
        kind, each = ("GPU", self._gpus) if self._gpus else ("CPU", 1)
        room = int(has.get(kind, 0) / each)
        self._count = self._count or max(1, room)
        if self._count > room:
            raise OptionError(
                "there are more workers than the cluster has room for", limit=room, given=self._count,
                hint=f"Each takes {each:g} {kind}",
            )  # fmt: skip

    def _fill(self) -> None:
        """Start the workers that are missing."""
        kind = self._ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)(_Writer)
        while len(self._workers) < self._count:
            actor = kind.remote()
            self._workers.append(_Worker(actor, actor.load.remote(*self._arguments)))

    def _hand_out(self, batches: Batches) -> None:
        for depth in range(DEPTH):
            for worker in self._workers:
                if worker.loading is None and len(worker.batches) == depth and (batch := batches.next()) is not None:
                    asked = [work.document for work in batch.values()]
                    rows = worker.actor.extract.options(num_returns="streaming").remote(asked)
                    worker.batches.append((batch, rows))

    def _listen(self, batches: Batches) -> None:
        """Take in what workers say; for a while, if they say nothing."""
        awaited = {worker.awaited: worker for worker in self._workers if worker.awaited is not None}
        if not awaited:
            return
        ready, _ = self._ray.wait([*awaited], timeout=SECONDS)
        if ready:  # a look at all of them, so that none is heard before others each time
            ready, _ = self._ray.wait([*awaited], num_returns=len(awaited), timeout=0)
        for said in ready:
            worker = awaited[said]
            try:
                self._hear(worker, batches)
            except self._ray.exceptions.RayError as error:
                self._replace(worker, error, batches)

    def _hear(self, worker: _Worker, batches: Batches) -> None:
        if worker.loading is not None:
            self._welcome(*self._ray.get(worker.loading))
            worker.loading = None
            return
        batch, rows = worker.batches[0]
        said = next(rows, None)
        if said is None:
            worker.batches.popleft()
            batches.fail(batch, "it gave no row")
            return
        for row in self._ray.get(said):
            batches.end(batch, row)
            self._ended = 0

    def _welcome(self, fingerprint: dict[str, Any], batch_size: int) -> None:
        """A worker has loaded its model."""
        if self._size and fingerprint != self.fingerprint:
            differs = [name for name, part in fingerprint.items() if part != self.fingerprint[name]]
            raise JobError(
                f"a worker differs from the first in {', '.join(differs)}",
                hint="All machines need the same model and the same versions",
            )
        self.fingerprint, self._size = fingerprint, batch_size

    def _replace(self, worker: _Worker, error: Any, batches: Batches) -> None:
        """What to do where a worker has ended, or cannot be used."""
        cause = getattr(error, "cause", None)
        first_line = str(cause).partition("\n")[0][:200]
        reason = type(error).__name__ if cause is None else f"{type(cause).__name__}: {first_line}"
        if worker.loading is not None and cause is not None:
            raise cause if isinstance(cause, FcgenError) else JobError(f"a worker could not load its model: {reason}")
        begun, *others = [batch for batch, _ in worker.batches] or [{}]
        for batch in reversed(others):
            batches.put_back(batch)
        batches.fail(begun, reason)
        self._end(worker)
        self._ended += 1
        if self._ended >= ENDED * self._count:
            raise JobError(
                f"{self._ended} workers have ended, one after another, without a row; the last one: {reason}",
                hint="The logs of Ray say more; what was done is kept",
            )

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._ray.kill(worker.actor)

    def _close(self) -> None:
        for worker in [*self._workers]:
            self._end(worker)
        if self._is_ours:
            self._ray.shutdown()


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor; the result of its loading, until it has loaded; and its batches, with the stream of rows of each."""

    actor: Any
    loading: Any
    batches: deque[tuple[Batch, Any]] = field(default_factory=deque)

    @property
    def awaited(self) -> Any:
        """What it is to say next; None: it has nothing to do."""
        if self.loading is not None:
            return self.loading
        return self.batches[0][1] if self.batches else None


class _Writer:
    """What an actor does."""

    def load(self, load: Load, job: Job, model: str, carry: Sequence[str]) -> tuple[dict[str, Any], int]:
        """Load the model: the job's fingerprint with it, and the size of its batches."""
        wait_asleep()
        self._engine, self._job = load(), job
        self._engine.extracting((), job)  # says what is wrong with the job
        return fingerprint_of(self._engine, job, model=model, carry=carry), self._engine.batch_size

    def extract(self, documents: Sequence[Document]) -> Iterator[list[Extracted]]:
        """The rows of documents, as they end."""
        for rows in self._engine.extracting(documents, self._job, ordered=False):
            if rows:
                yield rows


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise OptionError("the engine needs Ray, which is not installed", hint="Run pip install 'fcgen[ray]'") from None
    return ray


def _connect(ray: Any, address: str | None) -> None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Tip: In future versions of Ray", FutureWarning)
            # What workers print is not to be among the rows.
            ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        where = "on this machine" if address is None else f"at {excerpt(address)}"
        raise JobError(f"there is no cluster of Ray {where}: {str(error).partition(chr(10))[0]}") from error
