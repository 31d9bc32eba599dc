"""One plug-in: its name, its version, and the contents of its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """The files of a module, or of the package that it belongs to.

    Args:
        file: of the module.
    """

    file: Path

    @property
    def packages(self) -> list[Path]:
        """Folders of the packages around the module, the outermost first; none for a module by itself."""
        found: list[Path] = []
        folder = self.file.parent
        while (folder / "__init__.py").is_file():
            found.insert(0, folder)
            folder = folder.parent
        return found

    @property
    def module(self) -> str:
        """Dotted name that the module is imported by."""
        own = [] if self.file.name == "__init__.py" else [self.file.stem]
        return ".".join([*(folder.name for folder in self.packages), *own])

    @property
    def base(self) -> Path:
        """Folder that the module is imported from."""
        return self.packages[0].parent if self.packages else self.file.parent

    def files(self) -> list[Path]:
        """The file of a module by itself; of a package all its Python files."""
        return sorted(self.packages[0].rglob("*.py")) if self.packages else [self.file]

    def sha256(self) -> str:
        """SHA-256 of a single file; of a package that of the names and contents of all its Python files."""
        if not self.packages:
            return hashlib.sha256(self.file.read_bytes()).hexdigest()
        digest = hashlib.sha256()
        for path in self.files():
            name = path.relative_to(self.packages[0]).as_posix()
            digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was loaded.

    Args:
        name: of its module.
        version: of the package that it came with, or ``__version__`` of the module; "" without one.
        sha256: of its sources as they were loaded: of its file, or of all Python files of its package.
        file: of its module.
        registered: what it registered, such as ``model my_network``.
    """

    name: str
    version: str
    sha256: str
    file: Path
    registered: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders of the module and of the packages around it, the nearest first."""
        return tuple(dict.fromkeys([self.file.parent, *reversed(Sources(self.file).packages)]))

    def plain(self) -> dict[str, str]:
        """What a record says of it: no folder of anybody's machine."""
        version = {"version": self.version} if self.version else {}
        return {"name": self.name, **version, "sha256": self.sha256}
