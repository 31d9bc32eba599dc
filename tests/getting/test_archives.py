"""Archives of strangers are opened into a folder of their own, or not at all."""

import io
import os
import stat
import tarfile
import zipfile
from collections import namedtuple

import pytest

from avsal_bench.getting import archives
from avsal_bench.getting.archives import unpack

Usage = namedtuple("Usage", "total used free")


def tar_of(path, *members, mode="w:gz"):
    """An archive of members: a name with its content, or a TarInfo with its content or None."""
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if content is None:
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, None


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GOOD = (("AVAD/V1/img_00001.jpg", b"one"), ("AVAD/V2/img_00001.jpg", b"two"))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar", "w"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_every_kind_of_tar_is_unpacked_and_its_bytes_are_counted(tmp_path, name, mode):
    archive = tar_of(tmp_path / name, *GOOD, mode=mode)
    told = []
    assert unpack(archive, tmp_path / "out", told.append) == 2
    assert files_of(tmp_path / "out") == dict(GOOD)
    assert sum(told) <= archive.stat().st_size


def test_a_zip_is_unpacked_and_an_older_half_of_it_goes_first(tmp_path):
    archive = zip_of(tmp_path / "a.zip", *GOOD)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/half").write_text("of a run that was interrupted")
    assert unpack(archive, tmp_path / "out") == 2
    assert files_of(tmp_path / "out") == dict(GOOD)


def test_files_that_other_programs_left_stay_out(tmp_path):
    left = [
        "__MACOSX/AVAD/._V1",
        "AVAD/.DS_Store",
        "AVAD/V1/._img_00001.jpg",
        "AVAD/Icon\r",
        "AVAD/Thumbs.db",
        ".git/config",
    ]
    unpack(tar_of(tmp_path / "a.tar.gz", *((name, b"x") for name in left), *GOOD), tmp_path / "out")
    unpack(zip_of(tmp_path / "a.zip", *((name, b"x") for name in left), *GOOD), tmp_path / "zip")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "zip") == dict(GOOD)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "AVAD/../../x",
        "a/b\\c",
        "C:/x",
        "AVAD/con",
        "a\x1b[2J",
        "a\u202eb",
        "/".join("d" * 40),
        "x" * 230,
    ],
)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_paths_that_lead_out_or_are_no_names_are_refused_before_anything_stays(tmp_path, name, make):
    archive = make(tmp_path / ("a.zip" if make is zip_of else "a.tar.gz"), *GOOD, (name, b"x"))
    if make is zip_of and "\\" in name and os.sep != "\\":
        return  # zipfile itself writes a slash
    with pytest.raises(ValueError, match=r"a\.(zip|tar\.gz): .*(may not be unpacked|twice)"):
        unpack(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name]


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (special("AVAD/link", tarfile.SYMTYPE, "/etc/passwd"), "is a link to '/etc/passwd'"),
        (special("AVAD/link", tarfile.SYMTYPE, "../../secret"), "is a link to"),
        (special("AVAD/link", tarfile.SYMTYPE, "V1"), "is a link to 'V1'"),
        (special("AVAD/link", tarfile.SYMTYPE, "link"), "is a link to 'link'"),
        (special("AVAD/link", tarfile.LNKTYPE, "/etc/passwd"), "is a link to"),
        (special("AVAD/pipe", tarfile.FIFOTYPE), "a device or a pipe"),
        (special("AVAD/tty", tarfile.CHRTYPE), "a device or a pipe"),
        (special("AVAD/disk", tarfile.BLKTYPE), "a device or a pipe"),
    ],
)
def test_links_out_and_devices_are_refused(tmp_path, member, said):
    with pytest.raises(ValueError, match=said):
        unpack(tar_of(tmp_path / "a.tar.gz", *GOOD, member), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_to_files_of_the_archive_become_copies_and_never_links(tmp_path):
    links = (
        special("AVAD/V3/img_00001.jpg", tarfile.SYMTYPE, "../V1/img_00001.jpg"),
        special("AVAD/V4/img_00001.jpg", tarfile.LNKTYPE, "AVAD/V2/img_00001.jpg"),
    )
    unpack(tar_of(tmp_path / "a.tar.gz", links[0], *GOOD, links[1]), tmp_path / "out")
    found = files_of(tmp_path / "out")
    assert (found["AVAD/V3/img_00001.jpg"], found["AVAD/V4/img_00001.jpg"]) == (b"one", b"two")
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_a_link_in_a_zip_is_refused_and_so_is_a_password(tmp_path):
    link = zipfile.ZipInfo("AVAD/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ValueError, match="is a link or a device"):
        unpack(zip_of(tmp_path / "a.zip", (link, "/etc/passwd")), tmp_path / "out")
    archive = zip_of(tmp_path / "b.zip", ("a.jpg", b"x"))
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="password"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("names", [("AVAD/a.jpg", "AVAD/a.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg")])
def test_a_name_that_stands_twice_is_refused(tmp_path, names):
    with pytest.raises(ValueError, match="in it twice"):
        unpack(tar_of(tmp_path / "a.tar.gz", *((name, b"x") for name in names)), tmp_path / "out")


def test_a_file_that_is_a_folder_too_is_refused(tmp_path):
    with pytest.raises(ValueError, match="as a file and a folder"):
        unpack(tar_of(tmp_path / "a.tar.gz", ("AVAD/V1", b"x"), ("AVAD/V1/a.jpg", b"x")), tmp_path / "out")


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_bomb_is_refused_before_it_is_written(tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "_ALLOWED", 1000)
    monkeypatch.setattr(archives, "MOST_TIMES", 20)
    written = []
    monkeypatch.setattr(archives, "_write", lambda archive, member, place: written.append(member.size))
    archive = make(tmp_path / ("a.zip" if make is zip_of else "a.tar.gz"), ("a.jpg", b"x"), ("b.jpg", bytes(3_000_000)))
    with pytest.raises(ValueError, match=r"2 files of 3\.0 MB, from .*: a bomb"):
        unpack(archive, tmp_path / "out")
    assert written == [1]


def test_a_tar_whose_names_are_endless_is_refused(tmp_path):
    archive = tar_of(tmp_path / "a.tar.gz", *GOOD, ("x" * 150_000, b"x"))
    with pytest.raises(ValueError, match="letters"):
        unpack(archive, tmp_path / "out")


def test_a_full_disk_is_said_with_what_is_free_and_leaves_nothing(tmp_path, monkeypatch):
    archive = tar_of(tmp_path / "a.tar.gz", *GOOD, ("AVAD/V3/a.jpg", b"123"))
    free = iter([10**9, 10**9, archives.RESERVE + 2])
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda place: Usage(0, 0, next(free)))
    with pytest.raises(OSError, match=r"no room for 'AVAD/V3/a.jpg' \(3 bytes; 50\.0 MB are free"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


PICTURES = tuple((f"AVAD/V{n}/img.jpg", os.urandom(3000)) for n in range(20))


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar.gz", "w:gz"), ("a.tar", "w"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")]
)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.97])
def test_a_tar_that_was_cut_off_is_named_wherever_it_was(tmp_path, name, mode, part):
    archive = tar_of(tmp_path / name, *PICTURES, mode=mode)
    content = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ValueError, match=r"cut off or damaged .*delete it, and fetch it again"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip", "a.tar.bz2", "a.tar.xz"])
def test_one_wrong_byte_in_the_middle_is_found_by_the_checksum(tmp_path, name):
    make = zip_of(tmp_path / name, *PICTURES) if name == "a.zip" else None
    archive = make or tar_of(tmp_path / name, *PICTURES, mode=f"w:{name.rsplit('.', 1)[1]}")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="cut off or damaged"):
        unpack(archive, tmp_path / "out")


def test_a_damaged_header_in_a_bare_tar_is_no_end_of_it(tmp_path):
    archive = tar_of(tmp_path / "a.tar", *PICTURES, mode="w")
    content = bytearray(archive.read_bytes())
    content[content.index(b"AVAD/V7")] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="cut off or damaged"):
        unpack(archive, tmp_path / "out")


def words_of(**words):
    """A tar of a file with other words about it (pax), and a file."""
    info = tarfile.TarInfo("AVAD/.a.jpg")
    info.pax_headers = {name.replace("_", "."): value for name, value in words.items()}
    return (tarfile.TarInfo("AVAD/b.jpg"), b"b"), (info, b"hello")


@pytest.mark.parametrize(
    "words",
    [
        {"size": "-1536"},  # that of the words before it: it would be read for ever
        {"GNU_sparse_major": "1", "GNU_sparse_minor": "0"},
        {"GNU_sparse_map": "0,5,a"},
        {"GNU_sparse_size": "x"},
    ],
    ids=str,
)
def test_words_about_a_file_of_a_tar_that_are_damaged_are_said_with_the_name_of_the_archive(tmp_path, words):
    path = tar_of(tmp_path / "a.tar.gz", *words_of(**words))
    with pytest.raises(ValueError, match=r"a\.tar\.gz: cut off or damaged"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_length_below_zero_is_damage(tmp_path, kind):
    path = tar_of(tmp_path / "a.tar", ("AVAD/b.jpg", b"b" * 512), ("AVAD/c.jpg", b""), mode="w")
    content = bytearray(path.read_bytes())
    content[1024 + 124 : 1024 + 136], content[1024 + 156 : 1024 + 157] = b"\xff" * 10 + b"\xfe\x00", kind
    content[1024 + 148 : 1024 + 156] = b" " * 8
    content[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(content[1024:1536])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar: cut off or damaged \(a file in it has -512 bytes\)"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_archives_that_stand_behind_one_another_are_not_dropped_in_silence(tmp_path, name):
    mode = "w:gz" if name.endswith("gz") else "w"
    first, second = (tar_of(tmp_path / f"{one[0][5:7]}.tar", one, mode=mode).read_bytes() for one in GOOD)
    (tmp_path / name).write_bytes(first + second)
    with pytest.raises(ValueError, match="more stands behind its end, such as another archive"):
        unpack(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_that_points_before_its_start_is_named(tmp_path):
    path = zip_of(tmp_path / "a.zip", *GOOD)
    content = bytearray(path.read_bytes())
    end = content.index(b"PK\5\6")
    content[end + 16 : end + 20] = (int.from_bytes(content[end + 16 : end + 20], "little") + 60).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip: cut off or damaged"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize(("name", "said"), [("a.7z", "7z or unrar"), ("a.rar", "7z or unrar"), ("a.jpg", "no archive")])
def test_what_is_not_unpacked_here_says_so(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=said):
        unpack(tmp_path / name, tmp_path / "out")
