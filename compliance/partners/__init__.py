"""Trading partners: names, licences, audits."""
