#!/bin/bash
# Compares what memlab reads in a captured guest's page tables with what QEMU said of them, line by line.
#
#   Workloads/check-linux-guest.sh DIR [FIXTURES]
#
# DIR was made by capture-linux-guest.sh. Every entry of every root counts: address, frame, size and the bits XD, G, PS, D, A, PCD, PWT, U/S and
# R/W (info tlb); then the effective rights, ANDed over the levels (info mem, which QEMU prints for 4 levels only). The raw image and the
# ELF core are read both. Exits with 1 if anything differs.
# With FIXTURES, writes there, compressed, the pages that hold the tables of processors 0 and 2, and QEMU's lines.
set -euo pipefail

[ $# -ge 1 ] && [ $# -le 2 ] || { sed -n '2,4p' "$0" >&2; exit 64; }
dir=$1 fixtures=${2:-}
memlab=${MEMLAB:-$(dirname "$0")/../.build/release/memlab}
mine=$(mktemp)
trap 'rm -f "$mine"' EXIT
total=0 status=0

# compare IMAGE QEMU'S-LINES FORM
compare() {
  "$memlab" mappings "$1" --cr3 "$cr3" --levels "$levels" "${hole[@]}" --like "$3" >"$mine"
  if cmp -s "$mine" "$2"; then
    echo "equal: $(wc -l <"$mine") lines of $3, CR3 $cr3, $levels levels, $1"
  else
    echo "DIFFERENT: $3, CR3 $cr3, $levels levels, $1" >&2
    diff "$mine" "$2" | head -n 10 >&2 || true
    status=1
  fi
}

while read -r line; do
  for field in $line; do declare "${field%%=*}=${field#*=}"; done
  for image in "$dir/ram" "$dir/core.elf"; do
    [ -e "$image" ] || continue
    # An ELF core says itself where its memory lies.
    hole=(); [ "$image" != "$dir/ram" ] || hole=(--below-4g "$below")
    compare "$image" "$dir/$processor.tlb" info-tlb
    total=$((total + entries))
    if [ -s "$dir/$processor.mem" ]; then compare "$image" "$dir/$processor.mem" info-mem; fi
  done
  if [ -n "$fixtures" ] && [ "$processor" != 1 ]; then
    name=$fixtures/linux-${levels}level-$processor
    "$memlab" mappings "$dir/ram" --cr3 "$cr3" --levels "$levels" --below-4g "$below" --save-tables "$name.lime" >/dev/null
    zstd -q -19 --ultra --rm -f "$name.lime" -o "$name.lime.zst"
    { echo "$line"; cat "$dir/$processor.tlb"; } | zstd -q -19 --ultra -f -o "$name.tlb.zst"
  fi
done <"$dir/guest.txt"
[ $status = 0 ] && echo "all $total entries are as QEMU says"
exit $status
