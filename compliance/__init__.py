"""Legal duties: partners, rules, cases, recalls, signatures, dossiers, retention and reports."""
