"""Many sites are entered by file, and the file is what the command shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_a_site_is_entered_by_file_and_shown_as_the_same_file(
    packtrail: Callable, tmp_path: Path
) -> None:
    assert packtrail("site", "show").code == 1
    file = tmp_path / "site.toml"
    file.write_text('kind = "wholesaler"\nname = "Meridian"\ngln = "9521322000017"\n')
    assert packtrail("site", "apply", file).code == 0
    shown = packtrail("site", "show")
    file.write_text(shown.out)
    assert packtrail("site", "apply", file, "--by", "Ann").code == 0
    assert packtrail("site", "show").out == shown.out
    assert packtrail("site", "show", "--json").json["time_zone"] == "UTC"
    file.write_text('kind = "bakery"\nname = "Meridian"\n')
    refused = packtrail("site", "apply", file)
    assert refused.code == 1
    assert "bakery" in refused.err
    assert packtrail("fsck").code == 0
