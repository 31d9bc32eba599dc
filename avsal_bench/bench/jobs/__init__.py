"""The kinds of job: a network is trained and tested, human infinite scores observers."""
