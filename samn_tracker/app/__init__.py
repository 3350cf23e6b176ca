"""What a person meets first: track a video, look inside, compare results, check the installation."""
