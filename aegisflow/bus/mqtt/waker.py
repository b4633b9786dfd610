"""A way to end another thread's ``select``: a pair of sockets (the self-pipe trick)."""

import contextlib
import select
import socket

__all__ = ["Waker"]


class Waker:
    """Ends a ``select`` from another thread, for one byte however often it is asked to in between."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._woken = False
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)

    def fileno(self) -> int:
        """Return the file descriptor that a selector waits for."""
        return self._reader.fileno()

    def wake(self) -> None:
        """End the ``select``; safe from any thread."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):
                self._writer.send(b"\0")

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ``wake`` alone, so many seconds at most; return whether one came. It is cleared then."""
        if timeout_s <= 0 or not self._poll.poll(1_000 * timeout_s):
            return False
        self.clear()
        return True

    def clear(self) -> None:
        """Be ready for the next ``wake``.

        Call it when the descriptor is readable and before looking for work, so that no work is overlooked.
        """
        with contextlib.suppress(OSError):
            self._reader.recv(16)
        # Last: a wake that comes before this line sends nothing, but its work is there when this returns.
        self._woken = False

    def close(self) -> None:
        """Close both ends of the pair."""
        self._reader.close()
        self._writer.close()
