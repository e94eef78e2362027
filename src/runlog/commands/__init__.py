"""What the `runlog` command can do, a file for each group of commands."""
