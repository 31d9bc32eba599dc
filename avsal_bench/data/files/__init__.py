"""What opens files: pictures, video files, sound, fixations, the prepared form; and what looks for them."""
