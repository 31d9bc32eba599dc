"""AViMoS, of the AIM 2024 challenge on video saliency: 1500 videos watched with a mouse by a crowd, with sound.

**Viewers.** Over 5000 in all, over 70 a video. **Conditions.** In browsers: the video is blurred away from the cursor.
There was no eye tracker: these are data of a mouse. The sound was on, and checked. **Videos.** 1500, 19 s on average,
30 frames a second, full HD, upright ones too: 1000 to train and 500 to test. Many, not all, have a sound track.

Two names: ``avimos`` tests on all 500, the public and the private part one after the other, as the paper counts them;
``avimos_public`` tests on the public part alone, as the authors' script does by default. Scores of the one are none of
the other. Where a part has no ground truth on the disk, its videos can be predicted and not scored.

**Points and maps** are as those of CrowdSAL (:mod:`avsal_bench.data.sets.crowdsal`); their sigma was not seen.

**Licence.** CC BY 4.0 (Hugging Face). **Citation.** AIM 2024 challenge on video saliency prediction: methods and
results, arXiv 2409.14827. **Where to get it.** Hugging Face, ``ANDRYHA/AudioVisualMouseSaliency``, or a drive.

**On the disk** (:class:`~avsal_bench.data.layouts.challenge.SplitVideos`), as
:mod:`~avsal_bench.data.sets.ntire26` in ``<root>/avimos``, with binary maps in ``<video>/fixations/`` (not read)::

    <root>/avimos/TrainTestSplit.json
    <root>/avimos/Videos/<video>.mp4                                 or in folders of Videos, or straight in avimos
    <root>/avimos/Saliency{Train,Test}/{Train,Test}/<video>.mp4      or without the inner folder
    <root>/avimos/Fixations{Train,Test}/{Train,Test}/<video>/fixations.json      likewise
    <root>/prepared/avimos/<video>/                                  (optional: ``avsal data prepare``)

The folder may also be ``AViMoS`` or ``AudioVisualMouseSaliency``. The split file of this set was not seen: names may
end in ``.mp4`` or not, and its test may be one part, ``test``, or two, ``public_test`` and ``private_test``.

**Faults.** Those of ``facts`` below.

Sources: the README and ``bench.py`` of msu-video-group/ECCVW24_Saliency_Prediction; the challenge's page at
videoprocessing.ai, in excerpts. No file of the set was at hand for this sheet.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.challenge import SPLIT, FilmLayout, SplitVideos
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.getting.offers import Online
from avsal_bench.lazy import Later

#: What tells how long films are, and reads lists of points.
FACTS = Later("avsal_bench.data.files.whole_films.headers", "film_facts")
POINTS = Later("avsal_bench.data.files.whole_films.point_lists", "read_point_list")

_TITLES = {"avimos": "AViMoS", "avimos_public": "AViMoS, public test"}
_TESTS = {
    "avimos": (("public_test", "private_test"), ("test",)),
    "avimos_public": (("public_test",),),
}

for _name, _test in _TESTS.items():
    register_dataset(
        DataSet(
            _name,
            "avimos",
            FilmLayout(SplitVideos({"train": (("train",),), "test": _test}), FACTS, POINTS, (SPLIT, "Videos")),
            folds=False,
            citation="AIM 2024",
            title=_TITLES[_name],
            facts=Facts(
                videos=1500,
                viewers="over 5000, over 70 a video",
                conditions="by mouse: the video is blurred away from the cursor; with sound, which was checked",
                licence="CC BY 4.0",
                source="https://huggingface.co/datasets/ANDRYHA/AudioVisualMouseSaliency",
                faults=(
                    "Points repeat, and the challenge's NSS counts each; the binary maps beside them lose that.",
                    "Scores of the public part and of all 500 test videos do not compare: each has its own name here.",
                ),
                device="mouse",
                heard=True,
            ),
            online=Online(repository="ANDRYHA/AudioVisualMouseSaliency"),
            over=("avimos",) if _name != "avimos" else (),
            also=("AViMoS", "AudioVisualMouseSaliency"),
            told=told_by_number(_name, 500) if _name == "avimos" else None,  # how many are public was not seen
        )
    )
