/* A tone from an AC'97 card. */
#include "card.h"

/* A tenth of a second holds whole waves, so that it can be repeated. */
enum { RATE = 48000, HERTZ = 440, PIECE = RATE / 10, PIECES = 30 };
/* The bus master's registers for playing, and those of the mixer. */
enum { LIST = 0x10, LAST = 0x15, STATUS = 0x16, CONTROL = 0x1b, GLOBAL = 0x2c };
enum { MASTER_VOLUME = 0x02, PLAY_VOLUME = 0x18 };

static u16 mixer, master;
static u16 wave[PIECE * 2] __attribute__((aligned(8)));
static struct {
    u32 address;
    u16 samples, flags;
} list[32] __attribute__((aligned(8)));

static u16 io_bar(const struct pci *p, int bar)
{
    u32 low = pci_read(p, 0x10 + 4 * bar);
    return low & 1 ? low & 0xfffc : 0;
}

void sound_start(void)
{
    for (int i = 0; i < pci_count; i++) {
        const struct pci *p = &pci_devices[i];
        if (p->class_code != 0x0401 && p->class_code != 0x0403)
            continue;
        card.sound = SOUND_UNKNOWN_CARD;
        if (p->vendor != 0x8086 || p->device != 0x2415)
            continue;
        mixer = io_bar(p, 0);
        master = io_bar(p, 1);
        if (!mixer || !master)
            continue;
        pci_write(p, 4, pci_read(p, 4) | 5); /* ports, bus master */
        out32(master + GLOBAL, 2);
        out16(mixer, 0);
        out16(mixer + MASTER_VOLUME, 0);
        out16(mixer + PLAY_VOLUME, 0);
        for (int at = 0; at < PIECE; at++)
            wave[2 * at] = wave[2 * at + 1] = sine((u64)at * HERTZ * 65536 / RATE) / 4;
        for (int piece = 0; piece < PIECES; piece++) {
            list[piece].address = (u64)wave;
            list[piece].samples = PIECE * 2;
        }
        card.sound = SOUND_READY;
        return;
    }
}

void sound_play(void)
{
    if (card.sound != SOUND_READY)
        return;
    out8(master + CONTROL, 2); /* from the start of the list */
    out32(master + LIST, (u64)list);
    out8(master + LAST, PIECES - 1);
    out8(master + CONTROL, 1);
    card.sound = SOUND_PLAYING;
}

void sound_poll(void)
{
    if (card.sound == SOUND_PLAYING && in16(master + STATUS) & 1) { /* halted after the last piece */
        out8(master + CONTROL, 0);
        card.sound = SOUND_READY;
    }
}
