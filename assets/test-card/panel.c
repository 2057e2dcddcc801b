/* The glass panel with the title, a line per result, and what was typed. */
#include "card.h"

enum { LINES = 9, VALUE = 96 };
enum { WHITE = 0xfff6ea, SOFT = 0xcfbfd0, GREEN = 0x9bd77a, AMBER = 0xffbe5c, RED = 0xff7a6b, GLASS = 0x1a1232 };

static const char *const labels[LINES] = { "Acceleration", "Screen", "Keyboard", "Mouse",
                                           "Disk", "Network", "Sound", "Memory", "Ballast" };
static char shown[LINES][VALUE], shown_typed[TEXT_SHOWN + 2], shown_foot[VALUE];
static char shown_sign[LINES];
static int right, top, height, pitch, first;
static const struct font *body = &font_17;

int panel_right(void) { return right; }

enum { LEFT = 32, INDENT = 24 };

static bool large(void) { return body == &font_32; }
static bool compact(void) { return screen.h < 620; }
static int baseline(struct rect r) { return r.y + r.h / 2 + body->size * 3 / 8; }

void panel_draw(void)
{
    body = screen.w >= 1900 && screen.h >= 1200 ? &font_32 : &font_17;
    int strip = STRIP_ROWS * STRIP_CELL, margin = screen.h < 700 ? 10 : 28;
    int wide = large() ? 1040 : 592;
    right = screen.w - 84 < LEFT + wide ? screen.w - 84 : LEFT + wide;
    top = strip + margin;
    int head = compact() ? 56 : large() ? 190 : 104, foot = compact() ? 84 : large() ? 190 : 126;
    int most = large() ? 74 : 44;
    pitch = (screen.h - top - margin - head - foot) / LINES;
    pitch = pitch > most ? most : pitch < 19 ? 19 : pitch;
    height = head + LINES * pitch + foot;
    first = top + head;
    struct rect box = { LEFT, top, right - LEFT, height };
    round_rect(&scene, (struct rect){ box.x - 1, box.y - 1, box.w + 2, box.h + 2 }, 19, 0xffe0c0, 46);
    round_rect(&scene, box, 18, GLASS, 188);
    int base = top + (compact() ? 38 : large() ? 84 : 50);
    text(&scene, large() ? &font_56 : &font_32, LEFT + INDENT, base, WHITE, "Orangery test card");
    if (!compact())
        text(&scene, body, LEFT + INDENT, base + (large() ? 54 : 28), SOFT,
             "A tiny guest that tries out your virtual machine");
    for (int i = 0; i < LINES; i++) {
        shown[i][0] = shown_sign[i] = 0;
        struct rect line = { LEFT + INDENT + body->size * 7 / 4, first + i * pitch, 0, pitch };
        text(&scene, body, line.x, baseline(line), SOFT, labels[i]);
    }
    shown_typed[0] = 1;
    shown_foot[0] = 0;
    copy_rect(&still, &scene, (struct rect){ 0, 0, screen.w, screen.h });
    copy_rect(&screen, &scene, (struct rect){ 0, 0, screen.w, screen.h });
}

/* Text into the still layer, at most `room` wide, its head cut if `tail`, and onto the screen. */
static void replace(struct rect r, const char *s, u32 colour, bool tail)
{
    char cut[VALUE];
    format(cut, sizeof cut, "%s", s);
    const char *from = cut;
    while (tail && text_width(body, from) > r.w)
        from++;
    for (size_t n = strlen(cut); !tail && n && text_width(body, cut) > r.w;) {
        cut[--n] = 0;
        if (n)
            cut[n - 1] = SIGN_MORE;
    }
    copy_rect(&still, &scene, r);
    text(&still, body, r.x, baseline(r), colour, from);
    copy_rect(&screen, &still, r);
    screen_dirty(r);
}

static void result(int i, char sign, const char *value)
{
    if (sign == shown_sign[i] && strlen(value) == strlen(shown[i]) && !memcmp(value, shown[i], strlen(value)))
        return;
    shown_sign[i] = sign;
    format(shown[i], VALUE, "%s", value);
    int y = first + i * pitch;
    char mark[2] = { sign, 0 };
    u32 colour = sign == SIGN_CHECK ? GREEN : sign == SIGN_CROSS ? RED : AMBER;
    replace((struct rect){ LEFT + INDENT, y, body->size * 3 / 2, pitch }, mark, colour, false);
    int x = LEFT + INDENT + body->size * 9;
    replace((struct rect){ x, y, right - 12 - x, pitch }, value, WHITE, false);
}

static void size_words(char *out, size_t size, u64 bytes)
{
    u64 mib = (bytes + (1 << 19)) >> 20;
    if (mib < 1024)
        format(out, size, "%u MiB", mib);
    else
        format(out, size, "%u.%u GiB", mib >> 10, (mib & 1023) * 10 >> 10);
}

static void machine_lines(void)
{
    char s[VALUE], name[40];
    static const char *const words[] = { "none seen", "KVM", "TCG: software emulation" };
    const char *what = card.accelerator == ACCEL_OTHER ? card.accelerator_name : words[card.accelerator];
    format(s, sizeof s, "%s, %d processor%s", what, card.processors, card.processors == 1 ? "" : "s");
    result(0, card.accelerator == ACCEL_KVM ? SIGN_CHECK : SIGN_DASH, s);
    screen_name(name, sizeof name);
    result(1, screen_is_virtio ? SIGN_CHECK : SIGN_DASH, name);
    size_words(s, sizeof s, (memory_total() + (2 << 20)) >> 22 << 22);
    result(7, SIGN_CHECK, s);
}

static void input_lines(void)
{
    char s[VALUE];
    if (card.keys)
        format(s, sizeof s, "%d key%s, last: %s", card.keys, card.keys == 1 ? "" : "s", key_name(card.key_code));
    result(2, card.keys ? SIGN_CHECK : SIGN_DASH, card.keys ? s : "press a key");
    if (card.pointer_seen)
        format(s, sizeof s, "%d, %d%s%s%s%s", card.pointer_x, card.pointer_y, card.tablet ? "" : " (relative)",
               card.buttons & 1 ? "  left" : "", card.buttons & 4 ? "  middle" : "", card.buttons & 2 ? "  right" : "");
    result(3, card.pointer_seen ? SIGN_CHECK : SIGN_DASH, card.pointer_seen ? s : "move the mouse");
}

static void disk_and_net_lines(void)
{
    char s[VALUE];
    switch (card.disk) {
    case DISK_OK:
        format(s, sizeof s, "counter %u written and read back", (u64)card.boots);
        break;
    case DISK_BIOS_ONLY: format(s, sizeof s, "read by the BIOS only"); break;
    case DISK_READ_ONLY: format(s, sizeof s, "read, but it is read-only"); break;
    case DISK_BAD: format(s, sizeof s, "a read or a write failed"); break;
    case DISK_NONE: format(s, sizeof s, "not looked at yet"); break;
    }
    result(4, card.disk == DISK_OK ? SIGN_CHECK : card.disk == DISK_BAD ? SIGN_CROSS : SIGN_DASH, s);
    switch (card.net) {
    case NET_ADDRESS:
        format(s, sizeof s, "address %d.%d.%d.%d", card.address[0], card.address[1], card.address[2], card.address[3]);
        break;
    case NET_ASKING: format(s, sizeof s, "asking for an address"); break;
    case NET_NO_ANSWER: format(s, sizeof s, "no answer"); break;
    case NET_NO_CARD: format(s, sizeof s, "no card"); break;
    case NET_UNKNOWN_CARD: format(s, sizeof s, "a card the test card cannot drive"); break;
    }
    result(5, card.net == NET_ADDRESS ? SIGN_CHECK : card.net == NET_NO_ANSWER ? SIGN_CROSS : SIGN_DASH, s);
}

static void sound_line(void)
{
    static const char *const words[] = { "no card", "a card the test card cannot drive", "AC'97: press F2 for a tone",
                                         "AC'97: a tone of 440 Hz" };
    result(6, card.sound >= SOUND_READY ? SIGN_CHECK : SIGN_DASH, words[card.sound]);
}

static void ballast_line(void)
{
    char s[VALUE], size[24];
    const char *less = card.ballast_short ? ", less than asked" : "";
    size_words(size, sizeof size, card.ballast_filled);
    switch (card.ballast) {
    case BALLAST_NONE: format(s, sizeof s, "none"); break;
    case BALLAST_FILLING: format(s, sizeof s, "filling: %s%s", size, less); break;
    case BALLAST_OK: format(s, sizeof s, "%s%s, checked %u time%s", size, less, (u64)card.ballast_done,
               card.ballast_done == 1 ? "" : "s"); break;
    case BALLAST_BAD: format(s, sizeof s, "%s, damaged at 0x%x", size, card.ballast_bad_at); break;
    }
    result(8, card.ballast == BALLAST_BAD ? SIGN_CROSS : card.ballast == BALLAST_OK ? SIGN_CHECK : SIGN_DASH, s);
}

static void typed_line(void)
{
    char s[TEXT_SHOWN + 2];
    format(s, sizeof s, "%s_", card.typed);
    if (strlen(s) == strlen(shown_typed) && !memcmp(s, shown_typed, strlen(s)))
        return;
    memcpy(shown_typed, s, sizeof s);
    int h = large() ? 56 : 32, y = first + LINES * pitch + (compact() ? 6 : 16);
    struct rect field = { LEFT + INDENT, y, right - LEFT - 2 * INDENT, h };
    copy_rect(&still, &scene, field);
    round_rect(&still, field, 8, 0xffe8d0, 30);
    int room = field.w - 24;
    const char *from = card.typed[0] ? s : "Type something";
    while (text_width(body, from) > room)
        from++;
    text(&still, body, field.x + 12, baseline(field), card.typed[0] ? WHITE : SOFT, from);
    copy_rect(&screen, &still, field);
    screen_dirty(field);
}

static void foot_line(void)
{
    char s[VALUE];
    u64 seconds = uptime_ms() / 1000;
    format(s, sizeof s, "Up %u:%u%u %c first frame after %u ms %c %u disk write%s", seconds / 60, seconds % 60 / 10,
           seconds % 10, SIGN_DOT, (u64)card.boot_ms, SIGN_DOT, (u64)card.writes, card.writes == 1 ? "" : "s");
    if (card.leaving)
        format(s, sizeof s, "Power button pressed: switching off");
    if (strlen(s) == strlen(shown_foot) && !memcmp(s, shown_foot, strlen(s)))
        return;
    format(shown_foot, VALUE, "%s", s);
    int y = top + height - (compact() ? 36 : large() ? 80 : 52);
    replace((struct rect){ LEFT + INDENT, y, right - LEFT - 2 * INDENT, large() ? 48 : 28 }, s,
            card.leaving ? AMBER : SOFT, false);
}

void panel_update(void)
{
    machine_lines();
    input_lines();
    disk_and_net_lines();
    sound_line();
    ballast_line();
    typed_line();
    foot_line();
}

void panel_exception(const char *one, const char *two)
{
    struct rect box = { 40, screen.h / 2 - 60, screen.w - 80, 130 };
    round_rect(&screen, box, 12, 0x6b1220, 250);
    text(&screen, &font_32, box.x + 20, box.y + 44, WHITE, "The test card stopped");
    text(&screen, &font_17, box.x + 20, box.y + 78, WHITE, one);
    text(&screen, &font_17, box.x + 20, box.y + 106, WHITE, two);
    screen_dirty(box);
}
