"""The six sets as the authors of STAViS offer them; the addresses are those of ``fetch_data.sh`` of atsiami/STAViS."""

from __future__ import annotations

from avsal_bench.getting.offers import Online, Piece

_SERVER = "http://cvsp.cs.ntua.gr/research/stavis/data"


def online(folder: str) -> Online:
    """Frames, sound and maps of a set, an archive each; and the lists, which come with this package too.

    Args:
        folder: of the set, such as ``AVAD``.
    """
    files = f"video_files/{folder}"
    parts = (
        ("frames", "video_frames", (files,)),
        ("sound", "video_audio", (files,)),
        ("maps", "annotations", ()),
    )
    pieces = [
        Piece(
            what,
            f"{kind}-{folder}.tar.gz",
            f"{kind}/{folder}",
            f"{_SERVER}/{kind}/{folder}.tar.gz",
            instead=instead,
        )
        for what, kind, instead in parts
    ]
    holds = ("AVAD_list_train_1_fps.txt", "DIEM_list_train_fps.txt")
    lists = Piece(
        "lists", "fold_lists.tar.gz", "fold_lists", f"{_SERVER}/fold_lists.tar.gz", holds=holds, unasked=False
    )
    return Online((*pieces, lists))
