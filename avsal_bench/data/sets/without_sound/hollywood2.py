"""Hollywood-2: actions in feature films, cut into shots, with the eyes of viewers on them; visual training.

**Viewers.** 19. **Conditions.** Free viewing and viewing with the task to tell the action; frames are without sound,
and whether viewers heard it is not stated in the sources of this sheet. **Videos.** 823 to train and 884 to test, of
one to many shots (SalAR's list); here **a shot is a video**, as to UNISAL and AAM.

Three names are of one folder:

- ``hollywood2``: all shots; of the training shots some are set aside by the usual rule.
- ``hollywood2_unisal``: UNISAL's register: training videos 1 to 747, of which its 75 validation videos are the
  validation here: the last 75 of 1 to 747 in the order that numpy's shuffle gives them with seed 42.
- ``hollywood2_videos``: whole videos, the shots of each one after the other in the order of their **numbers**.
  Windows run across cuts.

What the whole set has; none of it is in a list, all is counted on the disk::

    part                       videos   shots    frames    shots of 1 frame   < 16   < 32
    train, UNISAL's register      747    2699    192661                 101   1068   1347
    train, all                    823    3099
    test                          884    3558    244860                 104   1185   1613

**Licence.** Not stated in the sources of this sheet. **Citation.** M. Marszalek, I. Laptev, C. Schmid: Actions in
Context. CVPR 2009; S. Mathe, C. Sminchisescu: Actions in the Eye: Dynamic Gaze Datasets and Learnt Saliency Models for
Visual Recognition. IEEE Transactions on Pattern Analysis and Machine Intelligence 37(7), 2015. **Where to get it.** The
page of DHF1K links it: https://github.com/wenguanwang/DHF1K. It is what is described here.

**On the disk** (:class:`~avsal_bench.data.layouts.shots.Shots`)::

    <root>/Hollywood2_actions/{training,testing}/actionclip{train,test}%05d_<shot>/images/<video>_%05d.png
    .../maps/<video>_%05d.png            grey, 8 bit
    .../fixation/<video>_%05d.png        (or fixation/maps/<video>_%05d.mat, variable I: read where there is no png)

``<video>`` is ``actionclip{train,test}%05d``, and the number behind it is that of a frame of the **video**, not of the
shot. Instead of .png an image may be .jpg. The frame rate is not on the disk; 24 a second is what UNISAL's loader has.

**Faults.** Those of ``facts`` below.

Scores of different papers are of different videos: UNISAL and AAM test shots; the test script of ViNet-S and ViNet-A
joins those of a video in the order of their **names**, so that shot 10 comes before shot 2, which is not done here; AAM
leaves out shots that are shorter than its clip. Here every frame of every shot has a map, by windows that repeat or
reverse what is there.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.shots import Shots, left_out
from avsal_bench.getting.offers import Online

#: Names of the folder; the first one is that of UNISAL's loader.
FOLDERS = ("Hollywood2_actions", "Hollywood2", "hollywood2", "Hollywood-2")
#: UNISAL's training videos are 1 to 747. It shuffles these numbers by numpy with seed 42, and validates on the last 75.
REGISTER = 747
# fmt: off
VALIDATION = frozenset((
    2, 14, 21, 22, 35, 59, 72, 81, 88, 92, 100, 103, 106, 107, 122, 131, 161, 167, 190, 192, 206, 215, 242, 244, 253,
    271, 274, 277, 309, 314, 316, 331, 340, 344, 346, 367, 373, 386, 388, 390, 402, 414, 428, 436, 455, 459, 460, 467,
    475, 476, 477, 485, 492, 505, 509, 511, 556, 561, 562, 563, 565, 566, 567, 601, 615, 647, 662, 664, 682, 687, 697,
    700, 701, 730, 741,
))
# fmt: on

_FACTS = Facts(
    videos=1707,
    viewers="19",
    conditions="free viewing, and with the task to tell the action",
    licence="not stated",
    source="https://github.com/wenguanwang/DHF1K",
    faults=(
        "Numbers of frames go on through a video: the first shot mostly starts at 3, and three frames or more are "
        "missing at every cut.",
        "Numbers of shots have gaps, in 71 training and 122 test videos, and may start at 2; where a number lacks, the "
        "shot has no frame.",
        "Of UNISAL's training shots 101 have a single frame and 1347 under 32, which is less than the clips of most "
        "networks; of the test shots 104 and 1613.",
        "UNISAL's register ends at training video 747, the set at 823.",
        "Shots of one film clip lie in the training part and, where a rule sets shots aside, in the validation part; "
        "hollywood2_unisal and hollywood2_videos set whole videos aside.",
    ),
    heard=None,
)
_ONLINE = Online(
    steps=(
        "open https://github.com/wenguanwang/DHF1K in a browser: its README links a folder of Hollywood-2 on a drive",
        "download it, and unpack its archives",
        "put it at {root}/Hollywood2_actions: folders training and testing, with folders actioncliptrain00001_1",
        "let `avsal data check hollywood2 --root {root}` look at every file",
    )
)


def _described(name: str, title: str, layout: Shots, validation: bool = False) -> DataSet:
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
        told=told_by_number(name, 884 if name == "hollywood2_videos" else 3558),
        validation=validation,
        over=() if name == "hollywood2" else ("hollywood2",),
        remarks=lambda root: left_out(root, FOLDERS),
    )


# The first one of a folder is what its name stands for.
register_dataset(_described("hollywood2", "Hollywood-2", Shots()))
register_dataset(
    _described(
        "hollywood2_unisal",
        "Hollywood-2, UNISAL's register",
        Shots(last=REGISTER, validation=VALIDATION),
        validation=True,
    )
)
register_dataset(_described("hollywood2_videos", "Hollywood-2, whole videos", Shots(joined=True)))
