#!/bin/sh
# Builds the painter's disk image as the test card's is built: build.sh OUTPUT. Uses $CC (default gcc) and its linker.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
card=$here/../../../assets/test-card
output=$1
case $output in /*) ;; *) output=$PWD/$output ;; esac
cd "$card"
${CC:-gcc} -m64 -march=x86-64 -std=gnu11 -O2 -Wall -Wextra -I. \
    -ffreestanding -fno-builtin -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-unwind-tables -fno-strict-aliasing -fwrapv -funsigned-char -Wno-array-bounds \
    -nostdlib -static -no-pie -Wl,-T,card.ld -Wl,--oformat=binary -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
    -o "$output" boot.S machine.c pci.c virtio.c paint.c font.c "$here/painter.c"
