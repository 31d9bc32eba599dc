"""NTIRE 2026, the set of the challenge on video saliency: 2000 videos watched with a mouse by a crowd, with sound.

**Viewers.** Over 5000 in all, over 70 a video. **Conditions.** In browsers: the video is blurred away from the cursor.
There was no eye tracker: these are data of a mouse. The sound was on, and checked. **Videos.** 2000, 18 s on average,
30 frames a second, full HD, upright ones too: 1200 to train, 300 of the public test and 500 of the private one.
Many, not all, have a sound track.

Two names: ``ntire26`` tests on the public part, as the authors' script does by default; ``ntire26_private`` tests on
the private part, and has no training videos of its own. Where a part has no ground truth on the disk, as participants
have none of the private one, its videos can be predicted and not scored.

**Points and maps** are as those of CrowdSAL (:mod:`avsal_bench.data.sets.crowdsal`); their sigma was not seen.

**Licence.** CC BY 4.0 (Hugging Face). **Citation.** NTIRE 2026 challenge on video saliency prediction, arXiv
2604.14816. **Where to get it.** Hugging Face, ``ANDRYHA/VideoSaliencyChallenge``; a drive; Codabench 12842.

**On the disk** (:class:`~avsal_bench.data.layouts.challenge.SplitVideos`), the archives unpacked, each into a folder of
its name or side by side::

    <root>/ntire26/TrainTestSplit.json                               {"train": [...], "public_test": [...], ...}
    <root>/ntire26/Videos/<video>.mp4                                or in folders of Videos, or straight in ntire26
    <root>/ntire26/Saliency{Train,Test}/{Train,Test}/<video>.mp4     or without the inner folder
    <root>/ntire26/Fixations{Train,Test}/{Train,Test}/<video>/fixations.json     likewise
    <root>/ntire26/Fixations{Train,Test}/{Train,Test}/<video>/fixations_maps/    (not read)
    <root>/ntire26/VideoInfo.json                                    (not read)
    <root>/prepared/ntire26/<video>/                                 (optional: ``avsal data prepare``)

The folder may also be ``NTIRE26`` or ``VideoSaliencyChallenge``. Names in the split may end in ``.mp4`` or not: a
published copy of the split has them so, and the authors' script looks for names without. The folder in ``Videos.zip``
was not seen, so that several are read.

**Faults.** Those of ``facts`` below.

Sources: the README and ``bench.py`` of msu-video-group/NTIRE26_Saliency_Prediction; the loaders and the split file of
iLearn-Lab/CVPRW26-ViSAGE. No video, map or list of points was at hand for this sheet.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.challenge import SPLIT, FilmLayout, SplitVideos
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.getting.offers import Online
from avsal_bench.lazy import Later

#: What tells how long films are, and reads lists of points.
FACTS = Later("avsal_bench.data.files.whole_films.headers", "film_facts")
POINTS = Later("avsal_bench.data.files.whole_films.point_lists", "read_point_list")

_TITLES = {"ntire26": "NTIRE 2026", "ntire26_private": "NTIRE 2026, private test"}
#: Test videos of each name.
_TESTS = {"ntire26": 300, "ntire26_private": 500}
_PARTS = {
    "ntire26": {"train": (("train",),), "test": (("public_test",),)},
    "ntire26_private": {"test": (("private_test",),)},
}

for _name, _parts in _PARTS.items():
    register_dataset(
        DataSet(
            _name,
            "ntire26",
            FilmLayout(SplitVideos(_parts), FACTS, POINTS, (SPLIT, "Videos")),
            folds=False,
            citation="NTIRE 2026",
            title=_TITLES[_name],
            facts=Facts(
                videos=2000,
                viewers="over 5000, over 70 a video",
                conditions="by mouse: the video is blurred away from the cursor; with sound, which was checked",
                licence="CC BY 4.0",
                source="https://huggingface.co/datasets/ANDRYHA/VideoSaliencyChallenge",
                faults=(
                    "Names in the split end in .mp4, and the authors' script, which looks for names without, then "
                    "scores nothing.",
                    "Points repeat, and the challenge's NSS counts each; the binary maps beside them lose that.",
                    "Participants have no ground truth of the private part.",
                ),
                device="mouse",
                heard=True,
            ),
            online=Online(repository="ANDRYHA/VideoSaliencyChallenge"),
            over=("ntire26",) if _name != "ntire26" else (),
            also=("NTIRE26", "VideoSaliencyChallenge"),
            told=told_by_number(_name, _TESTS[_name]),
        )
    )
