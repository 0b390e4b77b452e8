"""Build what a deployment uploads, without Docker: two layers and five functions.

The layers come from the same makefile targets that ``sam build`` runs; a function is its folder.
Everything lands in ``.build/<arch>/``, and what has not changed is not built again::

    python -m local.build arm64
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ("arm64", "x86_64")
LAYERS: Mapping[str, Path] = {
    "DependenciesLayer": Path("layers/dependencies"),
    "PineconeBackupLayer": Path("layers/pinecone_backup"),
}
"""The logical id in ``template.yaml`` of each layer, and its folder."""
FUNCTIONS: Mapping[str, Path] = {
    f"{name.title().replace('_', '')}Function": Path("functions") / name
    for name in ("create", "prune", "audit", "restore_test", "notify", "api")
}
"""The logical id in ``template.yaml`` of each function, and its folder."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One built layer or function.

    Attributes:
        folder: What Lambda would unpack: a layer's goes to ``/opt``, a function's to its task root.
        archive: The same as a zip file, byte for byte reproducible.
        digest: SHA-256 of what it was built from, in hexadecimal.
    """

    name: str
    folder: Path
    archive: Path
    digest: str


def host_architecture() -> str:
    """The architecture of this machine, as Lambda calls it."""
    machine = platform.machine().lower()
    return "arm64" if machine in {"arm64", "aarch64"} else "x86_64"


def build(arch: str, *, root: Path = ROOT, functions: Path | None = None) -> Mapping[str, Artifact]:
    """Build every layer and function for ``arch``, unless that has been done already.

    Args:
        arch: ``arm64`` or ``x86_64``.
        root: The checkout.
        functions: Where the functions' folders are, when not in ``root``.

    Returns:
        The artifacts by their logical id in ``template.yaml``.

    Raises:
        ValueError: For another architecture.
        subprocess.CalledProcessError: When a makefile target fails; its output has said why.
    """
    if arch not in ARCHITECTURES:
        raise ValueError(f"The architecture must be one of {', '.join(ARCHITECTURES)}, not {arch}")
    if sys.version_info[:2] != (3, 13):
        raise RuntimeError("The layers carry .pyc files of Python 3.13: build them with that one")
    target = root / ".build" / arch
    target.mkdir(parents=True, exist_ok=True)
    with _alone(target / "lock"):
        layers = {
            name: _layer(name, root / folder, arch, target) for name, folder in LAYERS.items()
        }
        functions_at = functions or root / "functions"
        return layers | {
            name: _function(name, functions_at / folder.name, target)
            for name, folder in FUNCTIONS.items()
        }


def _layer(name: str, source: Path, arch: str, target: Path) -> Artifact:
    digest = _digest([*_files(source)], source, salt=f"{arch} {sys.version}")

    def make(folder: Path) -> None:
        environment = os.environ | {
            "ARTIFACTS_DIR": str(folder),
            "ARCH": arch,
            "PYTHON": sys.executable,
            "UV": _uv(source.parent.parent),
        }
        # A make above this one must not hand its flags and its job server down.
        for inherited in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            environment.pop(inherited, None)
        command = ["make", "--no-print-directory", "--silent", "-C", str(source), f"build-{name}"]
        subprocess.run(command, check=True, env=environment)

    return _made(name, digest, target, make)


def _function(name: str, source: Path, target: Path) -> Artifact:
    def make(folder: Path) -> None:
        for file in _files(source):
            copy = folder / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)

    return _made(name, _digest(_files(source), source, salt=name), target, make)


def _made(name: str, digest: str, target: Path, make: Callable[[Path], None]) -> Artifact:
    """Run ``make`` on an empty folder, unless the last result had the same digest."""
    artifact = Artifact(name, target / name, target / f"{name}.zip", digest)
    stamp = target / f"{name}.sha256"
    if stamp.exists() and stamp.read_text() == digest and artifact.archive.exists():
        return artifact
    stamp.unlink(missing_ok=True)
    shutil.rmtree(artifact.folder, ignore_errors=True)
    artifact.folder.mkdir()
    make(artifact.folder)
    _zip(artifact.folder, artifact.archive)
    stamp.write_text(digest)
    return artifact


def _zip(folder: Path, archive: Path) -> None:
    """Zip with fixed times and an order of names, so that equal content is an equal archive."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o755 << 16 if os.access(file, os.X_OK) else 0o644 << 16
            zipped.writestr(entry, file.read_bytes())


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )


def _digest(files: Iterable[Path], base: Path, *, salt: str) -> str:
    total = hashlib.sha256(salt.encode())
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(base).as_posix()}\0{content}\0".encode())
    return total.hexdigest()


def _uv(root: Path) -> str:
    """Uv as ``make setup`` installs it, else from the PATH."""
    installed = root / ".venv-uv" / "bin" / "uv"
    found = str(installed) if installed.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeError("The layers are installed with uv, which is not here: run `make setup`")
    return found


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time build into a folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Build for the architectures given, or for this machine's."""
    parser = argparse.ArgumentParser(description="Build the layers and functions without Docker.")
    parser.add_argument("arch", nargs="*", choices=ARCHITECTURES)
    for arch in parser.parse_args().arch or [host_architecture()]:
        for artifact in build(arch).values():
            size = artifact.archive.stat().st_size
            print(f"{arch:7}  {size / 1_000_000:6.2f} MB  {artifact.archive.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
