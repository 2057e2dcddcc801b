/* The strip of black and white cells that tests read; layout in README.md. */
#include "card.h"

static u8 shown[STRIP_BYTES];
static bool valid;

void strip_reset(void) { valid = false; }

static u8 *put(u8 *at, u64 value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *at++ = value >> 8 * i;
    return at;
}

static u16 crc16(const u8 *data, int count)
{
    u16 crc = 0xffff;
    for (int i = 0; i < count; i++) {
        crc ^= data[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    }
    return crc;
}

static void encode(u8 *out)
{
    u8 flags = screen_is_virtio | card.keyboard_virtio << 1 | card.tablet << 2 | card.leaving << 3
        | card.accelerator << 4 | card.pointer_seen << 6 | card.caught << 7;
    u64 mib = card.ballast_filled >> 20;
    u8 *at = put(out, 0x4f47, 2);
    at = put(at, 1, 1);
    at = put(at, flags, 1);
    at = put(at, card.nonce, 4);
    at = put(at, card.keys, 2);
    at = put(at, card.text_hash, 4);
    at = put(at, card.pointer_x, 2);
    at = put(at, card.pointer_y, 2);
    at = put(at, card.clicks << 4 | (card.buttons & 15), 1);
    at = put(at, card.wheel, 1);
    at = put(at, card.boots, 4);
    at = put(at, card.writes, 4);
    at = put(at, card.disk << 5 | card.net << 2 | card.ballast, 1);
    at = put(at, card.ballast_done > 0xffff ? 0xffff : card.ballast_done, 2);
    at = put(at, mib > 0xffff ? 0xffff : mib, 2);
    at = put(at, card.boot_ms, 2);
    at = put(at, card.frame, 4);
    at = put(at, uptime_ms(), 4);
    put(at, crc16(out, at - out), 2);
}

void strip_draw(void)
{
    u8 now[STRIP_BYTES];
    encode(now);
    int top = STRIP_ROWS, bottom = -1;
    for (int bit = 0; bit < STRIP_BYTES * 8; bit++) {
        int mask = 0x80 >> bit % 8;
        bool on = now[bit / 8] & mask;
        if (valid && on == !!(shown[bit / 8] & mask))
            continue;
        int row = bit / STRIP_COLUMNS, column = bit % STRIP_COLUMNS;
        struct rect cell = { column * STRIP_CELL, row * STRIP_CELL, STRIP_CELL, STRIP_CELL };
        fill(&screen, cell, on ? 0xffffff : 0);
        fill(&other, cell, on ? 0xffffff : 0);
        if (row < top) top = row;
        if (row > bottom) bottom = row;
    }
    struct rect changed = { 0, top * STRIP_CELL, STRIP_COLUMNS * STRIP_CELL, (bottom - top + 1) * STRIP_CELL };
    if (bottom >= 0) {
        screen_dirty(changed);
        other_dirty(changed);
    }
    memcpy(shown, now, sizeof shown);
    valid = true;
}
