"""Children of one kind, as many as the work asks for, each driven by a thread of this process.

Threads and not tasks: a pool serves several event loops, one after the other. A child is killed by the kernel when the
thread that started it ends, so each thread keeps to its own children until the pool closes.
"""

from __future__ import annotations

import builtins
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from ingestion.processes.birth import ChildFailed, Program, birth_of
from ingestion.processes.channel import Frame
from ingestion.processes.profile import Accounts
from ingestion.processes.turns import Job, Read, Write, is_best, may_serve
from ingestion.processes.wire import Malformed, Ready, Reply, Request, encode
from ingestion.processes.worker import Worker
from rag_service.domain.errors import Refused

T = TypeVar("T")


@dataclass
class StageDefect(Exception):
    """The child met an error that is not the document's, and says its name; the child goes on."""

    error: str


class Pool:
    """Its futures raise ``Refused``, ``StageDefect``, and what ``Worker`` raises.

    There are ``size`` children at most. Another one is started when a request has waited for ``patience_s``: a child
    costs seconds to start, so where one keeps up, a second would only take them from the work.

    Where the program is ``per_tenant``, a child that has met a document of one tenant ends before another's is met.
    """

    def __init__(self, program: Program, size: int, accounts: Accounts, *, patience_s: float = 0.0) -> None:
        self._program = program
        self._birth = birth_of(program)
        self._size = size
        self._accounts = accounts
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._idle: list[Worker | None] = []
        self._threads: list[threading.Thread] = []
        self._workers: set[Worker] = set()
        self._busy = 0
        self._closed = False
        self._peak_rss_kib = 0
        self._ready: Ready | None = None
        self._patience_s = patience_s
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """The first child is on its way; the others follow when there is work for them."""
        with self._changed:
            if not self._threads and not self._closed:
                self._add_thread()

    def submit(
        self, stage: str, write: Write, read: Read[T], *, realm: str | None = None, is_urgent: bool = False
    ) -> Future[T]:
        """The request stands in line, and its result will be in the future. Raises ``ChildFailed`` once closed.

        ``realm`` names the tenant. An urgent one is next: short work that the rest of a document waits for.
        """
        if self._program.per_tenant and realm is None:
            raise ValueError("a child that sees one tenant's documents needs to know whose they are")
        return self._enqueue(Job(stage, write, read, realm), is_urgent=is_urgent)

    def when_ready(self) -> Future[Ready]:
        """What the child says of itself that answers the next request."""
        return self._enqueue(Job("", lambda: (b"", b""), lambda _body, _blob: self._ready))

    def _enqueue(self, job: Job, *, is_urgent: bool = False) -> Future[Any]:
        with self._changed:
            if self._closed:
                raise ChildFailed("the workers were closed")
            if is_urgent:
                self._waiting.insert(0, job)
            else:
                self._waiting.append(job)
            self._grow()
            self._changed.notify_all()
        return job.future

    def _grow(self) -> None:
        """Another child is on its way, if some request has waited long enough; if one may, that is looked at later."""
        if len(self._threads) - self._busy >= len(self._waiting) or len(self._threads) >= self._size or self._closed:
            return
        has_waited = time.monotonic() - min(job.asked for job in self._waiting) >= self._patience_s
        if not self._threads or not self._patience_s or (has_waited and self._ready is not None):
            self._add_thread()
        elif self._timer is None:
            self._timer = threading.Timer(self._patience_s, self._look_again)
            self._timer.daemon = True
            self._timer.start()

    def _look_again(self) -> None:
        with self._changed:
            self._timer = None
            self._grow()

    def close(self) -> None:
        """No child is left. Whatever waits or is under way fails."""
        with self._changed:
            self._closed = True
            waiting, workers = list(self._waiting), list(self._workers)
            self._waiting.clear()
            self._changed.notify_all()
            if self._timer is not None:
                self._timer.cancel()
        for job in waiting:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(ChildFailed("the workers were closed"))
        for worker in workers:
            worker.kill()
        self._birth.close()
        for thread in self._threads:
            thread.join()

    @property
    def peak_rss_kib(self) -> int:
        """The most resident memory that one child ever had, as seen when it answered."""
        with self._changed:
            return max([self._peak_rss_kib, *(worker.peak_rss_kib for worker in self._workers)])

    @property
    def pids(self) -> list[int]:
        """The children that run now."""
        with self._changed:
            return [worker.pid for worker in self._workers]

    @property
    def template(self) -> int | None:
        """The process that forks the children, where there is one."""
        return self._birth.pid

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._drive, name=f"{self._program.module}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _drive(self) -> None:
        """A child is kept ready, and given one request after the other, until the pool closes."""
        worker = self._started_ahead()
        try:
            while (job := self._next(worker)) is not None:
                if worker is not None and not may_serve(worker, job.realm):
                    self._discard(worker)
                    worker = None
                if worker is None:
                    try:
                        worker = self._started()
                    except Exception as problem:  # noqa: BLE001  # the one who waits is told
                        self._end(job, problem)
                        continue
                fit = self._serve(job, worker)
                if not fit or worker.is_worn:
                    self._discard(worker)
                    worker = self._started_ahead()
        finally:
            if worker is not None:
                self._discard(worker)

    def _started_ahead(self) -> Worker | None:
        """A child for the requests to come. If it does not start, the next request tries again, and is told."""
        try:
            return self._started()
        except Exception:  # noqa: BLE001  # for the reason above
            return None

    def _started(self) -> Worker:
        began = time.monotonic()
        worker = Worker(self._program, self._birth.child())
        with self._changed:
            self._workers.add(worker)
            if self._closed:
                worker.kill()
        try:
            self._ready, cpu_s = worker.open()
        except BaseException:
            self._discard(worker)
            raise
        self._accounts.add("start", cpu_s=cpu_s, busy_s=time.monotonic() - began)
        return worker

    def _discard(self, worker: Worker) -> None:
        worker.close()
        with self._changed:
            self._workers.discard(worker)
            self._peak_rss_kib = max(self._peak_rss_kib, worker.peak_rss_kib)

    def _next(self, worker: Worker | None) -> Job | None:
        """The request that has waited longest of those that no other idle child should take; None at the end."""
        with self._changed:
            self._idle.append(worker)
            try:
                while not self._closed:
                    if (job := self._taken(worker)) is not None:
                        return job
                    self._changed.wait()
                return None
            finally:
                self._idle.remove(worker)
                self._changed.notify_all()  # what was left to this one, another may take now

    def _taken(self, worker: Worker | None) -> Job | None:
        for job in list(self._waiting):
            if not is_best(worker, job.realm, self._idle):
                continue
            self._waiting.remove(job)
            if job.future.set_running_or_notify_cancel():
                self._busy += 1
                return job
        return None

    def _serve(self, job: Job, worker: Worker) -> bool:
        """The job has its outcome. Returns whether the child can be asked again."""
        if not job.stage:
            self._end(job, None, self._ready)
            return True
        worker.realm = worker.realm or job.realm
        began = time.monotonic()
        reply: Reply | None = None
        result: Any = None
        problem: BaseException | None = None
        fit = False
        try:
            body, blob = job.write()
            reply, answer = worker.ask(Frame(encode(Request(job.stage)), body, blob))
            if reply.outcome == "done":
                result = job.read(answer.body, answer.blob)
            else:
                problem = self._said(reply)
            fit = True
        except Malformed:
            problem = ChildFailed("answered what cannot be read")
        except BaseException as error:  # noqa: BLE001  # whatever it is, the one who waits is told
            problem = error
        took = time.monotonic() - began
        cpu_s = min(reply.cpu_s, took) if reply else 0.0
        self._accounts.add(job.stage, cpu_s=cpu_s, busy_s=took, waiting_s=began - job.asked)
        self._end(job, problem, result)
        return fit

    def _said(self, reply: Reply) -> Exception:
        """What kept a child from an answer. The words of one that sees many tenants are of no use: whose are they?"""
        if self._program.per_tenant:
            return Refused(reply.reason, reply.detail) if reply.outcome == "refused" else StageDefect(reply.reason)
        return StageDefect(reply.reason if isinstance(vars(builtins).get(reply.reason), type) else "an error")

    def _end(self, job: Job, problem: BaseException | None, result: Any = None) -> None:
        with self._changed:
            self._busy -= 1
        if problem is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(problem)
