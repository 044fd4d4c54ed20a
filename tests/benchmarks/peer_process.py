"""Runs one tool in the Python that has it: `python peer_process.py TOOL [SOURCE TARGET]`.

SOURCE holds one folder per probe with one file in it; what the tool writes lies in the folder of the same name below
TARGET. Without folders the tool's version is told. Nothing but the standard library and the tool itself is imported,
for that Python has nothing of the project.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

Tool = Callable[[Path, Path], object]


def control() -> Tool:
    pydicom: Any = import_module("pydicom")
    return lambda source, target: pydicom.dcmwrite(target / source.name, pydicom.dcmread(source))


def ours(profile: str) -> Tool:
    batch: Any = import_module("imaging.dicom.batch")
    copying: Any = import_module("imaging.dicom.copying")
    profiles: Any = import_module("imaging.dicom.profile")
    order = copying.Order(b"a" * 32, profiles.Profile.built_in(profile), 1)
    return lambda source, target: batch.pseudonymise_folder(source.parent, target, order, lambda _: None)


def dicom_anonymizer() -> Tool:
    tool: Any = import_module("dicomanonymizer")
    newest = partial(tool.initialize_actions, "dicomfields_2026c")
    return lambda source, target: tool.anonymize_dicom_file(
        str(source), str(target / source.name), base_rules_gen=newest
    )


def dicognito() -> Tool:
    tool: Any = import_module("dicognito.__main__")
    return lambda source, target: tool.main([str(source), "--output-directory", str(target), "--quiet"])


def deid() -> Tool:
    headers: Any = import_module("deid.dicom")

    def clean(source: Path, target: Path) -> None:
        found = headers.get_identifiers([str(source)])
        headers.replace_identifiers([str(source)], ids=found, save=True, output_folder=str(target))

    return clean


def idiscore() -> Tool:
    pydicom: Any = import_module("pydicom")
    core: Any = import_module("idiscore.defaults").create_default_core()
    return lambda source, target: core.deidentify(pydicom.dcmread(source)).save_as(target / source.name)


TOOLS: dict[str, tuple[str, Callable[[], Tool]]] = {
    "control": ("pydicom", control),
    "research": ("imaging-workspace", partial(ours, "research")),
    "basic": ("imaging-workspace", partial(ours, "basic")),
    "dicom-anonymizer": ("dicom_anonymizer", dicom_anonymizer),
    "dicognito": ("dicognito", dicognito),
    "deid": ("deid", deid),
    "idiscore": ("idiscore", idiscore),
}
"""The distribution that has the version, and what makes the tool ready for many files."""


def main(name: str, *folders: str) -> None:
    distribution, make = TOOLS[name]
    tool = make()
    if not folders:
        sys.stdout.write(version(distribution))
        return
    source, target = map(Path, folders)
    for place in sorted(source.iterdir()):
        written = target / place.name
        written.mkdir(parents=True)
        # What a tool refuses it does not write; that is counted afterwards.
        with suppress(Exception, SystemExit):
            tool(next(place.iterdir()), written)


if __name__ == "__main__":
    main(*sys.argv[1:])
