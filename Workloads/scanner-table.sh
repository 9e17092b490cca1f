#!/bin/sh
# Prints the table of README.md from the folders of runs with variants, such as
#   memlab run Workloads/five-guests.yaml --out /tmp/five && Workloads/scanner-table.sh /tmp/five
set -eu
[ $# -gt 0 ] || { echo "usage: $0 RUN_FOLDER..." >&2; exit 64; }
for folder; do
  [ -r "$folder/variants.csv" ] || { echo "$0: $folder holds no variants.csv" >&2; exit 66; }
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
    }' "$folder/variants.csv"
  echo
done
