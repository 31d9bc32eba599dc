"""Coutrot 2: meetings of four people.

**Viewers.** 40 (CASP-Net, AVRSP, SCDL). **Conditions.** With sound; eye tracker, screen and distance are in the paper
and were not at hand for this sheet. **Videos.** 15 (all papers), from a public set of meetings (the paper's
abstract).

The lists, which are STAViS's, have three folds; every video is tested once::

    fold  train: videos  frames    test: videos  frames
    1                10   11645               5    5338
    2                10   11545               5    5438
    3                10   10776               5    6207
    all lists: 15 videos, 16983 frames, 19.8 to 79.5 s, 11.3 minutes
    frames a second (videos): 24.99975 (15)

SCDL counts 17,134 frames.

**Licence.** Not stated in the sources of this sheet. **Citation.** A. Coutrot, N. Guyader: An efficient audiovisual
saliency model to predict eye positions when looking at conversations. EUSIPCO 2015, doi:10.1109/EUSIPCO.2015.7362640;
MSPI cites their "Multimodal saliency models for videos", 2016, and SCDL dates the set 2014. **Where to get it.** The
authors: http://antoinecoutrot.magix.net/public/databases.html. In the layout below, with maps:
http://cvsp.cs.ntua.gr/research/stavis/.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/Coutrot_db2/<video>/img_%05d.jpg
    <root>/video_audio/Coutrot_db2/<video>/<video>.wav
    <root>/annotations/Coutrot_db2/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/Coutrot_db2/<video>/fixMap_%05d.mat
    <root>/annotations/Coutrot_db2/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/Coutrot_db2_list_{train,test}_{1,2,3}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "coutrot2",
        "Coutrot_db2",
        stavis_layout,
        citation="Coutrot and Guyader 2015",
        title="Coutrot 2",
        facts=Facts(
            videos=15,
            viewers="40",
            conditions="with sound",
            heard=True,
            licence="not stated",
            source="http://antoinecoutrot.magix.net/public/databases.html",
            faults=(
                "Rates are a hundred-thousandth low: 24.99975 for 25.",
                "Videos are named clip1, clip2 and so on in both sets of Coutrot; only the folder tells them apart.",
                "With 5 test videos a fold, one video is a fifth of a fold's mean.",
            ),
        ),
        online=online("Coutrot_db2"),
    )
)
