"""The generated files of the leaderboard: README.md, index.html and leaderboard.csv."""
