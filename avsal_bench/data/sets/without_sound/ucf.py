"""UCF Sports: actions of sports in broadcasts, with the eyes of viewers on them; visual training.

**Viewers.** Not stated in the sources of this sheet. **Conditions.** Frames
are without sound, and whether viewers heard it is not stated in the sources of this sheet. **Videos.** 150, of 10
classes: 103 to train and 47 to test, as in the lists of UNISAL and of SalAR. Numbers run through a class over both
parts; the test takes the first ones: ``Diving-Side-001`` to ``004`` are tested, ``005`` and on train. The class is the
category of a video.

Two names are of one folder: ``ucf``, of whose training videos some are set aside by the usual rule, and
``ucf_unisal``, whose validation is that of UNISAL: 10 of the 103, by a shuffle of numpy with seed 27.

What the whole set has; none of it is in a list, all is counted on the disk::

    part    videos   frames   a video      < 32
    train      103     6501   21 to 143      14
    test        47     2929   22 to 112       6

Most frames are of 720 x 404 pixels; others of 720 x 576, 720 x 480, 720 x 488 and 480 x 360.

**Licence.** Not stated in the sources of this sheet. **Citation.** M. D. Rodriguez, J. Ahmed, M. Shah: Action MACH: a
Spatio-temporal Maximum Average Correlation Height Filter for Action Recognition. CVPR 2008; S. Mathe, C. Sminchisescu:
Actions in the Eye: Dynamic Gaze Datasets and Learnt Saliency Models for Visual Recognition. IEEE Transactions on
Pattern Analysis and Machine Intelligence 37(7), 2015. **Where to get it.** The page of DHF1K links it:
https://github.com/wenguanwang/DHF1K. It is what is described here.

**On the disk** (:class:`~avsal_bench.data.layouts.shots.Clips`); UNISAL calls the folder ``ucf-002``, AAM ``ucf-003``::

    <root>/ucf-002/{training,testing}/<class>-%03d/images/<class>_%03d_%03d.png     (some .jpg in place of .png)
    .../maps/<the same names>            grey, 8 bit, of the frame's size
    .../fixation/<the same names>        0 and 255 (or fixation/maps/<the same stem>.mat, variable I, 0 and 1)

Frames are found by their numbers, whatever the ending: in one copy frames 11 and 16 of a video are JPEG. Two files of
one number are an error. The frame rate is not on the disk; 24 a second is what UNISAL's loader has.

**Fixation maps are blobs.** In a real video, 226 to 551 pixels of a frame are set, in 16 to 23 groups of touching ones:
samples of the eye tracker, and not one pixel a fixation. The saliency map is this map, blurred with a Gaussian of 20
pixels. `avsal data check` says so of every video that is of this kind.

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.shots import Clips
from avsal_bench.getting.offers import Online

#: Names of the folder: UNISAL's, AAM's, and what people call it.
FOLDERS = ("ucf-002", "ucf-003", "ucf", "UCF", "UCF-Sports", "UCF_Sports", "ucf_sports")
#: UNISAL's validation videos: of the 103 training videos in the order of their names those that numpy's shuffle with
#: seed 27 puts at 92 to 101, from 0.
VALIDATION = frozenset(
    (
        "Diving-Side-007",
        "Golf-Swing-Front-005",
        "Kicking-Front-009",
        "Kicking-Front-010",
        "Kicking-Side-006",
        "Lifting-004",
        "Run-Side-013",
        "SkateBoarding-Front-011",
        "Swing-Bench-014",
        "Walk-Front-021",
    )
)

_FACTS = Facts(
    videos=150,
    viewers="not stated",
    conditions="not stated; frames are without sound",
    licence="not stated",
    source="https://github.com/wenguanwang/DHF1K",
    faults=(
        "Fixation maps are blobs: several hundred touching pixels a frame, samples and not fixations, as seen in one "
        "video; NSS and the AUCs weigh a place by its number of pixels.",
        "Some frames are JPEG in a folder of PNG.",
        "A listing of the folder of fixation maps also gives the folder maps in it.",
        "Videos are short: 20 of the 150 have under 32 frames, less than the clips of most networks.",
    ),
    heard=None,
)
_ONLINE = Online(
    steps=(
        "open https://github.com/wenguanwang/DHF1K in a browser: its README links a folder of UCF Sports on a drive",
        "download it, and unpack its archive",
        "put it at {root}/ucf-002: folders training and testing, with folders such as Diving-Side-005",
        "let `avsal data check ucf --root {root}` look at every file",
    )
)


def _described(name: str, title: str, layout: Clips, validation: bool = False) -> DataSet:
    return DataSet(
        name,
        FOLDERS[0],
        layout,
        also=FOLDERS[1:],
        sound=False,
        folds=False,
        citation="Mathe and Sminchisescu 2015",
        facts=_FACTS,
        title=title,
        online=_ONLINE,
        told=told_by_number(name, 47),
        validation=validation,
        over=() if name == "ucf" else ("ucf",),
    )


# The first one of a folder is what its name stands for.
register_dataset(_described("ucf", "UCF Sports", Clips()))
register_dataset(_described("ucf_unisal", "UCF Sports, UNISAL's split", Clips(VALIDATION), validation=True))
