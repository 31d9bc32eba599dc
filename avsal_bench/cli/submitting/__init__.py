"""The commands that hand results in: records to the leaderboard, films of maps to the server of a challenge."""
