"""Pack operations of a European national verification system (Delegated Regulation 2016/161)."""
