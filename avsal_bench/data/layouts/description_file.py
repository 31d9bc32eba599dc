"""Reading a ``dataset.yaml``: one data set, or several under ``sets``; what is wrong is said with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from avsal_bench.data.dataset import SIX, registered_datasets
from avsal_bench.data.layouts.description import LAYOUTS, Description, FilePatterns, SetForm, Split
from avsal_bench.data.layouts.patterns import ANY, PICTURE_SUFFIXES, PICTURES, Pattern, check_pattern
from avsal_bench.data.places import VIDEO_SUFFIXES
from avsal_bench.names import plain_name, safe_name, shortened, unknown
from avsal_bench.schema import build_by
from avsal_bench.strays import same_name
from avsal_bench.yaml_files import Lines, read_yaml


class _Wrong(ValueError):
    """What is wrong with the value of a key."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def read_descriptions(path: Path) -> dict[str, Description]:
    """The sets of a ``dataset.yaml`` by their names.

    Args:
        path: of the file; what the patterns of layouts are looked for in is its folder.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: naming file and line of what is not YAML, unknown, missing, of another type, out of its range, or
            does not fit together.
    """
    lines: Lines = {}
    plain = read_yaml(path, lines)
    if not isinstance(plain, dict) or not plain:
        raise ValueError(f"{path}: expected a mapping with the keys {', '.join(f.name for f in fields(SetForm))}")
    if "sets" not in plain:
        one = _read(path, plain, (), lines)
        return {one.form.name: one}
    if len(plain) > 1 or not isinstance(plain["sets"], list) or not plain["sets"]:
        raise ValueError(f"{path}:{lines['sets',]}: expected 'sets' alone, a list of one mapping a set")
    found: dict[str, Description] = {}
    for number, each in enumerate(plain["sets"]):
        one = _read(path, each, ("sets", number), lines)
        own = {one.form.name.lower(), one.folder.lower()}
        for other in found.values():
            if shared := own & {other.form.name.lower(), other.folder.lower()}:
                raise ValueError(f"{one.at('name')}: two sets have the name or folder {shared.pop()!r}; rename one")
        found[one.form.name] = one
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file of one set, for editors."""
    made = TypeAdapter(SetForm).json_schema()
    for key, number in {
        "fps": {"type": "number", "exclusiveMinimum": 0},
        "first": {"type": "integer", "minimum": 0},
    }.items():  # which may be one number for all
        made["properties"][key] = {"anyOf": [number, {"type": "object", "additionalProperties": number}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "dataset.yaml"}


def _read(path: Path, plain: object, place: tuple[str | int, ...], lines: Lines) -> Description:
    """One set, whose values stand at a place of the file."""
    own = {".".join(map(str, key[len(place) :])): line for key, line in lines.items() if key[: len(place)] == place}

    def at(*keys: str | int) -> str:
        key = ".".join(map(str, keys))
        while key and key not in own:
            key = key.rpartition(".")[0]
        return f"{path}:{own[key]}"

    values = _keys(plain, "a set", at())
    for key, kind in (("files", FilePatterns), ("split", Split)):
        if key in values:
            inner = _keys(values[key], key, at(key))
            values[key] = build_by(kind, inner, lambda keys, key=key: at(key, *keys))  # type: ignore[misc]
    if strange := [key for key in PICTURES if key in values]:
        raise ValueError(f"{at(strange[0])}: {strange[0]} stands below 'files'")
    form = build_by(SetForm, values, lambda keys: at(*keys))
    try:
        one = Description(form, path, _folder(form), {}, own)
        one = Description(form, path, one.folder, _patterns(one), own)
        for check in (_check_split, _check_names, _check_times, _check_silent, _check_endings):
            check(one)
    except _Wrong as wrong:
        raise ValueError(f"{at(*wrong.key.split('.'))}: {wrong}") from None
    return one


def _keys(values: object, what: str, where: str) -> dict[str, Any]:
    """A mapping without the keys that say nothing."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: {what} should be a mapping, got {shortened(values)}")
    if strange := [key for key in values if not isinstance(key, str)]:
        raise ValueError(f"{where}: the key {strange[0]!r} is no text; put it in quotes")
    return {key: value for key, value in values.items() if value is not None}


def _safe(key: str, check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except ValueError as error:
        raise _Wrong(key, str(error)) from None


def _folder(form: SetForm) -> str:
    """The folder of a set, whose name may be taken."""
    _safe("name", lambda: plain_name("data set", form.name))
    known = registered_datasets()
    taken = {name.lower(): one for one in known.values() for name in (one.name, one.folder)}
    if form.name.lower() == "six":
        raise _Wrong("name", f"'six' stands for {', '.join(SIX)}; choose another name")
    if form.replaces and form.name not in known:
        raise _Wrong("name", f"it replaces no set: {unknown('built-in set', form.name, known)}")
    if form.name.lower() in taken and not form.replaces:
        raise _Wrong(
            "name",
            f"{form.name!r} is the built-in set {taken[form.name.lower()].name}; choose another name, or say "
            "'replaces: true' where this is that set in other folders",
        )
    folder = form.folder or (known[form.name].folder if form.replaces else form.name)
    return _safe("folder" if form.folder else "name", lambda: safe_name("folder", folder)) or folder


def _patterns(one: Description) -> dict[str, Pattern]:
    """The pattern of each part that the set has: its own, else that of its layout."""
    form, root, stills = one.form, one.path.parent, one.form.layout == "stills"
    offered = LAYOUTS[form.layout]
    there = (base for base in offered if (root / _fixed(base.frames.replace("{folder}", one.folder))).is_dir())
    usual = next(there, offered[0])
    found = {}
    for key in (*PICTURES, "sound", "gaze"):
        own = getattr(form.files, key)
        if key == "sound" and not (one.sound and (own or not form.files.frames)):
            continue  # what is heard with video files of the set's own is their track
        if not (text := own or getattr(usual, key).replace("{folder}", one.folder)):
            continue
        names = ("name", "part") if stills or key in ("sound", "gaze") else ("name", "frame", "part")
        needed = ("name", "frame") if key in ("maps", "fixations") and not stills else ("name",)
        try:
            check_pattern(text, names, needed)
        except ValueError as error:
            raise _Wrong(f"files.{key}", f"files.{key}: {error}") from None
        found[key] = Pattern(text, key)
    return found


def _fixed(text: str) -> str:
    """The folder that a pattern begins with."""
    levels = text.split("/")[:-1]
    return "/".join(levels[: next((i for i, level in enumerate(levels) if "{" in level), len(levels))])


def _check_split(one: Description) -> None:
    split = one.form.split
    if not split.kind:
        kinds = ", ".join(f.name for f in fields(split) if f.name not in ("seed", "validation"))
        raise _Wrong("split", f"split should have one of the keys {kinds}, and one only")
    with_part = [key for key, pattern in one.patterns.items() if pattern.split]
    if split.folders is None and with_part:
        raise _Wrong(f"files.{with_part[0]}", "{part} is for a set with split: folders")
    if split.lists is not None:
        try:
            check_pattern(split.lists, ("part", "fold"), ("part",))
        except ValueError as error:
            raise _Wrong("split.lists", f"split.lists: {error}") from None
    if split.folders is not None:
        if sorted(split.folders) != ["test", "train"] or len(set(split.folders.values())) < 2:
            raise _Wrong("split.folders", "split.folders should name the folder of train and another one of test")
        for part, folder in split.folders.items():
            _safe(f"split.folders.{part}", lambda part=part, folder=folder: safe_name(f"folder of {part}", folder))  # type: ignore[misc]
        if without := [key for key in PICTURES if key not in with_part]:
            text = f"{{part}} is missing in files.{without[0]}; it stands for the folders of split.folders"
            raise _Wrong(f"files.{without[0]}", text)
    if split.validation is not None:
        _check_validation(one, split.validation)
    if split.fraction is not None and not 0 < split.fraction < 1:
        raise _Wrong("split.fraction", f"fraction should be between 0 and 1; got {split.fraction}")
    if split.test is not None and not split.test:
        raise _Wrong("split.test", "test names no video")
    _check_once(split.test or (), "split.test", "test")
    if split.seed and split.kind not in ("fraction", "folds"):
        raise _Wrong("split.seed", f"seed is of fraction and folds, and a split by {split.kind} draws nothing")


def _check_validation(one: Description, word: str) -> None:
    """The part to validate on is another one than those that are trained and tested."""
    split, key = one.form.split, "split.validation"
    if split.folders is None and split.lists is None:
        raise _Wrong(key, f"validation goes with folders or lists; with {split.kind}, training videos are set aside")
    _safe(key, lambda: safe_name("validation", word))
    if word in (one.words["train"], one.words["test"]):
        raise _Wrong(key, f"validation is {word!r}, which is the part that is trained or tested; name another one")


def _check_once(names: Sequence[str], key: str, what: str) -> None:
    for number, name in enumerate(names):
        if same_name(name) in map(same_name, names[:number]):
            raise _Wrong(f"{key}.{number}", f"{what} names {shortened(name)} twice; leave one of them out")


def _check_silent(one: Description) -> None:
    """Videos without sound are those of a set that has some."""
    if one.form.silent and not one.sound:
        why = "a set of stills has no sound" if one.form.layout == "stills" else "the set has no sound at all"
        raise _Wrong("silent", f"silent names videos without sound, and {why}; leave it out, or say 'sound: true'")
    _check_once(one.form.silent, "silent", "silent")


def _check_names(one: Description) -> None:
    if one.form.split.lists is None and not any(one.patterns[key].names_all for key in ("frames", "maps")):
        raise _Wrong("files.frames", "frames or maps should have {name} as it is, by which videos are found")


def _check_times(one: Description) -> None:
    form = one.form
    if form.layout == "stills":
        if key := "fps" if form.fps else "sound" if one.sound else "":
            raise _Wrong(key, f"{key} is of videos, and this is a set of stills; leave it out")
    elif not form.fps and form.split.lists is None:
        raise _Wrong("", "fps is missing: frames a second, such as 25, or a mapping with that of each video")
    elif "" in form.fps and len(form.fps) > 1:
        raise _Wrong("fps", "fps has a name that is empty")
    if one.sound and "sound" not in one.patterns and one.patterns["frames"].numbered:
        raise _Wrong("sound", "files.sound is missing: pictures have no track that could be heard")


def _check_endings(one: Description) -> None:
    videos = one.form.layout != "stills" and not one.patterns["frames"].numbered
    for key, ends in {**ANY, "frames": VIDEO_SUFFIXES if videos else PICTURE_SUFFIXES}.items():
        if key in one.patterns and (suffix := Path(one.patterns[key].text).suffix.lower()) not in (*ends, ".*"):
            said = f"files.{key} ends in {suffix!r}, and should in one of {', '.join(ends)}, or .*"
            if key == "frames" and videos and suffix in PICTURE_SUFFIXES:
                said = "files.frames is of pictures and has no {frame}; without it, it is one video file a video"
            raise _Wrong(f"files.{key}", said)
