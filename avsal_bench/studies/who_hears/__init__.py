"""The study "Who can hear?": every audio-visual network, the same clips, a fair search, and five sounds on test videos.

``avsal study hearing`` runs it; docs/howto/study_hearing.md says how.
"""
