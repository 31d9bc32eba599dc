"""What a record tells of its data set's viewers, and of what the training behind it saw; both may come from anyone.

``provenance.viewing`` says how the set was watched. ``provenance.trained_on`` says which videos decided the weights, as
far as that is known, and how many of the tested ones were among them. A record without them tells nothing: that is
never read as "it saw nothing".
"""

from avsal_bench.record_story.seen import Seen, nothing_known, seen_of, trained_on_lines
from avsal_bench.record_story.story_forms import Device, LearntForm, StartForm, TrainedOnForm, ViewingForm

__all__ = [
    "Device",
    "LearntForm",
    "Seen",
    "StartForm",
    "TrainedOnForm",
    "ViewingForm",
    "nothing_known",
    "seen_of",
    "trained_on_lines",
]
