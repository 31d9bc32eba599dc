"""What a record tells of its data set's viewers, and of what the training behind it saw; both may come from anyone.

``provenance.viewing`` says how the set was watched. ``provenance.trained_on`` says which videos decided the weights, as
far as that is known, and how many of the tested ones were among them. A record without them tells nothing: that is
never read as "it saw nothing". ``provenance.same_but_sound`` says which record with the true sound one with another
goes with, where no recipe does.
"""

from avsal_bench.record_story.same_but_sound import goes_with, identity, said_by_word, same_but_sound
from avsal_bench.record_story.seen import Seen, nothing_known, seen_of, trained_on_lines
from avsal_bench.record_story.story_forms import Device, LearntForm, StartForm, TrainedOnForm, ViewingForm

__all__ = [
    "Device",
    "LearntForm",
    "Seen",
    "StartForm",
    "TrainedOnForm",
    "ViewingForm",
    "goes_with",
    "identity",
    "nothing_known",
    "said_by_word",
    "same_but_sound",
    "seen_of",
    "trained_on_lines",
]
