"""Adapter to the data sets of one-pass evaluation: OTB, UAV123, NfS, LaSOT, TC128, DTB70, TNL2K, AVisT, and folders."""
