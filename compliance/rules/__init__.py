"""Rules over an EPCIS file beyond the standard; each violation is a finding."""
