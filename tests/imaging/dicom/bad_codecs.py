"""Codecs as bad as they come: what a frame says is done to the process that decodes it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np

from imaging.dicom.codecs import decode_samples
from imaging.dicom.instance import PixelFormat, Stored

HERE = "tests.imaging.dicom.bad_codecs:"

_poisoned: list[str] = []


class Panic(BaseException):
    """What Rust's panics become: no `Exception`."""


def obey(data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored:
    """Do what the frame says; otherwise show in the first sample which process decoded it."""
    if _poisoned:
        crash("")
    deed, _, about = data.decode().partition(" ")
    shape = (pixel_format.rows, pixel_format.columns)
    if deed == "large":
        return np.zeros((*shape, 2), np.uint8)
    if deed == "secrets":
        return np.full(shape, "IMAGING_MASTER_KEY" in os.environ, np.uint8)
    if deed:
        _DEEDS[deed](about)
    samples = np.zeros(shape, np.uint32)
    samples[0, 0] = os.getpid()
    return samples


def die_of_noise(data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored:
    """Decode as the product does, but with a segmentation fault on a frame whose first sample is 666."""
    decoded = decode_samples(data, syntax, pixel_format)
    if decoded.flat[0] == 666:
        crash("")
    return decoded


def ask_for_ever() -> None:
    """Say which process decodes, in a program of its own that then waits for a frame that never comes."""
    from imaging.dicom.decoders import Decoders

    # Whoever runs in the background of a shell inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    decoders = Decoders(f"{HERE}obey")
    pixel_format = PixelFormat(2, 2, 1, 16, 16, 15, False, "MONOCHROME2", 0)
    sys.stdout.write(f"{decoders.decode(b'', '', pixel_format).flat[0]}\n")
    sys.stdout.flush()
    decoders.decode(f"hang {sys.argv[1]}".encode(), "", pixel_format)


def crash(_: str) -> NoReturn:
    ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def leave(_: str) -> NoReturn:
    os._exit(0)


def panic(_: str) -> NoReturn:
    raise Panic


def spin(_: str) -> NoReturn:
    while True:
        pass


def hang(begun: str) -> None:
    """Hold the interpreter for ever, so that no thread beside it can do anything."""
    if begun:
        Path(begun).touch()
    ctypes.PyDLL(None).pause()


def fill(_: str) -> NoReturn:
    kept = []
    while True:
        kept.append(bytearray(2**24))


def poison(what: str) -> None:
    _poisoned.append(what)


def talk(_: str) -> None:
    for stream in (1, 2):
        os.write(stream, b"PHANTOM^ALPHA")


_DEEDS: dict[str, Callable[[str], None]] = {
    deed.__name__: deed for deed in (crash, leave, panic, spin, hang, fill, poison, talk)
}
