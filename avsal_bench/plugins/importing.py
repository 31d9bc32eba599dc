"""Importing plug-ins: those that were asked for, and those of installed packages; each once in a process."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

from avsal_bench.plugins.entries import Entry, entered, take_back
from avsal_bench.plugins.plugin import Plugin, Sources

#: Names of modules and paths of files, separated by commas. Processes that a command starts inherit it.
PLUGINS = "AVSAL_PLUGINS"
#: Entry points of installed packages: ``avsal_bench.plugins``, the name of this package.
GROUP = __name__.rpartition(".")[0]

_PACKAGE = Path(__file__).parents[1]
#: Plug-ins by the file of their module.
_loaded: dict[Path, Plugin] = {}
#: Modules that are being imported at this moment.
_under_way: list[str] = []
_looked_at_packages = False
# Two threads may look up names at once; one of them loads.
_lock = threading.RLock()


def load_plugins() -> tuple[Plugin, ...]:
    """Load what ``AVSAL_PLUGINS`` names and what installed packages offer; a second call loads nothing again.

    A package's plug-in that fails is told on stderr and left out, as nobody asked for it.

    Raises:
        ValueError, FileNotFoundError: for one of ``AVSAL_PLUGINS`` that fails or is not there.
    """
    with _lock:
        if not _under_way:  # a plug-in may look up a name while it is imported
            _load_asked()
            _load_packages()
        return tuple(_loaded.values())


def use_plugins(words: Iterable[str] = ()) -> tuple[Plugin, ...]:
    """Load plug-ins, and put them into ``AVSAL_PLUGINS`` for all processes that this one starts.

    Args:
        words: names of modules, or paths of Python files or of folders of packages.

    Returns:
        All that are loaded.

    Raises:
        ValueError, FileNotFoundError: for one that fails or is not there; the environment stays as it was.
    """
    before = os.environ.get(PLUGINS)
    with _lock:
        try:
            for word in words:
                if not word.strip():
                    raise ValueError(f"plug-in {word!r}: name a module or a file; is a variable of your shell empty?")
                if "," in word:
                    raise ValueError(f"plug-in {word}: a comma separates plug-ins in {PLUGINS}; rename the file")
                os.environ[PLUGINS] = ",".join(filter(None, [os.environ.get(PLUGINS), word]))
            _load_asked()
        except Exception:
            if before is not None:
                os.environ[PLUGINS] = before
            else:
                os.environ.pop(PLUGINS, None)
            raise
        return tuple(_loaded.values())


def typed_for_record(words: Sequence[str]) -> list[str]:
    """Words of a command as a record shows them: all plug-ins that were asked for, and no folder of their files."""
    shown, named = [], set()
    for before, word in zip(["", *words], words, strict=False):
        option, sign, value = word.partition("=")
        if before == "--plugin":
            word = Path(word).name
            named.add(word)
        elif option == "--plugin" and sign:
            word = f"--plugin={Path(value).name}"
            named.add(Path(value).name)
        shown.append(word)
    asked = dict.fromkeys(Path(word).name for word in os.environ.get(PLUGINS, "").split(",") if word.strip())
    return [*shown, *(word for name in asked if name not in named for word in ("--plugin", name))]


def _load_asked() -> None:
    """Load what the environment names, and make its paths absolute: a job may run in another folder."""
    words = [word.strip() for word in os.environ.get(PLUGINS, "").split(",")]
    absolute = [str(Path(word).expanduser().absolute()) if _is_path(word) else word for word in filter(None, words)]
    if not absolute:
        return
    os.environ[PLUGINS] = ",".join(dict.fromkeys(absolute))
    for word in absolute:
        _load_file(Path(word)) if _is_path(word) else _load_module(word)


def _is_path(word: str) -> bool:
    return word.endswith(".py") or "/" in word or os.sep in word


def _load_packages() -> None:
    """Load the entry points of installed packages; once, as none is installed meanwhile."""
    global _looked_at_packages
    if _looked_at_packages:
        return
    _looked_at_packages = True
    from importlib.metadata import entry_points  # takes a while

    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            _load_module(point.module, point.dist.version if point.dist else "")
        except (ValueError, OSError) as error:
            owner = f"package {point.dist.name}" if point.dist else f"entry point {point.name}"
            print(f"note: {error}; {owner} brought it, and it is left out", file=sys.stderr, flush=True)


def _load_file(path: Path) -> None:
    file = path / "__init__.py" if path.is_dir() else path
    if not path.exists():
        raise FileNotFoundError(f"plug-in {path}: no such file; see --plugin and {PLUGINS}")
    if not file.is_file():
        raise ValueError(f"plug-in {path}: a folder without __init__.py, which is no package; name a file in it")
    if file.suffix != ".py":
        raise ValueError(f"plug-in {path}: a file of Python ends in .py; rename it")
    sources = Sources(file)
    if strange := [part for part in sources.module.split(".") if not part.isidentifier()]:
        raise ValueError(f"plug-in {path}: {strange[0]!r} is no name that Python can import; rename it")
    # Behind all others, so that a file here stands in for no module of anybody. Reading processes get this path too.
    if str(sources.base) not in sys.path:
        sys.path.append(str(sources.base))
    importlib.invalidate_caches()
    found = _origin(sources.module, str(path))
    if found is None or found.resolve() != file.resolve():
        raise ValueError(
            f"plug-in {path}: another module is called {sources.module!r} ({found or 'built in'}); rename the file"
        )
    _load(sources.module, found)


def _load_module(name: str, version: str = "") -> None:
    file = _origin(name, name)
    if file is None:
        below = name.replace(".", "/")
        here = next((place for place in (f"{below}.py", below, name) if Path(place).exists()), None)
        hint = f"; a file is named by its path, ./{here}" if here else "; install it, or name its file"
        raise ValueError(f"plug-in {name}: there is no such module{hint}")
    _load(name, file, version)


def _origin(name: str, said: str) -> Path | None:
    """File of a module that is not imported yet, or is; None for one that is not there or has none."""
    try:
        with _bounded():
            spec = importlib.util.find_spec(name)  # which imports the packages around it
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return None
        raise _failed(said, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(said, error) from error
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _load(name: str, file: Path, version: str = "") -> None:
    """Import a module as a plug-in, unless it is one already. What it registers before it fails is taken back."""
    key = file.resolve()
    if key in _loaded:
        return
    sources = Sources(file.absolute())
    sha256 = sources.sha256()  # of what runs, whoever writes to the file later
    known = name in sys.modules
    before = entered()
    _under_way.append(name)
    try:
        with _bounded():
            module = importlib.import_module(name)
    except BaseException as error:
        take_back(_new_since(before))
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _failed(str(file), error, sources.files()) from error
    finally:
        _under_way.remove(name)
    own = {str(path) for path in sources.files()}
    registered = dict.fromkeys([*_new_since(before), *(entry for entry in entered() if entry.file in own)])
    if not registered and not known:
        print(f"note: plug-in {file} registers nothing", file=sys.stderr, flush=True)
    registered_names = tuple(f"{entry.what} {entry.name}" for entry in registered)
    _loaded[key] = Plugin(name, version or _version(module), sha256, file.absolute(), registered_names)


@contextmanager
def _bounded() -> Iterator[None]:
    """What a module prints while it is imported goes to stderr: stdout is for what was asked for.

    And the working folder stays what it is, as relative paths of the command start there.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:  # somebody removed it
        here = ""
    with redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            if here:
                os.chdir(here)


def _new_since(before: Sequence[Entry]) -> list[Entry]:
    """What was registered since, but for what files of the package registered as a plug-in imported them."""
    return [entry for entry in entered() if entry not in before and _PACKAGE not in Path(entry.file).parents]


def _version(module: ModuleType) -> str:
    top = sys.modules.get(module.__name__.partition(".")[0])
    for owner in (module, top):
        if isinstance(said := getattr(owner, "__version__", None), str):
            return said[:60]
    return ""


def _failed(said: str, error: BaseException, files: Sequence[Path] = ()) -> ValueError:
    """The error of a plug-in that fails: the line of its own files where the fault shows, and what is wrong."""
    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}".rstrip(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return ValueError(f"plug-in {error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    frames = [f for f in frames if f.filename not in (__file__, importlib.__file__, importlib.util.__file__)]
    own = {str(path) for path in files or (Sources(Path(frames[0].filename)).files() if frames else ())}
    lines = [f"{f.filename}:{f.lineno}" for f in frames if f.filename in own]
    return ValueError(f"plug-in {lines[-1] if lines else said}: {reason}")
