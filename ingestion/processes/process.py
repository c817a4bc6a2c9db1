"""A process that this one started, or had a template fork: running until its end is collected here."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """``code`` is the exit status, or minus the signal's number."""

    code: int
    peak_rss_kib: int

    def __str__(self) -> str:
        return f"ended by signal {-self.code}" if self.code < 0 else f"ended with status {self.code}"


_PATIENCE_S = 2.0


class Process:
    """Its number means no other process for as long as this is not told its end. Any thread may use it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._lock = threading.Lock()
        self._ended: Ended | None = None

    def ended(self) -> Ended | None:
        """How it ended, or None while it runs."""
        with self._lock:
            return self._collected(os.WNOHANG)

    def soon_ended(self) -> Ended | None:
        """How it ended, where its stream has; None where it only closed that, and then it was killed."""
        patience = time.monotonic() + _PATIENCE_S
        while (ended := self.ended()) is None:
            if time.monotonic() > patience:
                self.kill()
                return None
            time.sleep(0.005)
        return ended

    def kill(self) -> None:
        """It has ended. Repeating it changes nothing."""
        with self._lock:
            if self._collected(os.WNOHANG) is None:
                os.kill(self.pid, signal.SIGKILL)
                self._collected(0)

    def _collected(self, options: int) -> Ended | None:
        if self._ended is None:
            try:
                pid, status, used = os.wait4(self.pid, options)
            except ChildProcessError:  # somebody else in this process waits for any child
                self._ended = Ended(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            else:
                self._ended = Ended(os.waitstatus_to_exitcode(status), used.ru_maxrss) if pid else None
        return self._ended
