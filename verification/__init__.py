"""The judgement on one pack: scanning, pack registry, verdict, FMD operations and VRS."""
