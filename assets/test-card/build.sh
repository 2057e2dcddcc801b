#!/bin/sh
# Builds the test card image: build.sh OUTPUT. Uses $CC (default gcc) and its
# linker only; the same compiler and linker always give the same bytes.
# build.sh --compiler prints which ones these are.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
output=$1
if [ "$output" = --compiler ]; then
    ${CC:-gcc} --version | head -n 1
    ${CC:-gcc} -Wl,--version 2>/dev/null | head -n 1
    exit
fi
case $output in /*) ;; *) output=$PWD/$output ;; esac
cd "$here"
export LC_ALL=C SOURCE_DATE_EPOCH=0
${CC:-gcc} -m64 -march=x86-64 -std=gnu11 -O2 -Wall -Wextra -Werror=implicit-function-declaration \
    -ffreestanding -fno-builtin -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-unwind-tables -fno-strict-aliasing -fwrapv -funsigned-char -Wno-array-bounds \
    -nostdlib -static -no-pie -Wl,-T,card.ld -Wl,--oformat=binary -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
    -o "$output" \
    boot.S main.c machine.c pci.c virtio.c gpu.c screen.c input.c disk.c net.c sound.c acpi.c ballast.c \
    paint.c scene.c panel.c strip.c font.c
