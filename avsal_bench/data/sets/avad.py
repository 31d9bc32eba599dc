"""AVAD, "Audio-Visual Attention Database": short clips of music, dance, speech, sport and animals that can be heard.

**Viewers.** 16 (CASP-Net, AVRSP, SCDL). **Conditions.** With sound (the paper's abstract); eye tracker, screen and
distance are in the paper and were not at hand for this sheet. **Videos.** 45 of 5 to 10 s (all papers).

The lists, which are STAViS's, have three folds::

    fold  train: videos  frames    test: videos  frames
    1                30    6428              15    3161
    2                30    6369              15    3220
    3                30    6509              15    3080
    all lists: 45 videos, 9589 frames, 5.0 to 10.3 s, 5.7 minutes
    frames a second (videos): 29.97003 (18), 24.99975 (13), 29.9997 (9), 23.976024 (3), 23.99976 (1), 28.666571 (1)

SCDL counts 9,564 frames.

**Licence.** Not stated in the sources of this sheet. **Citation.** X. Min, G. Zhai, K. Gu, X. Yang: Fixation
Prediction through Multimodal Analysis. ACM Transactions on Multimedia Computing, Communications, and Applications
13(1), 2016, doi:10.1145/2996463. **Where to get it.** The authors: https://sites.google.com/site/minxiongkuo/home. In
the layout below, with maps: http://cvsp.cs.ntua.gr/research/stavis/.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/AVAD/<video>/img_%05d.jpg
    <root>/video_audio/AVAD/<video>/<video>.wav
    <root>/annotations/AVAD/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/AVAD/<video>/fixMap_%05d.mat
    <root>/annotations/AVAD/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/AVAD_list_{train,test}_{1,2,3}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "avad",
        "AVAD",
        stavis_layout,
        citation="Min et al. 2016",
        title="AVAD",
        facts=Facts(
            videos=45,
            viewers="16",
            conditions="with sound",
            heard=True,
            licence="not stated",
            source="https://sites.google.com/site/minxiongkuo/home",
            faults=(
                "Three videos are tested twice, V26_Piano2, V39_Guitar4 and V3_Speech3, and count twice in a mean "
                "over all test videos.",
                "Three videos are never tested: V28_Dog1, V33_Harp and V42_Violin2.",
                "Six frame rates, one of them odd: V32_Dancers has 28.666571; whole rates are a hundred-thousandth "
                "low, such as 24.99975 for 25.",
                "Two lists hold blank lines, train 1 and train 2, and three end without a newline, train 1, train 2 "
                "and test 3; joining lists by cat runs names together.",
            ),
        ),
        online=online("AVAD"),
    )
)
