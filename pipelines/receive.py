"""Takes in images over the DICOM network (PS3.4 annex B): each association becomes one upload with its ingest job.

What was answered with success lies encrypted and fsynced in quarantine. The job begins when the sender releases the
association; one that breaks off leaves a stopped upload, which a person resumes or discards: half a series would be
published as if it were whole, and its rest come late.
"""

from __future__ import annotations

import logging
import socket
import ssl
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at run time
from pynetdicom.transport import ThreadedAssociationServer

from imaging.dicom.quiet import silence_pydicom
from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork
from imaging.errors import ImagingError, InvalidInputError
from imaging.project.project import Project

log = logging.getLogger(__name__)

SOURCE = "c-store"
_TAKEN, _NO_ROOM, _FAILED = 0x0000, 0xA700, 0x0110
"""Status of a C-STORE (PS3.4 table B.2-1, PS3.7 annex C)."""
_UNKNOWN_TITLE = (0x01, 0x01, 0x07)
"""Rejected for good, by the user of the service, called AE title not recognised (PS3.8 table 9-21)."""
_PDU_BYTES = 1 << 17
"""Largest that DCMTK sends; the default of 16 kB costs eight times the turns."""
_ASSOCIATIONS = 32
_IDLE_SECONDS, _STOP_SECONDS = 60, 15


@dataclass(frozen=True)
class Door:
    """Who may come in, and where it leads.

    Attributes
    ----------
    titles
        Project by called AE title.
    callers
        Calling AE titles that are let in; all where none is named. A title is a name, no proof of who calls.
    tls
        Encrypts, and proves who calls where it asks for certificates.
    """

    titles: Mapping[str, Project]
    callers: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None


class LazyTls(ssl.SSLContext):
    """Shakes hands when the first bytes are read: while one caller is silent, others are let in."""

    def wrap_socket(self, sock: socket.socket, server_side: bool = True, *_: object, **__: object) -> ssl.SSLSocket:
        """Wrap a caller's socket without waiting for the caller."""
        return super().wrap_socket(sock, server_side, do_handshake_on_connect=False)


@dataclass
class _Arrival:
    """The upload of one association, opened with its first file."""

    project: Project
    upload: UploadKey
    held: ExitStack
    files: int = 0


@dataclass
class Receiver:
    """A storage SCP; files that are on their way lie in the folder that `tempfile` names."""

    door: Door
    _arrivals: weakref.WeakKeyDictionary[Association, _Arrival] = field(default_factory=weakref.WeakKeyDictionary)
    _server: ThreadedAssociationServer = field(init=False)

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port.

        Raises
        ------
        InvalidInputError
            The address is not ours, or in use.
        """
        handlers: list[evt.EventHandlerType] = [
            (evt.EVT_CONN_OPEN, _hurry),
            (evt.EVT_REQUESTED, self._check_title),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_RELEASED, self._submit),
            (evt.EVT_ABORTED, self._stop_short),
        ]
        try:
            server = _make_entity(self.door.callers).start_server(
                (host.strip("[]"), port), block=False, ssl_context=self.door.tls, evt_handlers=handlers
            )
        except OSError as error:
            raise InvalidInputError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
        assert server is not None
        self._server = server
        return int(server.server_address[1])

    def stop(self) -> None:
        """Let nobody in any more, give who is sending some time to end, then break off."""
        self._server.shutdown()
        for association in self._server.active_associations:
            association.join(_STOP_SECONDS)
            if association.is_alive():
                association.abort()

    def _check_title(self, event: evt.Event) -> None:
        if self._find_project(event.assoc) is None:
            log.warning("an association was rejected: its called AE title leads to no project")
            event.assoc.acse.send_reject(*_UNKNOWN_TITLE)
            event.assoc.kill()

    def _find_project(self, association: Association) -> Project | None:
        asked = association.requestor.primitive
        return None if asked is None else self.door.titles.get(asked.called_ae_title.strip())

    def _store(self, event: evt.Event) -> int:
        try:
            arrival = self._arrivals.get(event.assoc) or self._open(event.assoc)
            with Path(event.dataset_path).open("rb") as stream:
                # By its number: an instance UID names a person's examination.
                arrival.project.uploads.add(arrival.upload, f"{arrival.files + 1:06d}.dcm", stream)
            arrival.files += 1
        except (ImagingError, OSError) as error:
            log.warning("a file was not taken: %s", error if isinstance(error, ImagingError) else error.strerror)
            return _NO_ROOM
        except Exception as error:
            log.error("a file was not taken: unexpected %s", type(error).__name__)
            return _FAILED
        return _TAKEN

    def _open(self, association: Association) -> _Arrival:
        project = self._find_project(association)
        assert project is not None, "checked when it was asked for"
        upload, held = project.uploads.create(SOURCE), ExitStack()
        held.enter_context(project.uploads.arriving(upload))
        arrival = _Arrival(project, upload, held)
        self._arrivals[association] = arrival
        return arrival

    def _submit(self, event: evt.Event) -> None:
        arrival = self._arrivals.pop(event.assoc, None)
        if arrival is None:
            return
        arrival.held.close()
        if not arrival.files:
            arrival.project.uploads.finish(arrival.upload)
            return
        try:
            job = arrival.project.jobs.submit(IngestWork(upload=arrival.upload))
        except ImagingError as error:
            log.warning("upload %d of %d files stopped: %s", arrival.upload, arrival.files, error)
        else:
            log.info("upload %d of %d files is to be ingested", arrival.upload, arrival.files, extra={"job": job.id})

    def _stop_short(self, event: evt.Event) -> None:
        arrival = self._arrivals.pop(event.assoc, None)
        if arrival is not None:
            arrival.held.close()
            log.warning("upload %d broke off after %d files", arrival.upload, arrival.files)


def _make_entity(callers: Sequence[str]) -> AE:
    silence_pydicom()
    # It is for debugging, and draws up every message.
    _config.LOG_HANDLER_LEVEL = "none"
    # Objects of private and future classes are held with their reason, not turned away.
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    # An object may be larger than memory.
    _config.STORE_RECV_CHUNKED_DATASET = True
    entity = AE()
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax or "", ALL_TRANSFER_SYNTAXES)
    entity.add_supported_context(Verification)
    entity.require_calling_aet = list(callers)
    entity.maximum_pdu_size = _PDU_BYTES
    entity.maximum_associations = _ASSOCIATIONS
    entity.network_timeout = _IDLE_SECONDS
    return entity


def _hurry(event: evt.Event) -> None:
    """Acknowledge and answer at once: senders that write in two steps would wait 40 ms for each file (RFC 896)."""
    arrived = event.assoc.dul.socket
    if arrived is None or arrived.socket is None:
        return
    arrived.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_QUICKACK"):
        arrived.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
