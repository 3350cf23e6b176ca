"""The numbers of each benchmark, as pure functions over arrays: no files, no printing."""
