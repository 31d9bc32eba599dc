"""Which library reads the pictures of video files, and the one that is not PyAV."""
