"""Reading the audit beside a running plant: is it whole, and what is the story of one command?"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from aegisflow.config import AuditSettings, StoreSettings
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, UnknownNameError
from aegisflow.models import AuditRow
from aegisflow.store.chain import HeadFile, newest_head
from aegisflow.store.connection import Connection, describe, file_of, redacted
from aegisflow.store.proof import Proved, check_proof, export_proof
from aegisflow.store.rows import audit_entry_of
from aegisflow.store.seals import Seals, make_key, read_key
from aegisflow.store.verification import Verified, verify

__all__ = [
    "AuditCheck",
    "Verified",
    "check_file",
    "export_command",
    "head_file",
    "heads_stay",
    "read_only",
    "seals_of",
    "story_in",
    "story_of",
    "verify_audit",
    "write_key",
]


def seals_of(audit: AuditSettings, environ: Mapping[str, str] | None = None) -> Seals:
    """Return the key by which rows and heads are sealed, and the keys whose seals count.

    Raises:
        StoreError: a key is none, or its file cannot be read.
    """
    secret = read_key(os.environ if environ is None else environ, audit.key_env, audit.key_file)
    return Seals(secret, audit.public_keys)


def write_key(path: Path) -> Seals:
    """Write a new secret key to a file that only its owner may read; return what it seals.

    Raises:
        StoreError: there is such a file already, or it cannot be written.
    """
    secret = make_key()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(f"{secret}\n")
    except OSError as error:
        raise StoreError(f"the key {path} cannot be written: {error.strerror}") from error
    return Seals(secret)


def verify_audit(
    store: StoreSettings,
    seals: Seals | None = None,
    progress: Callable[[float], None] = lambda share: None,
    witness: Path | None = None,
) -> Verified:
    """Walk the audit of a store and hold it against seals, exported heads and records.

    Args:
        store: which.
        seals: whose seals count.
        progress: told how much of it is done, from 0 to 1.
        witness: file with heads that were kept elsewhere, a line each as they were published.

    Raises:
        StoreError: the store cannot be read.
    """
    connection = read_only(store)
    try:
        # Before the heads are read: what a running plant writes meanwhile has its heads after that.
        rows_before = newest_head(connection).row
        heads = HeadFile.beside(store.url, store.audit_head).heads()
        if witness is not None:
            if not witness.exists():
                raise StoreError(f"the witness's heads {witness} are not there")
            heads = [*heads, *HeadFile(witness).heads()]
        return verify(connection, heads, progress, seals, rows_before)
    finally:
        connection.close()


class AuditCheck:
    """Looks once, in a thread of its own, whether the audit is whole; what it finds stays in health."""

    def __init__(self, store: StoreSettings, audit: AuditSettings) -> None:
        self._store = store
        self._audit = audit
        self.seals = Seals()
        """Of the audit, once it is started."""
        self.guards_restored = False
        """Whether the database had lost what keeps the audit append-only."""
        self.unsealed = 0
        """Rows that the audit had when it began to be sealed, if that was at this start."""
        self.witness_problems: Callable[[], tuple[str, ...]] = tuple
        """Return which witness could not be told of the newest head, and why."""
        self._broken = ""
        self._failure = ""
        self._thread: threading.Thread | None = None

    def start(self, seals: Seals) -> None:
        """Begin."""
        self.seals = seals
        self._thread = threading.Thread(target=self._run, name="audit-check", daemon=True)
        self._thread.start()

    def wait(self, within_s: float = 60.0) -> None:
        """Return once it has looked.

        Raises:
            TimeoutError: it is still looking.
        """
        if self._thread is not None:
            self._thread.join(within_s)
            if self._thread.is_alive():
                raise TimeoutError(f"the audit is still looked at after {within_s:g} s")

    def _run(self) -> None:
        try:
            self._broken = verify_audit(self._store, self.seals, witness=self._audit.witness_file).broken
        except Exception as error:  # noqa: BLE001 - whatever it is, the audit was not found to be whole
            self._failure = describe(error)
        if self._broken:
            structlog.get_logger("aegisflow").error("audit_broken", reason=self._broken)

    def reasons(self) -> tuple[str, ...]:
        """Return what turns health red."""
        return (f"the audit is BROKEN: {self._broken}",) if self._broken else ()

    def notes(self) -> tuple[str, ...]:
        """Return what people should know of the audit."""
        notes = []
        if self.guards_restored:
            notes.append("audit: the database had lost what keeps it append-only; that was made again at the start")
        if self._failure:
            notes.append(f"audit: it could not be verified: {self._failure}")
        if self.unsealed:
            notes.append(
                f"audit: it is sealed since this start alone, and nothing proves its first {self.unsealed:,} rows; if "
                "it was sealed before, somebody has taken the seals away"
            )
        if not self.seals.key_id:
            notes.append("audit: its rows are not sealed; aegisflow audit key FILE makes a key")
        notes += [f"audit: {problem}" for problem in self.witness_problems()]
        return (*notes, *heads_stay(self._store, self._audit))


def heads_stay(store: StoreSettings, audit: AuditSettings) -> tuple[str, ...]:
    """Return a warning where nobody keeps the heads of the audit but whoever can write to the store."""
    path, file = head_file(store), file_of(store.url)
    leave = audit.head_topic or audit.head_webhook_env or audit.head_syslog
    if leave or (path is not None and (file is None or path.parent != file.parent)):
        return ()
    return (
        "audit: its heads are kept only beside the store; set audit.head_topic, head_webhook_env or head_syslog, or "
        "store.audit_head",
    )


def export_command(store: StoreSettings, seals: Seals, command_id: str) -> str:
    """Return the proof of a command as text.

    Raises:
        StoreError: the store cannot be read, or there is no key to seal it with.
        UnknownNameError: there is no such command.
    """
    connection = read_only(store)
    try:
        return export_proof(connection, HeadFile.beside(store.url, store.audit_head).heads(), command_id, seals)
    finally:
        connection.close()


def check_file(path: Path, public_keys: Sequence[str]) -> Proved:
    """Return what a file proves by public keys alone.

    Raises:
        StoreError: it cannot be read, or a key is none.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the proof {path} cannot be read: {error.strerror}") from error
    return check_proof(text, Seals(trusted=public_keys))


def head_file(store: StoreSettings) -> Path | None:
    """Return where the heads of a store's audit are exported to; None if they are not exported at all."""
    return HeadFile.beside(store.url, store.audit_head).path


def story_of(store: StoreSettings, command_id: str) -> tuple[AuditEntry, ...]:
    """Return every row about a command, oldest first.

    Raises:
        StoreError: the store cannot be read.
        UnknownNameError: no row tells of such a command.
    """
    connection = read_only(store)
    try:
        found = story_in(connection, command_id)
        if found:
            return found
        rows = connection.run("SELECT command_id FROM commands ORDER BY proposed_at DESC LIMIT 10").fetchall()
        raise UnknownNameError("command", command_id, [row[0] for row in rows])
    finally:
        connection.close()


def story_in(connection: Connection, command_id: str) -> tuple[AuditEntry, ...]:
    """Return every row of a store about a command, oldest first; none for one that it does not know."""
    # Roughly by the text, which both databases can do, and then exactly: the id may stand in a reason, too.
    query = AuditRow.select().where(AuditRow.detail.contains(command_id)).order_by(AuditRow.id)
    entries = (audit_entry_of(row) for row in query.execute(connection.database))
    return tuple(entry for entry in entries if entry.detail.get("command_id") == command_id)


def read_only(store: StoreSettings) -> Connection:
    """Return a connection to a store that is there.

    Raises:
        StoreError: there is none.
    """
    file = file_of(store.url)
    if file is not None and not file.exists():
        # SQLite would make an empty one and find the audit whole.
        raise StoreError(f"there is no store {redacted(store.url)}; nothing was ever recorded there")
    return Connection(store.url, read_only=True)
