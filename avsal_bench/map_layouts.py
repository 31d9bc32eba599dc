"""How the maps of a submission may lie on the disk, in words; without imports, for the help of the command line."""

LAYOUTS = """\
  DIR/<video>/img_00001.jpg         or 0001.png, pred_sal_000001.jpg, frame_1.npy: the last number counts
  DIR/<SET>/<video>/00001.png       with the set's folder in between, such as AVAD or Coutrot_db1
  DIR/maps/<video>/00001.png        as `avsal bench --keep-maps` leaves them
  DIR/<video>_00001.png             all in one folder: the whole name, and then nothing but the number
  DIR/<video>.mp4                   a film a video, also mkv, avi, mov or webm, in each of the folders above;
                                    its first picture is the map of the first frame"""
