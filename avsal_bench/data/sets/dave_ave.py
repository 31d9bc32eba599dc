"""AVE of the paper of DAVE, which calls it DAVoS: a split of its own of the videos of DIEM and both sets of Coutrot.

The name says whose AVE it is. The survey (SCDL) calls another set AVE as well, one of audio-visual events in 28
categories, which is not about eye tracking and is not here.

**Videos.** 76 of DIEM, those that were shown with their sound, all 60 of Coutrot 1, and 15 of Coutrot 2: 151 names in
the authors' lists, 150 in their paper and in their table of categories. The one without a category is ``clip_42`` of
their training list; it is in no list here, so that 92 train as in the paper. **Viewers.** 45 a video on average, 18 to
220 (the paper). **Conditions.** Those of the three sets, with sound.

The lists have one split, used in every fold. Validation has a list of its own, which chooses the checkpoint of a
training in the place of training videos that are set aside::

    part          videos  frames  minutes   Nature  Social  Miscellaneous   of DIEM  Coutrot 1  Coutrot 2
    train             92  150607     87.4       18      37             37        38         42         12
    validation        29   54133     30.5        6      16              7        19          8          2
    test              29   61108     34.5       10      11              8        19          9          1
    all lists: 150 videos, 265848 frames, 152.3 minutes

The paper counts 267,109 frames and 153.12 minutes. Names, parts and categories are the authors'; frames and rates are
those of the three sets' lists, which are STAViS's, or of the root's own.

**Licence.** Not stated. **Citation.** H. R. Tavakoli, A. Borji, E. Rahtu, J. Kannala: DAVE: A Deep Audio-Visual
Embedding for Dynamic Saliency Prediction. arXiv:1905.10693, 2019. **Where to get it.** Lists and categories:
https://github.com/hrtavakoli/AVE, whose README offers no videos and no maps. Files: those of the three sets, from
their places; who has these has this set.

**On the disk** (``OtherSets``): the files of ``diem``, ``coutrot1`` and ``coutrot2`` of one root, in any form in which
those are read. Of the names, those of DIEM are the same in the copies of STAViS, and those of Coutrot are not::

    name here       name in the copies of STAViS     such as
    clip_<n>        clip<n> of Coutrot_db1           clip_7     Coutrot_db1/clip7
    clip_e_<n>      clip<n> of Coutrot_db2           clip_e_7   Coutrot_db2/clip7
    any other       the same, of DIEM                           DIEM/tv_ketch2_672x544

    <root>/fold_lists/dave_ave_list_{train,val,test}_fps.txt   (else those of this package)
    <root>/annotations/dave_ave/categories.csv                 (optional, in the place of that of this package)

Prepared frames, gaze of observers and labels are those of the three sets. ``data get dave_ave`` gets the three.

**Faults.** Those of ``facts`` below.
"""

from functools import partial

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.from_stavis import online
from avsal_bench.data.layouts.other_sets import OtherSets
from avsal_bench.getting.offers import Online


def source_of(name: str) -> tuple[str, str]:
    """The set that a video is of, and its name there.

    >>> source_of("clip_7"), source_of("clip_e_7"), source_of("tv_ketch2_672x544")
    (('coutrot1', 'clip7'), ('coutrot2', 'clip7'), ('diem', 'tv_ketch2_672x544'))
    """
    for start, source in (("clip_e_", "coutrot2"), ("clip_", "coutrot1")):
        if name.startswith(start):
            return source, f"clip{name.removeprefix(start)}"
    return "diem", name


_layout = OtherSets(source_of)
_pieces = (piece for folder in ("DIEM", "Coutrot_db1", "Coutrot_db2") for piece in online(folder).pieces)

register_dataset(
    DataSet(
        "dave_ave",
        "dave_ave",
        _layout,
        folds=False,
        citation="Tavakoli et al. 2019",
        title="AVE of DAVE (DAVoS)",
        facts=Facts(
            videos=150,
            viewers="45 a video on average, 18 to 220",
            conditions="free viewing with sound, in three places",
            licence="not stated",
            source="https://github.com/hrtavakoli/AVE",
            faults=(
                "The authors' training list has 93 names, and their paper and table of categories 92: clip_42 has no "
                "category, and is in no list here.",
                "Table 1 of the paper prints 37 videos of nature and 18 social ones to train; by the authors' table it "
                "is 18 and 37.",
                "Table 1 prints 7 miscellaneous test videos, with which its test column counts 28 and not 29, and the "
                "whole 149 and not the 150 of its head and of the text; by the authors' table they are 8.",
                "The authors' table says Other where the paper says Miscellaneous.",
                "Videos of Coutrot have other names in the copies of STAViS: clip_7 is clip7 of Coutrot_db1, and "
                "clip_e_7 is clip7 of Coutrot_db2.",
                "Of its 29 test videos 24, 25 and 19 are trained on in the folds of the six, and 8 test videos of DIEM "
                "are trained on here.",
            ),
            heard=True,
        ),
        told=partial(_layout.told, "dave_ave"),
        online=Online(tuple(dict.fromkeys(_pieces))),
        validation=True,
        over=("diem", "coutrot1", "coutrot2"),
    )
)
