"""What each command of `vision-banana` does with its parsed arguments."""
