/* A guest for benchmarks: changes the screen so many times a second, on virtio-gpu or std VGA, with a bar code of the
 * frame's number and the number of key presses. Stands on the drivers of the test card. */
#include "gpu.c" /* with its commands, not only its functions: what is shown comes from elsewhere in memory */

enum mode { STILL, FULL, WINDOW, TEXT };

/* In the configuration sector, behind what is the test card's; painter.py writes it. */
static const struct { u32 mode, rate, width, height; } *const wanted = (const void *)(CONFIG_SECTOR + 32);

enum { CELL = 16, FRAME_BITS = 24, KEY_BITS = 8, CELLS = 3 + FRAME_BITS + KEY_BITS + 1 };
enum { LINE = 20, STEP = 4 }; /* pixels the picture moves by in a frame: a line of text, or a little */
enum { DEVICES = 4, EVENTS = 32, EV_KEY = 1, VECTOR = 0x41 };

struct card card;     /* machine.c and pci.c know it; nothing of it is used */
struct canvas screen;

static struct canvas picture; /* twice as high as the screen, then a row of cells: the bar */
static u32 *linear;           /* the framebuffer of std VGA; NULL with virtio-gpu */
static struct rect moving, bar;
static volatile u32 beats;

/* From the timer's interrupt in machine.c. */
void input_collect(void) { beats++; }

void exception_caught(const void *frame)
{
    (void)frame;
    serial("painter: exception");
    for (;;)
        asm volatile("cli; hlt");
}

/* ---- keys: virtio-input with an interrupt, so that a key does not wait for the next frame ---- */

struct event { u16 type, code; u32 value; };

static struct { struct virtio v; struct queue q; struct event events[EVENTS]; } inputs[DEVICES];
static int input_count;

/* Message 0 of the device becomes an interrupt of the processor; PCI 3.0, section 6.8.2. */
static void interrupt_by_message(const struct pci *p)
{
    int at = pci_read(p, 0x34) & 0xfc;
    for (int guard = 0; at && guard < 48; guard++, at = pci_read(p, at) >> 8 & 0xfc) {
        u32 head = pci_read(p, at), table = pci_read(p, at + 4);
        if ((head & 0xff) != 0x11)
            continue;
        u64 base = pci_bar(p, table & 7) + (table & ~7u);
        map(base, 16);
        volatile u32 *message = (volatile u32 *)base;
        message[0] = 0xfee00000;
        message[1] = 0;
        message[2] = VECTOR;
        message[3] = 0;
        pci_write(p, at, head | 1u << 31);
    }
}

static void open_input(const struct pci *p)
{
    struct virtio *v = &inputs[input_count].v;
    struct queue *q = &inputs[input_count].q;
    if (!virtio_open(v, p, 0, NULL) || !virtio_queue(v, q, 0, EVENTS))
        return;
    interrupt_by_message(p);
    *(volatile u16 *)(v->common + 22) = 0; /* of queue 0 … */
    *(volatile u16 *)(v->common + 26) = 0; /* … message 0 */
    q->avail[0] = 0;                       /* interrupts wanted */
    for (int i = 0; i < q->size; i++) {
        queue_set(q, i, &inputs[input_count].events[i], sizeof(struct event), true, -1);
        queue_post(q, i);
    }
    virtio_ready(v);
    queue_kick(q);
    input_count++;
}

static void inputs_start(void)
{
    volatile u32 *apic = (volatile u32 *)0xfee00000ull;
    apic[0xf0 / 4] |= 0x100;   /* on */
    apic[0x350 / 4] = 0x8700;  /* the old interrupt controller, which has the timer, stays connected */
    const struct pci *p;
    for (int i = 0; input_count < DEVICES && (p = virtio_find(VIRTIO_INPUT, i)); i++)
        open_input(p);
}

/* Key presses since the last call. */
static u32 keys_pressed(void)
{
    u32 pressed = 0, head, length;
    *(volatile u32 *)0xfee000b0ull = 0; /* end of interrupt */
    for (int d = 0; d < input_count; d++) {
        struct queue *q = &inputs[d].q;
        bool taken = false;
        while (queue_take(q, &head, &length)) {
            const struct event *e = &inputs[d].events[head % EVENTS];
            pressed += e->type == EV_KEY && e->code < 0x100 && e->value == 1;
            queue_post(q, head);
            taken = true;
        }
        if (taken)
            queue_kick(q);
    }
    return pressed;
}

/* ---- the way to the display ---- */

static void vga_start(int w, int h)
{
    for (int i = 0; i < pci_count; i++)
        if (pci_devices[i].class_code == 0x300)
            linear = (u32 *)pci_bar(&pci_devices[i], 0);
    const u16 settings[][2] = { { 4, 0 }, { 1, w }, { 2, h }, { 3, 32 }, { 4, 0x41 } }; /* off, size, depth, on */
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        out16(0x1ce, settings[i][0]);
        out16(0x1cf, settings[i][1]);
    }
}

/* A part of the screen gets the pixels at `from`, in the picture. */
static void put(struct rect r, const u32 *from)
{
    if (!r.w || !r.h)
        return;
    if (!linear) {
        transfer(resource[0], r, screen.w);
        u64 offset = (from - picture.pixels) * 4;
        commands[used_slots - 1].word[4] = offset;
        commands[used_slots - 1].word[5] = offset >> 32;
        return;
    }
    for (int y = 0; y < r.h; y++)
        memcpy(linear + (u64)(r.y + y) * screen.w + r.x, from + (u64)y * screen.w, r.w * 4);
}

static void show(struct rect r)
{
    if (!linear) {
        flush(resource[0], r);
        gpu_submit();
    }
}

static const u32 *bar_pixels(void) { return picture.pixels + (u64)picture.h * screen.w; }

static void draw_bar(u32 frame, u32 keys)
{
    struct canvas row = { (u32 *)bar_pixels(), screen.w, CELL };
    static const u32 head[] = { 0xff00ff, 0x00ffff, 0xffff00 };
    u32 bits = frame << KEY_BITS | (keys & 0xff); /* of the frame's number the low 24 */
    for (int i = 0; i < CELLS; i++) {
        u32 colour = i < 3 ? head[i] : i == CELLS - 1 ? 0x00ff00 : bits >> (CELLS - 2 - i) & 1 ? 0xffffff : 0;
        fill(&row, (struct rect){ i * CELL, 0, CELL, CELL }, colour);
    }
    put(bar, bar_pixels());
}

/* Everything that moves but the bar, whose place is never seen without it. */
static void put_around_bar(u32 row)
{
    struct rect r = moving;
    const u32 *from = picture.pixels + (u64)row * screen.w;
    int above = bar.y - r.y, left = bar.x - r.x, right = r.x + r.w - bar.x - bar.w;
    put((struct rect){ r.x, r.y, r.w, above }, from);
    put((struct rect){ r.x, bar.y, left, CELL }, from + (u64)above * screen.w);
    put((struct rect){ bar.x + bar.w, bar.y, right, CELL }, from + (u64)above * screen.w + left + bar.w);
    put((struct rect){ r.x, bar.y + CELL, r.w, r.h - above - CELL }, from + (u64)(above + CELL) * screen.w);
}

/* ---- what is shown ---- */

/* Columns of a smooth gradient, of rough strokes, and of noise, as in a desktop with a photograph. */
static void draw_desktop(void)
{
    u32 random = 12345;
    for (int y = 0; y < picture.h; y++) {
        u32 *p = picture.pixels + (u64)y * picture.w;
        for (int x = 0; x < picture.w; x++) {
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            switch ((x >> 7) % 3) {
            case 0: p[x] = (u32)y * 255 / picture.h << 16 | (u32)x * 255 / picture.w << 8 | 0x60; break;
            case 1: p[x] = (y & 15) > 3 && (y & 15) < 13 && !(random & 3) ? 0x202020 : 0xf0f0f0; break;
            default: p[x] = ((u32)(x * y >> 10 & 0x7f) + (random & 31)) * 0x010101; break;
            }
        }
    }
}

static void draw_text(void)
{
    fill(&picture, (struct rect){ 0, 0, picture.w, picture.h }, 0x101418);
    for (int line = 0; line < picture.h / LINE; line++) {
        char words[76];
        for (size_t i = 0; i < sizeof words - 1; i++)
            words[i] = random32() % 6 ? 'a' + random32() % 26 : ' ';
        words[sizeof words - 1] = 0;
        text(&picture, &font_17, 8, line * LINE + 15, 0xd0d8e0, words);
    }
}

static void choose_places(void)
{
    int w = wanted->mode == WINDOW ? 640 : wanted->mode == TEXT ? 720 : screen.w;
    int h = wanted->mode == WINDOW ? 360 : wanted->mode == TEXT ? 400 : screen.h;
    moving = (struct rect){ (screen.w - w) / 2, (screen.h - h) / 2, w, h };
    bar = (struct rect){ moving.x + 32, moving.y + h / 2, CELLS * CELL, CELL };
}

static void start(void)
{
    screen = (struct canvas){ NULL, wanted->width, wanted->height };
    picture = (struct canvas){ (u32 *)0x2000000, screen.w, 2 * screen.h };
    choose_places();
    if (wanted->mode == TEXT)
        draw_text();
    else
        draw_desktop();
    if (gpu_start()) {
        resource[0] = ++last_resource;
        create(resource[0], FORMAT_BGRX, screen.w, screen.h, picture.pixels, (picture.h + CELL) * screen.w * 4);
        struct command *c = next_command(SET_SCANOUT, 6);
        c->word[2] = screen.w;
        c->word[3] = screen.h;
        c->word[5] = resource[0];
        submit_and_wait();
    } else {
        vga_start(screen.w, screen.h);
    }
    put((struct rect){ 0, 0, screen.w, screen.h }, picture.pixels);
    draw_bar(0, 0);
    show((struct rect){ 0, 0, screen.w, screen.h });
}

static void set_timer(void)
{
    u32 divisor = 1193182 / wanted->rate;
    out8(0x43, wanted->mode == STILL ? 0x30 : 0x34); /* once, or over and over */
    out8(0x40, divisor);
    out8(0x40, divisor >> 8);
}

void card_main(void)
{
    machine_start();
    pci_scan();
    start();
    inputs_start();
    set_timer();
    serial("painter: running");
    u32 frame = 0, keys = 0, seen = beats, pressed = 0;
    int step = wanted->mode == TEXT ? LINE : STEP;
    for (;;) {
        asm volatile("cli" ::: "memory");
        while (!(pressed = keys_pressed()) && (beats == seen || wanted->mode == STILL))
            asm volatile("sti; hlt; cli" ::: "memory");
        asm volatile("sti" ::: "memory");
        keys += pressed;
        while (!linear && !gpu_idle())
            ;
        if (beats != seen && wanted->mode != STILL) {
            seen = beats;
            put_around_bar(++frame * step % screen.h);
            draw_bar(frame, keys);
            show(moving);
        } else {
            draw_bar(frame, keys);
            show(bar);
        }
    }
}
