"""Several at once."""

from breakages.files import gap_between_tensors, no_metadata, pad
from breakages.index import index_missing
from breakages.table import broken
from breakages.ties import extra_equal_head
from folders import rename


@broken("tied-shards", "IX211", "error", "refuses")
def much_at_once(folder):
    extra_equal_head(folder)
    rename(folder, lambda name: "module." + name)
    no_metadata(folder)
    gap_between_tensors(folder)
    pad(folder, b" ", 3)
    index_missing(folder)
