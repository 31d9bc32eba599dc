"""The form of a record's file: what may stand in it, told once, for the published JSON Schema and for the check.

Records come from strangers. Whatever passes :func:`check_form` can be shown on the page, and nothing else is read. The
numbers that must agree with each other, such as counts with frames, are checked in :mod:`avsal_bench.records`.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails
from typing_extensions import NotRequired, TypedDict

from avsal_bench.names import PLAIN, shortened, unknown
from avsal_bench.plain_values import LARGEST, LONGEST, TEXT, not_plain, shown_key
from avsal_bench.record_metrics import AREAS, CROWDSAL, CURVE_PARTS, check_areas, check_metrics
from avsal_bench.record_story import TrainedOnForm, ViewingForm
from avsal_bench.typed import MOST_FOLDS

SCHEMA = 3

#: Problems of one file that its error tells.
TOLD = 8

Name = Annotated[str, Field(pattern=PLAIN, max_length=100)]
NoName = Annotated[str, Field(pattern=f"^({PLAIN[1:-1]})?$", max_length=100)]
Text = Annotated[str, Field(pattern=TEXT, max_length=200)]
Long = Annotated[str, Field(pattern=TEXT, max_length=LONGEST)]
Hex = Annotated[str, Field(pattern="^[0-9a-f]+$", max_length=64)]
Version = Annotated[str, Field(pattern="^[0-9A-Za-z.+!_-]*$", max_length=60)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Large = Annotated[int, Field(ge=0, le=2**63 - 1)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]

# By definition, with room for the last digits of a sum. NSS is below the root of the number of pixels, and KL above a
# little less than 0 where a protocol adds a constant inside its logarithm.
Correlation = Annotated[float, Field(ge=-1 - 1e-6, le=1 + 1e-6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6, allow_inf_nan=False)]
# Of Judd's area by one protocol; under others it is a share (check_areas).
Area = Annotated[float, Field(ge=AREAS[0] - 1e-6, le=AREAS[1] + 1e-6, allow_inf_nan=False)]
Nss = Annotated[float, Field(ge=-10_000, le=10_000, allow_inf_nan=False)]
Kl = Annotated[float, Field(ge=-1, le=1_000, allow_inf_nan=False)]

Averaging = Literal["videos", "frames"]
Sound = Literal["original", "muted", "swapped", "matched", "shifted", "noise"]
Place = Literal["source", "others", "background", "rest", "frame"]


@with_config(ConfigDict(extra="forbid", strict=True))
class MetricOfPlugin(TypedDict):
    """A metric that a plug-in scored besides the six, as :class:`avsal_bench.records.MetricForm` has it."""

    higher_is_better: bool
    low: Number | None
    high: Number | None
    digits: Annotated[int, Field(ge=0, le=9)]


@with_config(ConfigDict(extra="forbid", strict=True))
class PluginForm(TypedDict):
    """A plug-in that was loaded. Nothing is loaded by what a record says."""

    name: Text
    version: NotRequired[Text]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _with_metrics_of_plugins(kind: str) -> ConfigDict:
    """Of a mapping by metric: further keys are those of ``metrics``, and :func:`check_metrics` looks at them."""
    number: dict[str, Any] = {"type": ["number", "null"]}
    value = {"count": {"type": "integer"}, "score": number, "curve": {"type": "array", "items": number}}[kind]
    return ConfigDict(extra="allow", strict=True, json_schema_extra={"additionalProperties": value})


Scores = TypedDict(
    "Scores",
    {
        "CC": Correlation | None,
        "NSS": Nss | None,
        "AUC-J": Area | None,
        "sAUC": Share | None,
        "SIM": Share | None,
        "KL": Kl | None,
    },
)
SomeScores = TypedDict(
    "SomeScores",
    {
        "CC": Correlation | None,
        "NSS": Nss | None,
        "AUC-J": Area | None,
        "sAUC": Share | None,
        "SIM": Share | None,
        "KL": Kl | None,
    },
    total=False,
)
Counts = TypedDict(
    "Counts", {"CC": Count, "NSS": Count, "AUC-J": Count, "sAUC": Count, "SIM": Count, "KL": Count}, total=False
)
_Parts = Field(min_length=CURVE_PARTS, max_length=CURVE_PARTS)
Curves = TypedDict(
    "Curves",
    {
        "CC": Annotated[list[Correlation | None], _Parts],
        "NSS": Annotated[list[Nss | None], _Parts],
        "AUC-J": Annotated[list[Area | None], _Parts],
        "sAUC": Annotated[list[Share | None], _Parts],
        "SIM": Annotated[list[Share | None], _Parts],
        "KL": Annotated[list[Kl | None], _Parts],
    },
    total=False,
)


for _form, _kind in ((Scores, "score"), (SomeScores, "score"), (Counts, "count"), (Curves, "curve")):
    with_config(_with_metrics_of_plugins(_kind))(_form)


class VideoForm(TypedDict):
    """One of ``videos``, as :class:`avsal_bench.records.VideoScores` has it; null where a score is not defined."""

    video: Text
    frames: Count
    scores: Scores
    undefined: Counts
    category: NotRequired[Annotated[str, Field(pattern=TEXT, max_length=100)]]
    unfixated: NotRequired[Count]
    constant: NotRequired[Count]
    skipped: NotRequired[Count]
    curve: Curves
    consistent: NotRequired[SomeScores]
    consistent_frames: NotRequired[Count]
    map_cc: NotRequired[Correlation | None]
    places: NotRequired[dict[Place, Annotated[list[Nss], Field(min_length=2, max_length=2)]]]


@with_config(ConfigDict(extra="allow", strict=True))
class FitForm(TypedDict, total=False):
    """The story of one stage of a training; further plain values may stand in it."""

    stage: Text | None
    network: Text | None
    seconds: Seconds | None
    curve: Annotated[list[dict[Text, Number | None]], Field(max_length=100_000)]


@with_config(ConfigDict(extra="forbid", strict=True))
class FrameScoresForm(TypedDict):
    """Scores of single frames in ``<name>.frames.npy`` beside the record, as ``leaderboard.by_frame`` packs them."""

    schema: Annotated[int, Field(ge=1, le=1_000)]
    columns: Annotated[list[Name], Field(min_length=2, max_length=40)]
    rows: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@with_config(ConfigDict(extra="allow", strict=True))
class StoryForm(TypedDict, total=False):
    """Where a record comes from; further plain values may stand in it."""

    version: Version
    commit: Text | None
    code: Text | None
    clean: bool | None
    python: Text | None
    torch: Text | None
    device: Text | None
    threads: Count | None
    precision: Text | int | None
    started: Text | None
    command: Long | None
    test_seconds: Seconds | None
    fits: Annotated[list[FitForm], Field(max_length=100)]
    maps: dict[Text, Any]
    made_of: dict[Text, Text | None]
    frame_scores: FrameScoresForm
    replaces: dict[Text, Any]
    plugins: Annotated[list[PluginForm], Field(max_length=100)]
    viewing: ViewingForm
    trained_on: TrainedOnForm
    sounds: Annotated[list[Sound], Field(max_length=20)]
    partners: Annotated[dict[Text, Text], Field(max_length=20_000)]
    louder_db: Annotated[dict[Text, Number], Field(max_length=20_000)]


@with_config(ConfigDict(extra="allow", strict=True))
class WeightsForm(TypedDict, total=False):
    """What is known of the weights; further plain values may stand in it."""

    file: Text | None
    sha256: Hex | None
    parameters: Large | None


@with_config(ConfigDict(extra="forbid", strict=True))
class RecordForm(TypedDict):
    """One result with its whole story, as :class:`avsal_bench.records.Record` has it."""

    schema: Literal[3]
    model: Name
    modality: Literal["", "v", "av", "a"]
    dataset: Name
    fold: Annotated[int, Field(ge=1, le=MOST_FOLDS)]
    seed: Large
    protocol: Name
    preset: NoName
    sound: Sound
    averaging: Averaging
    scores: Scores
    videos: Annotated[list[VideoForm], Field(max_length=20_000)]
    synthetic: bool
    recipe: dict[Text, Any]
    weights: WeightsForm
    provenance: StoryForm
    metrics: NotRequired[Annotated[dict[Name, MetricOfPlugin], Field(min_length=1, max_length=20)]]


def json_schema() -> dict[str, Any]:
    """The form as a JSON Schema, as it is published in ``docs/schema/record-N.json`` for the form of number N.

    Its ``$id`` names the form, and is no address: it holds wherever the documentation lies.
    """
    plain = _adapter().json_schema()
    title = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:avsal-bench:schema:record-{SCHEMA}",
        "title": f"A record of avsal_bench, form {SCHEMA}",
        "$comment": "Records without plug-ins have neither `metrics` nor `provenance.plugins`; both came with 0.1.0.",
    }
    return plain | title | _AREAS_OF_OTHERS


def _areas(form: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"AUC-J": form}}


_SHARE = {"anyOf": [{"type": "number", "minimum": -1e-6, "maximum": 1 + 1e-6}, {"type": "null"}]}
_OF_VIDEO = {"scores": _areas(_SHARE), "consistent": _areas(_SHARE), "curve": _areas({"items": _SHARE})}
#: What :func:`check_areas` looks at, as a schema says it.
_AREAS_OF_OTHERS = {
    "if": {"properties": {"protocol": {"not": {"pattern": f"^{CROWDSAL}(-.*)?$"}}}},
    "then": {"properties": {"scores": _areas(_SHARE), "videos": {"items": {"properties": _OF_VIDEO}}}},
}


def _age(schema: Any) -> str:
    """What to do about a record of another version."""
    if type(schema) is not int or schema == SCHEMA:
        return ""
    return ": update avsal_bench" if schema > SCHEMA else ": test it anew with this one"


def check_form(plain: Any) -> None:
    """Nothing, where plain values are of the form of a record.

    Raises:
        ValueError: naming each value that is missing, unknown, of another type, or out of its range.
    """
    if not isinstance(plain, dict) or "schema" not in plain:
        raise ValueError("expected a mapping with the key 'schema'")
    if plain["schema"] != SCHEMA or type(plain["schema"]) is not int:
        raise ValueError(f"schema {shortened(plain['schema'])}, this version reads {SCHEMA}{_age(plain['schema'])}")
    try:
        _adapter().validate_python(plain)
    except ValidationError as error:
        told = [_problem(details) for details in error.errors(include_url=False, include_context=False)[:TOLD]]
        more = error.error_count() - len(told)
        raise ValueError("; ".join(told + [f"and {more} more problem{'s' * (more > 1)}"] * (more > 0))) from None
    if problems := [*check_areas(plain), *check_metrics(plain)][:TOLD]:
        raise ValueError("; ".join(problems))
    for part in ("recipe", "weights", "provenance"):
        if problem := not_plain(plain[part], part):
            raise ValueError(problem)


@cache
def _adapter() -> TypeAdapter[RecordForm]:
    return TypeAdapter(RecordForm)


def _problem(details: ErrorDetails) -> str:
    """What is wrong with one value, in words."""
    *above, last = details["loc"]
    place = ".".join(map(shown_key, details["loc"]))
    match details["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return ".".join(map(shown_key, above)) + (": " if above else "") + unknown("key", last, _keys(above))
        case "string_pattern_mismatch":
            return f"{place} is {shortened(details['input'])}; {_alphabet(details['input'], details['msg'])}"
        case _:
            return f"{place} {details['msg'].removeprefix('Input ')}; got {shortened(details['input'])}"


def _keys(above: list[int | str]) -> list[str]:
    """Keys that a mapping may have."""
    match above:
        case []:
            kind: Any = RecordForm
        case ["videos", _]:
            kind = VideoForm
        case _:
            kind = Scores
    return list(kind.__annotations__)


def _alphabet(value: str, message: str) -> str:
    """What is wrong with a text, by the message that shows the pattern it should match."""
    wanted = message.partition("match pattern ")[2].strip("'")
    if wanted == TEXT:
        return "expected text on one line, without control characters"
    strange = next((c for c in value if not (c.isascii() and (c.isalnum() or c in "._+-"))), "")
    told = f"{strange!r} (U+{ord(strange):04X}) is none of them" if strange else f"the form is {wanted}"
    return f"expected ASCII letters, digits and . _ + - only; {told}"
