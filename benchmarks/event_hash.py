"""How fast event hashes are made from XML, as a ratio to the reference generator in the same run.

Both sides read the same EPCIS document and hash every event of it; the hashes are compared. The
document is a day of one partner, as in `benchmarks/documents.py`.

    python -m benchmarks.event_hash [--events 1600]
"""

from __future__ import annotations

import argparse
import io
import time

from benchmarks.documents import write_xml
from epcis.codec.document import open_document
from epcis.hash import event_hash

ROUNDS = 3


def fastest(work):
    """(seconds, result) of the best of some rounds."""
    best, result = float("inf"), None
    for _ in range(ROUNDS):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def main(events: int = 1600) -> dict[str, float]:
    """Print the ratio of both, and of the hash alone."""
    from epcis_event_hash_generator import hash_generator, xml_to_py

    out = io.StringIO()
    epcs = write_xml(out, events)
    text = out.getvalue()
    data = text.encode()

    read_s, read = fastest(lambda: list(open_document(data)))
    ours_s, ours = fastest(lambda: [event_hash(event) for event in open_document(data)])
    hash_s, _ = fastest(lambda: [event_hash(event) for event in read])
    theirs_s, theirs = fastest(
        lambda: hash_generator.epcis_hashes_from_events(
            xml_to_py.event_list_from_epcis_document_str(text)
        )
    )
    equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(f"{events} events, {epcs} EPCs, {len(data) / 1e6:.1f} MB of XML")
    print(f"  read               {read_s:8.3f} s")
    print(f"  hash, already read {hash_s:8.3f} s   {theirs_s / hash_s:6.1f} x reference")
    print(f"  read and hash      {ours_s:8.3f} s   {theirs_s / ours_s:6.1f} x reference (goal 15)")
    print(f"  reference 1.9.3    {theirs_s:8.3f} s")
    print(f"  equal hashes       {equal} of {len(ours)}")
    return {"event hash from XML": theirs_s / ours_s}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1600)
    main(**vars(parser.parse_args()))
