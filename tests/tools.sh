#!/bin/sh
# Install the programs that some tests need, where apt may; otherwise name the tests that will be left out.
set -u

missing() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1 || echo "$2"
}
wanted="$(missing chromium chromium) $(missing dcmdump dcmtk) $(missing dciodvfy dicom3tools) $(missing initdb postgresql)"
wanted="$(echo $wanted)"
[ -z "$wanted" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
fi
if command -v apt-get >/dev/null 2>&1 && [ "$as_root" != none ]; then
    echo "Installing for the tests: $wanted"
    export DEBIAN_FRONTEND=noninteractive
    # A stale package list on the machine must not stop the run: what stays missing is named by the skipped tests.
    $as_root apt-get -qq update >/dev/null 2>&1
    $as_root apt-get -qq install -y --no-install-recommends $wanted >/dev/null 2>&1 && exit 0
    echo "apt could not install them all."
fi
echo "Left out, each test says so: those that need $wanted"
exit 0
