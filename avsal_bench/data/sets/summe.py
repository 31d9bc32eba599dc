"""SumMe: raw videos of leisure, sport and travel, made to be summarised; gaze was recorded later.

**Viewers.** 10 a video (all papers): two groups shared the videos of ETMD and SumMe, so that 10 people saw each; ages
23 to 55 (http://cvsp.cs.ntua.gr/research/aveyetracking/). **Conditions** (the same page): EyeLink 2000, both eyes,
1000 Hz, 1600 x 900 monitor at 90 cm, stereo headphones, chin and head rest, free viewing. **Videos.** 25 (all papers)
of 38 to 388 s (the page, and the lists).

The lists, which are STAViS's, have three folds::

    fold  train: videos  frames    test: videos  frames
    1                17   71188               8   38600
    2                17   73871               7   34167
    3                16   74517               8   33051
    all lists: 25 videos, 109788 frames, 38.0 to 388.8 s, 66.5 minutes
    frames a second (videos): 29.97003 (10), 24.99975 (7), 29.9997 (5), 14.99985 (1), 23.976024 (1), 23.99976 (1)

SCDL counts as many frames.

**Licence.** Not stated in the sources of this sheet. **Citation.** Videos: M. Gygli, H. Grabner, H. Riemenschneider,
L. Van Gool: Creating Summaries from User Videos. ECCV 2014. Gaze: A. Tsiami, P. Koutras, A. Katsamanis, A. Vatakis,
P. Maragos: A behaviorally inspired fusion approach for computational audiovisual saliency modeling. Signal
Processing: Image Communication 76, 2019. **Where to get it.** Gaze: the page above. Videos:
https://gyglim.github.io/me/vsum/index.html. In the layout below, with maps: http://cvsp.cs.ntua.gr/research/stavis/.

**On the disk** (``stavis_layout`` has the other forms that are read)::

    <root>/video_frames/SumMe/<video>/img_%05d.jpg
    <root>/video_audio/SumMe/<video>/<video>.wav
    <root>/annotations/SumMe/<video>/maps/eyeMap_%05d.jpg
    <root>/annotations/SumMe/<video>/fixMap_%05d.mat
    <root>/annotations/SumMe/<video>/observers.csv               (optional: gaze of each observer)
    <root>/fold_lists/SumMe_list_{train,test}_{1,2,3}_fps.txt        (else those of this package)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(
    DataSet(
        "summe",
        "SumMe",
        stavis_layout,
        citation="Gygli et al. 2014; Tsiami et al. 2019",
        title="SumMe",
        facts=Facts(
            videos=25,
            viewers="10 a video, of two groups",
            conditions="free viewing with sound, headphones, EyeLink 2000 at 1000 Hz, 1600 x 900 at 90 cm, head rest",
            heard=True,
            licence="not stated",
            source="http://cvsp.cs.ntua.gr/research/aveyetracking/",
            faults=(
                "Two videos are never tested: Scuba, which is in neither list of fold 3, and St_Maarten_Landing, "
                "which is in neither list of fold 2.",
                "Six frame rates, from 14.99985 to 29.9997: clips of as many frames last twice as long in Cooking; "
                "whole rates are a hundred-thousandth low.",
                "Lengths differ tenfold, 949 to 9720 frames, so a mean over frames is not a mean over videos.",
            ),
        ),
        online=online("SumMe"),
    )
)
