"""MVVA, "Multi-face Videos in Visual-Audio condition": people who talk, with sound, and who of them talks when.

**Viewers.** 34, by an eye tracker, with sound (the authors' README). Screen, distance and how the maps were made are
in the paper, which was not at hand for this sheet. **Videos.** 300: 53 of films and television plays, 71 interviews,
14 conferences, 67 television shows, 51 of music and talk shows, 44 group discussions (the README, which does not say
which are which). 299 of them stand in the lists, under the numbers 001 to 342; 43 of these numbers do not occur.

The authors publish no split. The lists are those of vinet_v2, of two families over the same files; a video is
``001`` in the first and ``video_001`` in the second. One of them, ``mvva`` fold 1, is what the scripts of ViNet-S
and ViNet-A run with; which list their published scores are of is not said::

    set            fold  train: videos  frames    test: videos  frames    files: mvva_list_{train,test}_<k>_fps.txt
    mvva              1            239  114141              60   32036    1: runs of the sorted names, 001 to 072
    mvva              2            239  117559              60   28618    2: 073 to 141
    mvva              3            239  115244              60   30933    3: 142 to 219
    mvva              4            239  120749              60   25428    4: 220 to 280
    mvva              5            240  117015              59   29162    5: 281 to 342
    mvva_random       1            239  116309              60   29868    random1
    mvva_random       2            179   87878              60   28431    random2
    mvva_random       3            119   58797              60   29081    random3
    mvva_shuffled     1            239  114955              60   31222    MVVA_list_{train,test}_1_fps.txt
    mvva_shuffled     2            239  119355              60   26822    MVVA_list_{train,test}_2_fps.txt
    mvva_shuffled     3            239  116251              60   29926    MVVA_list_{train,test}_3_fps.txt
    all lists: 299 videos, 146177 frames, 5.1 to 52.5 s, 89.3 minutes
    frames a second (videos): 25 (72), 29.97 (62), 30 (23), 23.976 (18), 30.05 (13), and 85 others from 14.985 to 30.519

**Licence.** Not stated. **Citation.** Y. Liu, M. Qiao, M. Xu, B. Li, W. Hu, A. Borji: Learning to Predict Salient
Faces: A Novel Visual-Audio Saliency Model. ECCV 2020. **Where to get it.**
https://github.com/MinglangQiao/MVVA-Database links ``mvva_database_v1.zip``, videos and fixations, and
``mvva_database_part2-face_annotation.zip``, sound and faces, on Dropbox and on Baidu; access is given by mail.

**On the disk**: the authors' tree or vinet_v2's, with the same lists;
:class:`~avsal_bench.data.layouts.mvva_layout.MvvaLayout` has all forms that are read::

    <root>/MVVA/mvva_video/<n>.mp4                               (82.mp4, 005.mp4: numbers with zeros or without)
    <root>/MVVA/maps/video_%03d/%03d.jpg                         (from 000)
    <root>/MVVA/face_tracking/<n>.npy                            (optional)
    <root>/MVVA/face_talking/<n>.npy                             (optional)
    <root>/MVVA/sound/<n>.wav                                    (else the mp4's own track)
    <root>/fixation_data_mvva/<n>.npy

    <root>/mvva_dataset/video_frames/mvva/<name>/img_%05d.jpg
    <root>/mvva_dataset/annotations/mvva/<name>/maps/eyeMap_%05d.jpg
    <root>/fixation_data_mvva/<name>.npy

**Fixations** are vinet_v2's: an array frames x 2 x viewers of x and y in a picture of 1280 x 720, NaN for a viewer
who is missing. They are brought to the size of the video's maps, where a pixel counts once, however many looked at
it, as in the other sets; at maps of 640 x 360 that is what vinet_v2's test makes. No such files were seen for this
sheet.

**Faces** are the authors': boxes ``[frame][face]`` of x1, y1, x2, y2 in pixels of the video, and an array faces x
frames, 1 where one talks (their scripts; no file was seen, so boxes are read from an array of numbers and from
pickled lists alike, without running what a pickle may hold). A frame in which any face talks has the label 1 of
consistency: a face that talks is in the picture. ``avsal analyse`` scores maps on the faces that talk, on the others
and elsewhere.

**Rates.** Videos go by the frame rate of their own file; where only frames are there, by that of the ``mvva`` lists,
which looks measured.

**Faults.** Those of ``facts`` below.
"""

from dataclasses import replace
from functools import partial

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.mvva_layout import FOLDER, MvvaLayout
from avsal_bench.getting.offers import Online
from avsal_bench.lazy import Later

#: What reads gaze of viewers, and what tells the rate of a film.
VIEWERS = Later("avsal_bench.data.files.points.viewers", "read_viewers")
RATE = Later("avsal_bench.data.files.video_files", "announced_rate")

_FACTS = Facts(
    videos=300,
    viewers="34",
    conditions="with sound",
    licence="not stated",
    source="https://github.com/MinglangQiao/MVVA-Database",
    faults=(
        "The lists name 299 of the 300 videos; the 300th is 343, and 43 numbers from 001 to 342 do not occur.",
        "No split is published by the authors; the lists are those of vinet_v2, and which one its published scores are "
        "of is not said.",
        "Names of lists of vinet_v2 differ in capitals only, mvva_list and MVVA_list, and are other splits: on a file "
        "system that ignores case the one overwrites the other.",
        "The two families agree on the frames of all videos, and differ by over 0.01 in the frame rate of 106: 212 is "
        "at 26.98 in the first and at 29.97 in the second, 2.6 s apart at its end.",
        "Scripts of vinet_v2 let points to the left of the picture or above it wrap round to the other side, and leave "
        "out those to the right and below; here all of these are left out.",
        "Faces may be annotated for fewer frames than a video has; the authors' script stops there.",
        "Names have three digits in the lists and in the maps, and may have none in other files: 82.mp4 is 082.",
    ),
    heard=True,
)
_BLOCKS = (
    "The folds are runs of the sorted names, and neighbours may be of one programme.",
    "Tests have 60, 60, 60, 60 and 59 videos.",
)
_RANDOM = (
    "Folds 2 and 3 leave out 60 and 120 videos: they train on 179 and on 119.",
    "Of the videos 119 are never tested.",
)
_SHUFFLED = (
    "Of the videos 119 are never tested.",
    "Rates in the lists are nominal, and those of the other family are taken.",
)


_TITLES = {"mvva": "MVVA", "mvva_random": "MVVA, random lists", "mvva_shuffled": "MVVA, shuffled lists"}


def _set(name: str, layout: MvvaLayout, lists: tuple[str, ...], faults: tuple[str, ...]) -> DataSet:
    whole = name == "mvva"
    return DataSet(
        name,
        FOLDER if whole else name,
        layout,
        citation="Liu et al. 2020",
        title=_TITLES[name],
        facts=replace(_FACTS, faults=(*_FACTS.faults, *faults)),
        told=partial(layout.told, name),
        online=Online(
            steps=(
                "write to the authors, whose addresses https://github.com/MinglangQiao/MVVA-Database gives, for access",
                "download mvva_database_v1.zip and mvva_database_part2-face_annotation.zip from the Dropbox or Baidu "
                "that its README links, and unpack them",
                "put their folders at {root}/MVVA as mvva_video, maps, sound, face_tracking and face_talking",
                "put the fixations of vinet_v2, an array a video, at {root}/fixation_data_mvva",
                f"let `avsal data check {name} --root {{root}}` look at every file",
            )
        ),
        lists=lists,
        over=() if whole else ("mvva",),
        also=("mvva", "mvva_dataset") if whole else (),
    )


_PLAIN = MvvaLayout(VIEWERS, RATE)
_WITH_WORD = MvvaLayout(VIEWERS, RATE, with_word=True, published="MVVA_list_{part}_{fold}_fps.txt")

register_dataset(_set("mvva", _PLAIN, tuple(f"mvva_list_{{part}}_{k}_fps.txt" for k in range(1, 6)), _BLOCKS))
register_dataset(
    _set("mvva_random", _PLAIN, tuple(f"mvva_list_{{part}}_random{k}_fps.txt" for k in range(1, 4)), _RANDOM)
)
register_dataset(
    _set("mvva_shuffled", _WITH_WORD, tuple(f"mvva_shuffled_list_{{part}}_{k}_fps.txt" for k in range(1, 4)), _SHUFFLED)
)
