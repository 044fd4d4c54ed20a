"""`make demo`: the whole path on a folder of DICOM, by the same commands a user types."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from pydantic import JsonValue

Answer = dict[str, JsonValue]

CONFIG = """\
# The demo's training: small enough for a machine without a GPU.
seed = 7
"""


EXISTS = 3
"""Exit code of `imaging init` where there is a workspace already."""


class CommandFailedError(Exception):
    """A command of the demo ended with another code than 0."""

    def __init__(self, code: int) -> None:
        super().__init__(f"a command ended with {code}")
        self.code = code


class Demo:
    """Runs `imaging` commands over one workspace and says on stderr what it does."""

    def __init__(self, workspace: Path, says: TextIO) -> None:
        self._workspace = workspace
        self._says = says

    def say(self, text: str) -> None:
        """Tell the person at the terminal."""
        print(text, file=self._says, flush=True)

    def imaging(self, *arguments: str, quiet: bool = False) -> Answer:
        """Run one command to its end and read its JSON answer; its progress bar shows on the terminal."""
        self.say("$ imaging " + " ".join(arguments))
        command = [sys.executable, "-m", "imaging", *arguments, "--json", "--workspace", str(self._workspace)]
        errors = subprocess.DEVNULL if quiet else None
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
        if done.returncode != 0:
            raise CommandFailedError(done.returncode)
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else {"items": answer}

    def sign_in_details(self) -> Answer:
        """Make the workspace, or give its first operator a new password when it is there already."""
        try:
            admin = self.imaging("init", quiet=True)["admin"]
        except CommandFailedError as error:
            if error.code != EXISTS:
                raise
            return self.imaging("user", "password", "admin")
        assert isinstance(admin, dict)
        return admin

    def new_project(self) -> str:
        """Make a project of its own for this run, so that the demo may be repeated."""
        taken = self.imaging("project", "list")["items"]
        assert isinstance(taken, list)
        names = {entry["name"] for entry in taken if isinstance(entry, dict)}
        name = next(name for name in ("demo", *(f"demo-{n}" for n in range(2, 10_000))) if name not in names)
        self.imaging("project", "create", name)
        return name

    def serve(self, port: int) -> int:
        """Serve until the person stops it."""
        command = ["serve", "--port", str(port), "--workspace", str(self._workspace)]
        # The JSON document stays the last line on stdout.
        process = subprocess.Popen([sys.executable, "-m", "imaging", *command], stdout=self._says)
        # Whoever stops the demo alone, by a signal, stops what it started too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _images_of(report: Answer) -> list[Answer]:
    images = report["images"]
    assert isinstance(images, list)
    return [image for image in images if isinstance(image, dict)]


def _image_from(images: Sequence[Answer], folder: str) -> str | None:
    for image in images:
        inputs = image["inputs"]
        assert isinstance(inputs, list)
        if any(folder in Path(str(name)).parts for name in inputs):
            return str(image["id"])
    return None


def _learn(demo: Demo, project: str, dicom: Path, images: Sequence[Answer], workspace: Path) -> Answer:
    """Import the masks that the sample's manifest names, train on them and predict."""
    manifest = json.loads((dicom / "manifest.json").read_text())
    terms = [f"--term={value}={name}" for name, value in manifest["terms"].items()]
    segmented: list[JsonValue] = []
    learned_from: list[str] = []
    for study in manifest["studies"]:
        image = _image_from(images, Path(study["images"]).name)
        if image is None or "labels" not in study:
            continue
        labels = str(dicom / study["labels"])
        options = ["--format", "dicom-series", *terms, "--layer", "reference", "--reviewed"]
        counts = demo.imaging("annotations", "import", project, "--image", image, labels, *options)
        segmented.append({"image": int(image), "counts": counts})
        learned_from.append(image)
    config = workspace / "demo.toml"
    config.write_text(CONFIG)
    model = demo.imaging("train", project, "--task", "segmentation", "--config", str(config))
    predictions = demo.imaging("predict", project, str(model["model"]), *learned_from)
    return {"segmentations": segmented, "model": model, "predictions": predictions}


def run(dicom: Path, workspace: Path, port: int, *, serve: bool) -> int:
    """Do the main job; the last line on stdout is one JSON document."""
    started = time.monotonic()
    demo = Demo(workspace, sys.stderr)
    admin = demo.sign_in_details()
    project = demo.new_project()
    sample = (dicom / "manifest.json").is_file()
    report = demo.imaging("ingest", project, str(dicom / "images" if sample else dicom))
    images = _images_of(report)
    made: Answer = {"segmentations": [], "model": None, "predictions": None}
    if sample:
        made = _learn(demo, project, dicom, images, workspace)
    else:
        demo.say("No manifest.json names masks here, so there is nothing to learn from yet.")
    url = f"http://127.0.0.1:{port}"
    summary: Answer = {
        "workspace": str(workspace),
        "project": project,
        "files": report["files"],
        "images": [{key: image[key] for key in ("id", "modality", "axes", "shape", "spacing_mm")} for image in images],
        **made,
        "seconds": round(time.monotonic() - started, 1),
        "url": url,
        "username": admin["username"],
        "password": admin["password"],
    }
    demo.say(f"\nSign in at {url} as {admin['username']} with the password {admin['password']}")
    print(json.dumps(summary), flush=True)  # noqa: T201 - the answer
    return demo.serve(port) if serve else 0


def main() -> int:
    """Read the demo's own options."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--dicom", type=Path, default=Path("sample_dicom"))
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-serve", action="store_true")
    options = parser.parse_args()
    if not options.dicom.is_dir():
        sys.stderr.write("demo: the DICOM folder does not exist\n")
        return 2
    try:
        return run(options.dicom, options.workspace.absolute(), options.port, serve=not options.no_serve)
    except CommandFailedError as error:
        return error.code


if __name__ == "__main__":
    sys.exit(main())
