"""The memory: event model, codecs, event hash, store, capture, query, trace and ledger."""
