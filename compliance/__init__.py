"""The duties: partners, rules, cases, recalls, signatures, dossiers and reports."""
