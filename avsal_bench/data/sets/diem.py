"""DIEM, "Dynamic Images and Eye Movements": film trailers, advertisements, news, sport and nature, seen freely.

**Viewers.** 42 (CASP-Net, section 4.1.1; SCDL, table III) or about 50 a video (AVRSP, section IV-A); over 250 people
took part in the whole project (its page). **Conditions.** With sound, both eyes tracked a thousand times a second
(the project's page), on a screen of 1280 x 960 with the video in its middle (public scripts that read the gaze
files). **Videos.** 84 (CASP-Net, AVRSP, MSPI, SCDL); DAVE counts 85. Which three are in no list is known from a
public script that names all videos. A name ends in the size shown, such as ``_1280x720``.

The lists, which are STAViS's, use one split in every fold::

    fold  train: videos  frames    test: videos  frames
    each             64  209045              17   27414
    all lists: 81 videos, 236459 frames, 29.5 to 209.2 s, 131.4 minutes
    frames a second (videos): 29.9997 (81)

SCDL counts 78,167 frames, a third of these; DAVE's 267,109 frames of 76 of the videos and Coutrot's clips fit the
lists. CASP-Net says that sound and picture do not belong together in these videos; no other paper does.

**Licence.** Not stated on the page of the data. **Citation.** P. K. Mital, T. J. Smith, R. L. Hill, J. M. Henderson:
Clustering of Gaze During Dynamic Scene Viewing is Predicted by Motion. Cognitive Computation 3(1), 2011. **Where to
get it.** Videos and gaze: https://thediemproject.wordpress.com/videos-and%C2%A0data/. In the layout below, with maps:
http://cvsp.cs.ntua.gr/research/stavis/. :mod:`avsal_bench.data.gaze.from_diem` turns the gaze files into ours.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/DIEM/<video>/img_%05d.jpg
    <root>/video_audio/DIEM/<video>/<video>.wav
    <root>/annotations/DIEM/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/DIEM/<video>/fixMap_%05d.mat
    <root>/annotations/DIEM/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/DIEM_list_{train,test}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "diem",
        "DIEM",
        stavis_layout,
        folds=False,
        citation="Mital et al. 2011",
        title="DIEM",
        facts=Facts(
            videos=84,
            viewers="42 (CASP-Net, SCDL) or about 50 a video (AVRSP)",
            conditions="free viewing with sound, screen of 1280 x 960, both eyes",
            heard=True,
            licence="not stated",
            source="https://thediemproject.wordpress.com/videos-and%C2%A0data/",
            faults=(
                "There is one split, 64 videos to train and 17 to test, and three of the 84 videos are in neither "
                "list: ami_ib4010_closeup_720x576, ami_ib4010_left_720x576 and news_tony_blair_resignation_720x540.",
                "The means over folds of papers are means over three networks and the same 17 videos.",
                "Rates are a hundred-thousandth low: 29.9997 for 30.",
                "In the files of gaze the right eye's event is never 2; in saccades it says 1, a fixation.",
            ),
        ),
        online=online("DIEM"),
    )
)
