/* Keyboard and pointer: virtio-input, or the PS/2 controller as the fallback. */
#include "card.h"

enum { EV_KEY = 1, EV_REL = 2, EV_ABS = 3 };
enum { KEY_BACKSPACE = 14, KEY_ENTER = 28, KEY_LEFTCTRL = 29, KEY_LEFTSHIFT = 42, KEY_RIGHTSHIFT = 54,
       KEY_LEFTALT = 56, KEY_CAPSLOCK = 58, KEY_F2 = 60, KEY_KPENTER = 96, KEY_RIGHTCTRL = 97, KEY_RIGHTALT = 100,
       KEY_LEFTMETA = 125, KEY_RIGHTMETA = 126, BUTTON_LEFT = 0x110 };
enum { EV_PS2_KEY = 0x100, EV_PS2_MOUSE }; /* our own: a byte from the controller */
enum { DEVICES = 4, EVENTS = 64, WAITING = 2048 };

struct event {
    u16 type, code;
    u32 value;
};

static struct {
    struct virtio v;
    struct queue q;
    struct event events[EVENTS];
} devices[DEVICES];
static int device_count;
static bool started, ps2_keyboard, ps2_mouse;
static struct event waiting[WAITING]; /* between interrupt and main loop; what does not fit is lost */
static volatile u32 waiting_in, waiting_out;
static bool shift[2], control[2], alt[2], meta[2], caps;
static bool absolute_moved;
static int absolute_x, absolute_y;

static const char plain[] = "\0\0" "1234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 \0";
static const char shifted[] = "\0\0" "!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 \0";
static const char keypad[] = "789-456+1230."; /* 71..83 */

const char *key_name(u16 code)
{
    static char name[8];
    static const char *const others[128] = {
        [1] = "Esc", [14] = "Backspace", [15] = "Tab", [28] = "Enter", [29] = "left Ctrl", [42] = "left Shift",
        [54] = "right Shift", [56] = "left Alt", [57] = "Space", [58] = "Caps Lock", [69] = "Num Lock",
        [70] = "Scroll Lock", [86] = "< >", [87] = "F11", [88] = "F12", [96] = "keypad Enter", [97] = "right Ctrl",
        [98] = "keypad /", [99] = "Print", [100] = "right Alt", [102] = "Home", [103] = "up", [104] = "Page Up",
        [105] = "left", [106] = "right", [107] = "End", [108] = "down", [109] = "Page Down", [110] = "Insert",
        [111] = "Delete", [119] = "Pause", [125] = "left Super", [126] = "right Super", [127] = "Menu",
    };
    if (code < 128 && others[code])
        return others[code];
    if (code >= 59 && code <= 68) {
        format(name, sizeof name, "F%d", code - 58);
        return name;
    }
    if (code < sizeof shifted && shifted[code]) {
        char c = plain[code];
        format(name, sizeof name, "%c", c >= 'a' && c <= 'z' ? c - 32 : c);
        return name;
    }
    format(name, sizeof name, "no. %d", code);
    return name;
}

/* What was typed: characters, '\n' for Enter, '\b' for Backspace. */
static void typed(char c)
{
    size_t n = strlen(card.typed);
    card.text_hash = (card.text_hash ^ (u8)c) * 0x01000193;
    if (c == '\n') {
        card.typed[0] = 0;
    } else if (c == '\b') {
        if (n)
            card.typed[n - 1] = 0;
    } else {
        if (n == TEXT_SHOWN) { /* the oldest goes */
            memcpy(card.typed, card.typed + 1, TEXT_SHOWN);
            n--;
        }
        card.typed[n] = c;
        card.typed[n + 1] = 0;
    }
}

static void key(u16 code, bool down)
{
    switch (code) {
    case KEY_LEFTSHIFT: shift[0] = down; break;
    case KEY_RIGHTSHIFT: shift[1] = down; break;
    case KEY_LEFTCTRL: control[0] = down; break;
    case KEY_RIGHTCTRL: control[1] = down; break;
    case KEY_LEFTALT: alt[0] = down; break;
    case KEY_RIGHTALT: alt[1] = down; break;
    case KEY_LEFTMETA: meta[0] = down; break;
    case KEY_RIGHTMETA: meta[1] = down; break;
    }
    if (!down)
        return;
    card.keys++;
    card.key_code = code;
    if (code == KEY_CAPSLOCK)
        caps = !caps;
    if (code == KEY_F2)
        sound_play();
    if (control[0] || control[1] || alt[0] || alt[1] || meta[0] || meta[1])
        return;
    if (code == KEY_ENTER || code == KEY_KPENTER)
        return typed('\n');
    if (code == KEY_BACKSPACE)
        return typed('\b');
    char c = 0;
    if (code < sizeof plain - 1) {
        bool up = shift[0] || shift[1];
        c = plain[code];
        if (caps && c >= 'a' && c <= 'z')
            up = !up;
        if (up)
            c = shifted[code];
    } else if (code >= 71 && code <= 83) {
        c = keypad[code - 71];
    } else if (code == 86) {
        c = shift[0] || shift[1] ? '>' : '<';
    } else if (code == 98) {
        c = '/';
    }
    if (c)
        typed(c);
}

/* Both screens side by side, as most systems have them. */
static int desktop_width(void) { return screen.w + other.w; }
static int desktop_height(void) { return screen.h > other.h ? screen.h : other.h; }

static void point(int x, int y)
{
    int w = desktop_width(), h = desktop_height();
    card.pointer_x = x < 0 ? 0 : x >= w ? w - 1 : x;
    card.pointer_y = y < 0 ? 0 : y >= h ? h - 1 : y;
    card.pointer_seen = true;
}

static void button(int bit, bool down)
{
    u8 held = card.buttons;
    card.buttons = (held & ~(1 << bit)) | down << bit;
    card.clicks += down && !(held >> bit & 1);
    card.pointer_seen = true;
}

static void ps2_key(u8 scan);
static void ps2_pointer(u8 byte);

static void handle(const struct event *e)
{
    if (e->type == EV_PS2_KEY)
        ps2_key(e->value);
    else if (e->type == EV_PS2_MOUSE)
        ps2_pointer(e->value);
    else if (e->type == EV_KEY && e->code >= BUTTON_LEFT && e->code < BUTTON_LEFT + 8)
        button(e->code - BUTTON_LEFT, e->value);
    else if (e->type == EV_KEY && e->code < 256 && e->value < 2)
        key(e->code, e->value);
    else if (e->type == EV_ABS && e->code < 2) {
        *(e->code ? &absolute_y : &absolute_x) = e->value & 0x7fff;
        absolute_moved = true;
    } else if (e->type == EV_REL && e->code == 0)
        point(card.pointer_x + (i32)e->value, card.pointer_y);
    else if (e->type == EV_REL && e->code == 1)
        point(card.pointer_x, card.pointer_y + (i32)e->value);
    else if (e->type == EV_REL && e->code == 8)
        card.wheel += e->value;
}

static u8 bits_of(struct virtio *v, u8 event_type)
{
    v->config[0] = 0x11; /* which codes of this event type */
    v->config[1] = event_type;
    return v->config[2];
}

static bool open_device(const struct pci *p)
{
    struct virtio *v = &devices[device_count].v;
    struct queue *q = &devices[device_count].q;
    if (!virtio_open(v, p, 0, NULL) || !v->config || !virtio_queue(v, q, 0, EVENTS))
        return false;
    for (int i = 0; i < q->size; i++) {
        queue_set(q, i, &devices[device_count].events[i], sizeof(struct event), true, -1);
        queue_post(q, i);
    }
    virtio_ready(v);
    queue_kick(q);
    if (bits_of(v, EV_ABS))
        card.tablet = true;
    else if (bits_of(v, EV_REL))
        ;
    else
        card.keyboard_virtio = true;
    device_count++;
    return true;
}

static bool ps2_wait(u8 mask, u8 want)
{
    for (int spins = 0; spins < 20000; spins++)
        if ((in8(0x64) & mask) == want)
            return true;
    return false;
}

static void ps2_command(u8 c)
{
    if (ps2_wait(2, 0))
        out8(0x64, c);
}

static bool ps2_mouse_send(u8 c)
{
    ps2_command(0xd4);
    if (ps2_wait(2, 0))
        out8(0x60, c);
    return ps2_wait(1, 1) && in8(0x60) == 0xfa;
}

static int packet_length = 3;

static void ps2_start(void)
{
    if (in8(0x64) == 0xff) /* no controller */
        return;
    ps2_command(0xad);
    ps2_command(0xa7);
    for (int i = 0; i < 32 && in8(0x64) & 1; i++)
        in8(0x60);
    ps2_command(0x60);
    if (ps2_wait(2, 0))
        out8(0x60, 0x40); /* translate to set 1, no interrupts, both ports open */
    if (!card.keyboard_virtio) {
        ps2_command(0xae);
        ps2_keyboard = true;
    }
    if (!card.tablet) {
        ps2_command(0xa8);
        ps2_mouse = ps2_mouse_send(0xf6);
        static const u8 wheel_knock[] = { 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2 };
        for (size_t i = 0; i < sizeof wheel_knock && ps2_mouse; i++)
            ps2_mouse = ps2_mouse_send(wheel_knock[i]);
        if (ps2_mouse && ps2_wait(1, 1))
            packet_length = in8(0x60) == 3 ? 4 : 3;
        if (ps2_mouse)
            ps2_mouse = ps2_mouse_send(0xf4);
    }
}

static void ps2_key(u8 scan)
{
    static bool extended;
    static const u8 codes[128] = {
        [0x1c] = 96, [0x1d] = 97, [0x35] = 98, [0x37] = 99, [0x38] = 100, [0x47] = 102, [0x48] = 103, [0x49] = 104,
        [0x4b] = 105, [0x4d] = 106, [0x4f] = 107, [0x50] = 108, [0x51] = 109, [0x52] = 110, [0x53] = 111,
        [0x5b] = 125, [0x5c] = 126, [0x5d] = 127,
    };
    if (scan == 0xe0 || scan == 0xe1) {
        extended = scan == 0xe0;
        return;
    }
    u16 code = extended ? codes[scan & 0x7f] : scan & 0x7f;
    extended = false;
    if (code)
        key(code, !(scan & 0x80));
}

static void ps2_pointer(u8 byte)
{
    static u8 packet[4];
    static int have;
    if (!have && !(byte & 8))
        return; /* out of step */
    packet[have++] = byte;
    if (have < packet_length)
        return;
    have = 0;
    for (int i = 0; i < 3; i++)
        button(i, packet[0] >> i & 1);
    int dx = packet[1] - (packet[0] << 4 & 0x100), dy = packet[2] - (packet[0] << 3 & 0x100);
    point(card.pointer_x + dx, card.pointer_y - dy);
    if (packet_length == 4)
        card.wheel -= (i32)((u32)packet[3] << 28) >> 28;
}

void input_start(void)
{
    card.text_hash = 0x811c9dc5;
    card.pointer_x = screen.w / 2;
    card.pointer_y = screen.h / 2;
    const struct pci *p;
    for (int i = 0; device_count < DEVICES && (p = virtio_find(VIRTIO_INPUT, i)); i++)
        open_device(p);
    if (!card.keyboard_virtio || !card.tablet)
        ps2_start();
    started = true;
}

static void wait_in_line(struct event e)
{
    if (waiting_in - waiting_out < WAITING)
        waiting[waiting_in++ % WAITING] = e;
}

static void collect_virtio(int d)
{
    struct queue *q = &devices[d].q;
    u32 head, length;
    bool taken = false;
    while (queue_take(q, &head, &length)) {
        if (head < EVENTS) {
            wait_in_line(devices[d].events[head]);
            queue_post(q, head);
        }
        taken = true;
    }
    if (taken)
        queue_kick(q);
}

void input_collect(void)
{
    if (!started)
        return;
    for (int d = 0; d < device_count; d++)
        collect_virtio(d);
    for (int i = 0; (ps2_keyboard || ps2_mouse) && i < 64; i++) {
        u8 status = in8(0x64);
        if (!(status & 1))
            break;
        struct event e = { .type = status & 0x20 ? EV_PS2_MOUSE : EV_PS2_KEY, .value = in8(0x60) };
        if (status & 0x20 || ps2_keyboard)
            wait_in_line(e);
    }
}

void input_poll(void)
{
    for (; waiting_out != waiting_in; waiting_out++)
        handle(&waiting[waiting_out % WAITING]);
    if (absolute_moved) { /* the pixel whose scaled position this is: round up */
        point((absolute_x * desktop_width() + 32766) / 32767, (absolute_y * desktop_height() + 32766) / 32767);
        absolute_moved = false;
    }
    if (card.pointer_seen)
        screen_pointer(card.pointer_x, card.pointer_y);
}
