/* virtio-gpu in 2D: one resource for the screen, one for the pointer. */
#include "card.h"

enum {
    GET_DISPLAY_INFO = 0x100, CREATE_2D, UNREF, SET_SCANOUT, FLUSH, TRANSFER, ATTACH_BACKING,
    UPDATE_CURSOR = 0x300, MOVE_CURSOR,
};
enum { FORMAT_BGRA = 1, FORMAT_BGRX = 2, CURSOR_RESOURCE = 1, SLOTS = 32 };

struct command { /* header of 24 bytes, then up to 12 words that depend on the type */
    u32 type, flags;
    u64 fence;
    u32 context, padding;
    u32 word[12];
};

static struct virtio gpu;
static struct queue control, cursor;
static struct command commands[SLOTS], cursor_commands[8];
static u8 answers[SLOTS][408] __attribute__((aligned(8))), cursor_answers[8][24];
static int used_slots;
static u32 resource[2]; /* on the scanouts now; 0: none */
static u32 other_mode[6];
static u32 last_resource = CURSOR_RESOURCE;
static u32 pointer_pixels[64 * 64];

/* Fills the next slot; gpu_submit shows all filled slots to the device at once. */
static struct command *next_command(u32 type, int words)
{
    int slot = used_slots++;
    struct command *c = &commands[slot];
    memset(c, 0, sizeof *c);
    c->type = type;
    queue_set(&control, 2 * slot, c, 24 + 4 * words, false, 2 * slot + 1);
    queue_set(&control, 2 * slot + 1, answers[slot], sizeof answers[slot], true, -1);
    queue_post(&control, 2 * slot);
    return c;
}

void gpu_submit(void)
{
    if (used_slots)
        queue_kick(&control);
    used_slots = 0;
}

bool gpu_idle(void) { return queue_idle(&control); }

static bool submit_and_wait(void)
{
    gpu_submit();
    u64 from = tsc();
    while (!gpu_idle())
        if (milliseconds(tsc() - from) > 2000)
            return false;
    return true;
}

bool gpu_start(void)
{
    if (!virtio_open(&gpu, virtio_find(VIRTIO_GPU, 0), 0, NULL) || !gpu.config)
        return false;
    if (!virtio_queue(&gpu, &control, 0, 64) || !virtio_queue(&gpu, &cursor, 1, 16) || control.size < 64)
        return false;
    virtio_ready(&gpu);
    return true;
}

bool gpu_wanted_size(int *w, int *h)
{
    next_command(GET_DISPLAY_INFO, 0);
    if (!submit_and_wait())
        return false;
    const u32 *mode = (const u32 *)(answers[0] + 24); /* x, y, width, height, enabled, flags */
    memcpy(other_mode, mode + 6, sizeof other_mode);
    if (mode[4] && mode[2] && mode[3]) {
        *w = mode[2];
        *h = mode[3];
    }
    return true;
}

bool gpu_other_size(int *w, int *h)
{
    *w = other_mode[2];
    *h = other_mode[3];
    return other_mode[4] && *w && *h;
}

bool gpu_size_event(void)
{
    volatile u32 *config = (volatile u32 *)gpu.config; /* events read, events clear */
    if (!(config[0] & 1))
        return false;
    config[1] = 1;
    return true;
}

static void create(u32 id, u32 pixel_format, int w, int h, const void *pixels, u32 bytes)
{
    struct command *c = next_command(CREATE_2D, 4);
    c->word[0] = id;
    c->word[1] = pixel_format;
    c->word[2] = w;
    c->word[3] = h;
    c = next_command(ATTACH_BACKING, 6);
    c->word[0] = id;
    c->word[1] = 1;
    c->word[2] = (u64)pixels;
    c->word[3] = (u64)pixels >> 32;
    c->word[4] = bytes;
}

static void transfer(u32 id, struct rect r, int stride)
{
    struct command *c = next_command(TRANSFER, 8);
    u64 offset = ((u64)r.y * stride + r.x) * 4;
    c->word[0] = r.x;
    c->word[1] = r.y;
    c->word[2] = r.w;
    c->word[3] = r.h;
    c->word[4] = offset;
    c->word[5] = offset >> 32;
    c->word[6] = id;
}

static void flush(u32 id, struct rect r)
{
    struct command *c = next_command(FLUSH, 6);
    c->word[0] = r.x;
    c->word[1] = r.y;
    c->word[2] = r.w;
    c->word[3] = r.h;
    c->word[4] = id;
}

/* A new resource over the same memory; the old one goes after the switch. */
void gpu_set_mode(int head, const u32 *pixels, int w, int h)
{
    u32 old = resource[head], now = w ? ++last_resource : 0;
    resource[head] = now;
    if (now) {
        create(now, FORMAT_BGRX, w, h, pixels, (u32)w * h * 4);
        transfer(now, (struct rect){ 0, 0, w, h }, w);
    }
    struct command *c = next_command(SET_SCANOUT, 6);
    c->word[2] = w;
    c->word[3] = h;
    c->word[4] = head;
    c->word[5] = now;
    if (now)
        flush(now, (struct rect){ 0, 0, w, h });
    if (old)
        next_command(UNREF, 2)->word[0] = old;
    submit_and_wait();
}

/* All transfers first, then the flushes, seen by the device in one go. */
void gpu_present(int head, const struct rect *rects, int count, int w)
{
    for (int i = 0; i < count; i++)
        transfer(resource[head], rects[i], w);
    for (int i = 0; i < count; i++)
        flush(resource[head], rects[i]);
}

static bool cursor_command(u32 type, int head, int x, int y, u32 shape)
{
    if (!queue_idle(&cursor))
        return false; /* the next frame tries again */
    struct command *c = &cursor_commands[0];
    memset(c, 0, sizeof *c);
    c->type = type;
    c->word[0] = head;
    c->word[1] = x;
    c->word[2] = y;
    c->word[4] = shape;
    queue_set(&cursor, 0, c, 24 + 32, false, 1);
    queue_set(&cursor, 1, cursor_answers[0], 24, true, -1);
    queue_post(&cursor, 0);
    queue_kick(&cursor);
    return true;
}

void gpu_cursor_shape(const u32 *argb64)
{
    memcpy(pointer_pixels, argb64, sizeof pointer_pixels);
    create(CURSOR_RESOURCE, FORMAT_BGRA, 64, 64, pointer_pixels, sizeof pointer_pixels);
    transfer(CURSOR_RESOURCE, (struct rect){ 0, 0, 64, 64 }, 64);
    submit_and_wait();
    cursor_command(UPDATE_CURSOR, 0, 0, 0, CURSOR_RESOURCE);
    for (u64 from = tsc(); !queue_idle(&cursor) && milliseconds(tsc() - from) < 1000;)
        ;
}

/* It leaves one screen before it comes to the other. */
bool gpu_cursor_move(int head, int x, int y)
{
    static int on;
    static bool left;
    if (head == on && !left)
        return cursor_command(MOVE_CURSOR, head, x, y, CURSOR_RESOURCE);
    if (!left) {
        left = cursor_command(UPDATE_CURSOR, on, 0, 0, 0);
        return false;
    }
    if (!cursor_command(UPDATE_CURSOR, head, x, y, CURSOR_RESOURCE))
        return false;
    on = head;
    left = false;
    return true;
}
