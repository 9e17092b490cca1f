#!/bin/sh
# Prints the tables of README.md from what runs with variants found: their folders, or their variants.csv, such as
#   Workloads/scanner-table.sh Reports/sharing/five-guests.csv
set -eu
[ $# -gt 0 ] || { echo "usage: $0 RUN_FOLDER|VARIANTS.csv..." >&2; exit 64; }
for found; do
  if [ -d "$found" ]; then found=$found/variants.csv; fi
  [ -r "$found" ] || { echo "$0: $found cannot be read" >&2; exit 66; }
  awk -F, '
    function grouped(n,  text) {
      n = sprintf("%.0f", n)
      while (length(n) > 3) { text = " " substr(n, length(n) - 2) text; n = substr(n, 1, length(n) - 3) }
      return n text
    }
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i
      print "| variant | saved pages | missed | visits | merges | copies | first merge | CPU time |"
      print "|---|--:|--:|--:|--:|--:|--:|--:|"
      next }
    {
      first = $column["first_merge_ns"]
      missed = $column["shareable_pages"] - $column["saved_pages"]
      printf "| %s | %s | %s | %s | %s | %s | %s | %.1f s |\n", $column["name"], grouped($column["saved_pages"]),
        grouped(missed > 0 ? missed : 0), grouped($column["scanner_visits"]), grouped($column["merges"]), grouped($column["cow_breaks"]),
        first == "" ? "never" : sprintf("%.1f s", first / 1e9), $column["scanner_cpu_ns"] / 1e9
    }' "$found"
  echo
done
