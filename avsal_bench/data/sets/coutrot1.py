"""Coutrot 1: clips of one moving object, several moving objects, landscapes and faces.

**Viewers.** 72 (CASP-Net, AVRSP, SCDL); whether all of them saw every clip is not said there. **Conditions.** The
authors showed clips with several soundtracks, the clip's own among them; eye tracker, screen and distance are in
their papers and were not at hand for this sheet. **Videos.** 60 (all papers).

The lists, which are STAViS's, have three folds; every video is tested once::

    fold  train: videos  frames    test: videos  frames
    1                40   16913              20    8279
    2                40   16643              20    8549
    3                40   16828              20    8364
    all lists: 60 videos, 25192 frames, 8.6 to 29.4 s, 16.8 minutes
    frames a second (videos): 24.99975 (60)

SCDL counts 25,223 frames.

**Licence.** Not stated in the sources of this sheet. **Citation.** A. Coutrot, N. Guyader: How saliency, faces, and
sound influence gaze in dynamic social scenes. Journal of Vision 14(8), 2014, doi:10.1167/14.8.5, which MSPI cites for
this set; SCDL dates it 2013. **Where to get it.** The authors: http://antoinecoutrot.magix.net/public/databases.html.
In the layout below, with maps: http://cvsp.cs.ntua.gr/research/stavis/.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/Coutrot_db1/<video>/img_%05d.jpg
    <root>/video_audio/Coutrot_db1/<video>/<video>.wav
    <root>/annotations/Coutrot_db1/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/Coutrot_db1/<video>/fixMap_%05d.mat
    <root>/annotations/Coutrot_db1/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/Coutrot_db1_list_{train,test}_{1,2,3}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "coutrot1",
        "Coutrot_db1",
        stavis_layout,
        citation="Coutrot and Guyader 2014",
        title="Coutrot 1",
        facts=Facts(
            videos=60,
            viewers="72",
            conditions="with sound",
            heard=True,
            licence="not stated",
            source="http://antoinecoutrot.magix.net/public/databases.html",
            faults=(
                "Rates are a hundred-thousandth low: 24.99975 for 25.",
                "Videos are named clip1, clip2 and so on in both sets of Coutrot; only the folder tells them apart.",
            ),
        ),
        online=online("Coutrot_db1"),
    )
)
