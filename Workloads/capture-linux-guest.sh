#!/bin/bash
# Boots a real Linux in QEMU's software emulation, stops it at work, and keeps its memory together with what QEMU itself says of its page tables.
#
#   Workloads/capture-linux-guest.sh DIR [4|5] [SIZE_MIB]
#
# Levels of page tables: 4 (default) or 5. SIZE_MIB of memory, 512 by default; from 3584 on QEMU puts a hole below 4 GiB.
# Needs root only to install Debian packages that are missing. DIR then holds:
#   ram           the guest's RAM, a raw image (with SIZE_MIB >= 3584: memlab needs --below-4g 3GiB)
#   core.elf      the same memory as an ELF core, by QEMU's dump-guest-memory; not with more than 2048 MiB
#   N.registers, N.tlb, N.mem   what QEMU's monitor says of processor N: info registers, info tlb, info mem
#   guest.txt     a line for each processor: N, CR3, levels, whether it was in user mode, what lies below 4 GiB, lines of N.tlb
# Two processors run processes, one of them with transparent huge pages, and one idles: so there are several roots. Page-table isolation
# is on (pti=on), so that a process in user mode runs on its own, smaller set of tables.
set -euo pipefail

[ $# -ge 1 ] && [ $# -le 3 ] || { sed -n '2,6p' "$0" >&2; exit 64; }
out=$1 levels=${2:-4} size=${3:-512}
case $levels in
  4) cpu=qemu64,+pdpe1gb,+nx option=no5lvl ;;
  5) cpu=qemu64,+pdpe1gb,+nx,+la57 option= ;;
  *) echo "levels are 4 or 5, not $levels" >&2; exit 64 ;;
esac
case $size in ''|*[!0-9]*) echo "SIZE_MIB is a number, not $size" >&2; exit 64 ;; esac

missing=
for package in qemu-system-x86 busybox-static cpio; do
  dpkg-query -W -f '${db:Status-Abbrev}' $package 2>/dev/null | grep -q '^.i' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  root=; [ "$(id -u)" = 0 ] || root=sudo
  echo "installing$missing" >&2
  $root apt-get update -qq >/dev/null
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

mkdir -p "$out"
out=$(cd "$out" && pwd)
cache=${MEMLAB_GUEST_CACHE:-$out/../linux-kernel}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$(mktemp -d)
emulator=
cleanup() { if [ -n "$emulator" ]; then kill "$emulator" 2>/dev/null || true; fi; rm -rf "$work"; }
trap cleanup EXIT

# The kernel of Debian's cloud images, taken out of its package and not installed.
if ! ls "$cache"/boot/vmlinuz-* >/dev/null 2>&1; then
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  (cd "$work" && apt-get download -qq "$package" 2>/dev/null && dpkg -x "$package"_*.deb "$cache")
fi
kernel=$(ls "$cache"/boot/vmlinuz-* | head -n 1)

mkdir -p "$work/root/bin"
cp "$(command -v busybox)" "$work/root/bin/busybox"
cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /tmp
echo always >/sys/kernel/mm/transparent_hugepage/enabled
# A process with many pages of its own, and one with few; both stay in user mode.
/bin/busybox taskset 1 /bin/busybox awk 'BEGIN { for (i = 0; i < 200000; i++) a[i] = i "x"; print "ready" > "/tmp/awk"; close("/tmp/awk"); while (1) n++ }' &
/bin/busybox taskset 2 /bin/busybox sh -c 'while :; do :; done' &
while ! [ -s /tmp/awk ]; do /bin/busybox usleep 100000; done
/bin/busybox cat /bin/busybox >/tmp/copy
/bin/busybox sleep 1
echo "guest is ready"
exec /bin/busybox sleep 100000
INIT
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1 >"$work/initramfs")

rm -f "$out/ram" "$out/core.elf"
mkfifo "$work/commands" "$work/answers"
qemu-system-x86_64 -accel tcg -cpu "$cpu" -smp 3 -m "$size" -nodefaults -display none -no-reboot \
  -object memory-backend-file,id=mem,size="${size}M",mem-path="$out/ram",share=on -machine pc,memory-backend=mem \
  -kernel "$kernel" -initrd "$work/initramfs" -append "console=ttyS0 quiet panic=-1 pti=on nokaslr $option" \
  -serial "file:$work/serial" -qmp stdio <"$work/commands" >"$work/answers" 2>"$work/errors" &
emulator=$!
exec 3>"$work/commands" 4<"$work/answers"

# Sends a command of QEMU's machine protocol and waits for the line that answers it.
ask() {
  echo "$1" >&3
  while IFS= read -r answer <&4; do
    case $answer in '{"return"'*|'{"error"'*) printf '%s\n' "$answer"; return ;; esac
  done
  echo "qemu ended: $(cat "$work/errors")" >&2
  exit 1
}
# What the monitor says of a processor, as text.
monitor() {
  ask "{\"execute\": \"human-monitor-command\", \"arguments\": {\"cpu-index\": $1, \"command-line\": \"$2\"}}" |
    sed -e 's/^{"return": "//' -e 's/"}.*$//' -e 's/\\r\\n/\n/g' | sed -e '/^$/d'
}

ask '{"execute": "qmp_capabilities"}' >/dev/null
for ((second = 0; ; second++)); do
  grep -q "guest is ready" "$work/serial" 2>/dev/null && break
  kill -0 $emulator 2>/dev/null || { echo "qemu ended: $(cat "$work/errors" "$work/serial")" >&2; exit 1; }
  [ $second -lt 300 ] || { echo "the guest is not ready after five minutes: $(tail -n 5 "$work/serial")" >&2; exit 1; }
  sleep 1
done
sleep 2
ask '{"execute": "stop"}' >/dev/null
: >"$out/guest.txt"
for processor in 0 1 2; do
  monitor $processor "info registers" >"$out/$processor.registers"
  monitor $processor "info tlb" >"$out/$processor.tlb"
  monitor $processor "info mem" >"$out/$processor.mem"
  cr3=$(grep -o 'CR3=[0-9a-f]*' "$out/$processor.registers" | cut -d= -f2)
  cr4=$(grep -o 'CR4=[0-9a-f]*' "$out/$processor.registers" | cut -d= -f2)
  ring=$(grep -o 'CPL=[0-3]' "$out/$processor.registers" | cut -d= -f2)
  depth=4; [ $((0x$cr4 & 0x1000)) = 0 ] || depth=5
  below=4GiB; [ "$size" -lt 3584 ] || below=3GiB
  echo "processor=$processor cr3=0x$cr3 levels=$depth ring=$ring below=$below entries=$(wc -l <"$out/$processor.tlb")" | tee -a "$out/guest.txt"
  [ $depth = "$levels" ] || { echo "the guest runs with $depth levels, not $levels" >&2; exit 1; }
done
if [ "$size" -le 2048 ]; then
  ask "{\"execute\": \"dump-guest-memory\", \"arguments\": {\"paging\": false, \"protocol\": \"file:$out/core.elf\"}}" >"$work/dump"
  grep -q '^{"return"' "$work/dump" || { echo "no core: $(cat "$work/dump")" >&2; exit 1; }
fi
ask '{"execute": "quit"}' >/dev/null || true
wait $emulator 2>/dev/null || true
emulator=
