"""How much one upload may ask for before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

RATIO_FREE_BYTES = 64 * 2**20
"""What unpacks to no more than this may be packed as tightly as it likes."""


@dataclass(frozen=True)
class Limits:
    """Bounds that no honest upload meets; each is checked before the memory or disk is spent."""

    files: int = 500_000
    """Files and archive members together."""

    archive_bytes: int = 200 * 2**30
    """Unpacked size of one archive."""

    archive_ratio: float = 200.0
    """Unpacked size over packed size of one archive, above `RATIO_FREE_BYTES`."""

    folder_depth: int = 64
    """Folders inside folders."""

    header_bytes: int = 64 * 2**20
    """Header of one file, pixels apart."""

    items: int = 300_000
    """Items of sequences, and fragments of compressed pixels; each takes 50 µs and a kilobyte to read."""

    inflated_bytes: int = 2**30
    """A deflated data set after inflation, which needs memory of that size."""

    inflated_ratio: int = 200
    """Inflated size over deflated size, above `RATIO_FREE_BYTES`."""

    frame_pixels: int = 2**28
    """Rows × columns × samples of one frame."""

    frames: int = 2**17
    """Frames of one file."""

    volume_bytes: int = 64 * 2**30
    """Voxels of one volume that is no DICOM, unpacked."""

    volume_free_bytes: int = 2**30
    """What a packed volume may unpack to however tightly it is packed: a mask is almost empty. Above it,
    `archive_ratio` holds."""

    @classmethod
    def of_volume(cls, *, chosen: bool) -> Limits:
        """Give those of a volume; one that a person at the command line named may be packed however tightly."""
        return cls(volume_free_bytes=cls.volume_bytes) if chosen else cls()


@dataclass(frozen=True)
class DecodeLimits:
    """What one compressed frame may take in its process, by the bytes that it decodes to.

    Codecs need up to 13 times the frame (measured: sub-sampled JPEG in colour) and decode 14 MB/s at least (JPEG 2000).
    """

    seconds: float = 30.0
    """Processor time, besides a second for every `bytes_per_second` of the decoded frame."""

    bytes_per_second: int = 2**20

    elapsed: int = 4
    """Times the processor time that may pass: a loaded machine is slow, and a codec that waits for ever uses none."""

    memory_bytes: int = 256 * 2**20
    """Address space, besides `memory_ratio` times the decoded frame."""

    memory_ratio: int = 16

    idle_seconds: float = 60.0
    """A process that has had nothing to do for so long ends."""
