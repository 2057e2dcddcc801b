/* The three picture layers, what changed, and the way to virtio-gpu or a VBE framebuffer. */
#include "card.h"

enum { RECTS = 10, POINTER = 24 };

struct canvas scene, still, screen, other;
bool screen_is_virtio;

static struct rect rects[RECTS];
static int rect_count;
static bool new_mode, new_other;
static struct rect other_rect;
static bool no_display;
static volatile u32 *linear; /* VBE framebuffer */
static u32 linear_stride;    /* in pixels */
static int pointer_x = -1, pointer_y, drawn_x = -1, drawn_y;
static u32 pointer_shape[64 * 64]; /* premultiplied ARGB, as virtio-gpu wants it */

static i64 area(struct rect r) { return (i64)r.w * r.h; }

static struct rect around(struct rect a, struct rect b)
{
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int x1 = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w;
    int y1 = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){ x, y, x1 - x, y1 - y };
}

static void set_layers(int w, int h)
{
    while ((u64)w * h * 12 > layers_limit() && h > MIN_HEIGHT) { /* little memory, smaller picture */
        w = w * 7 / 8;
        h = h * 7 / 8;
    }
    w = w < MIN_WIDTH ? MIN_WIDTH : w > MAX_WIDTH ? MAX_WIDTH : w;
    h = h < MIN_HEIGHT ? MIN_HEIGHT : h > MAX_HEIGHT ? MAX_HEIGHT : h;
    u64 bytes = ((u64)w * h * 4 + 4095) & ~4095ull;
    scene = (struct canvas){ (u32 *)LAYERS, w, h };
    still = (struct canvas){ (u32 *)(LAYERS + bytes), w, h };
    screen = (struct canvas){ (u32 *)(LAYERS + 2 * bytes), w, h };
    new_mode = true;
}

/* Behind the layers, if the memory reaches. */
static void set_other(void)
{
    int w, h;
    u64 layer = ((u64)screen.w * screen.h * 4 + 4095) & ~4095ull;
    bool wanted = gpu_other_size(&w, &h);
    w = w < MIN_WIDTH ? MIN_WIDTH : w > MAX_WIDTH ? MAX_WIDTH : w;
    h = h < MIN_HEIGHT ? MIN_HEIGHT : h > MAX_HEIGHT ? MAX_HEIGHT : h;
    if (!wanted || 3 * layer + (u64)w * h * 4 > layers_limit())
        w = h = 0;
    struct canvas now = { (u32 *)(LAYERS + 3 * layer), w, h };
    new_other = now.w != other.w || now.h != other.h || (w && now.pixels != other.pixels);
    other = now;
}

/* A plain arrow: white with a dark edge and a soft shadow. */
static void draw_pointer_shape(void)
{
    static const i32 arrow[] = { 1, 1, 1, 17, 5, 13, 8, 20, 11, 19, 8, 12, 13, 12 };
    i32 edge[14], inner[14], shadow[14];
    static u32 colour[64 * 64], alpha[64 * 64];
    struct canvas c = { colour, 64, 64 }, a = { alpha, 64, 64 };
    for (int i = 0; i < 14; i++) {
        edge[i] = arrow[i] * 256 - 256; /* the tip is pixel 0,0 */
        shadow[i] = arrow[i] * 256 + 64;
    }
    static const i32 inside[] = { 9, 16, 9, 59, 20, 49, 34, 75, 40, 72, 28, 47, 42, 47 }; /* quarter pixels */
    for (int i = 0; i < 14; i++)
        inner[i] = inside[i] * 64 - 256;
    polygon(&a, shadow, 7, 0x606060, 0x606060, 256);
    polygon(&a, edge, 7, 0xffffff, 0xffffff, 256);
    polygon(&c, edge, 7, 0x201828, 0x201828, 256);
    polygon(&c, inner, 7, 0xffffff, 0xffffff, 256);
    for (int i = 0; i < 64 * 64; i++)
        pointer_shape[i] = colour[i] | (alpha[i] & 0xff) << 24;
}

static bool vbe_start(void)
{
    if (!NOTE_VBE)
        return false;
    u32 base = *(u32 *)(VBE_MODE + 0x28);
    linear = (volatile u32 *)(u64)base;
    linear_stride = *(u16 *)(VBE_MODE + 0x10) / 4;
    int w = *(u16 *)(VBE_MODE + 0x12), h = *(u16 *)(VBE_MODE + 0x14);
    set_layers(w, h);
    return base != 0;
}

void screen_start(void)
{
    int w = 1280, h = 800;
    draw_pointer_shape();
    screen_is_virtio = gpu_start() && gpu_wanted_size(&w, &h);
    if (screen_is_virtio) {
        set_layers(w, h);
        set_other();
        gpu_cursor_shape(pointer_shape);
    } else if (!vbe_start()) {
        no_display = true; /* nothing to see, yet disk, network and ballast still run */
        set_layers(MIN_WIDTH, MIN_HEIGHT);
    }
}

bool screen_busy(void) { return screen_is_virtio && !gpu_idle(); }

bool screen_mode_changed(void)
{
    static int wait;
    if (!screen_is_virtio || ++wait < 6) /* ten looks a second */
        return false;
    wait = 0;
    int w = screen.w, h = screen.h;
    if (!gpu_size_event() || !gpu_wanted_size(&w, &h))
        return false;
    int old_w = screen.w, old_h = screen.h;
    set_layers(w, h);
    set_other();
    new_mode = screen.w != old_w || screen.h != old_h || new_other;
    return new_mode;
}

/* The second screen has the strip too, and a plain ground. */
void other_draw(void)
{
    fill(&other, (struct rect){ 0, 0, other.w, other.h }, 0x1b3a4b);
    if (other.w)
        text(&other, &font_32, 48, 240, 0xffffff, "Screen 2");
}

void other_dirty(struct rect r)
{
    if (other.w)
        other_rect = other_rect.w ? around(other_rect, r) : r;
}

/* Rectangles that lie close become one: a flush costs more than a few pixels. */
void screen_dirty(struct rect r)
{
    r = clip(r, screen.w, screen.h);
    if (!r.w || !r.h)
        return;
    for (int i = 0; i < rect_count; i++) {
        struct rect both = around(rects[i], r);
        if (area(both) <= area(rects[i]) + area(r) + 4096 || rect_count == RECTS) {
            rects[i] = rects[--rect_count];
            screen_dirty(both);
            return;
        }
    }
    rects[rect_count++] = r;
}

static void linear_copy(struct rect r)
{
    r = clip(r, screen.w, screen.h);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++)
            linear[y * linear_stride + x] = screen.pixels[y * screen.w + x];
}

static bool in_strip(int x, int y)
{
    return x < STRIP_COLUMNS * STRIP_CELL && y < STRIP_ROWS * STRIP_CELL;
}

/* The pointer goes straight into the framebuffer, never over the strip. */
static void linear_pointer(void)
{
    if (drawn_x >= 0)
        linear_copy((struct rect){ drawn_x, drawn_y, POINTER, POINTER });
    drawn_x = pointer_x;
    drawn_y = pointer_y;
    for (int y = 0; y < POINTER && pointer_x >= 0; y++)
        for (int x = 0; x < POINTER; x++) {
            int sx = pointer_x + x, sy = pointer_y + y;
            u32 p = pointer_shape[y * 64 + x];
            if (sx >= screen.w || sy >= screen.h || !(p >> 24) || in_strip(sx, sy))
                continue;
            u32 under = mix(screen.pixels[sy * screen.w + sx], 0, (p >> 24) + (p >> 31));
            linear[sy * linear_stride + sx] = under + (p & 0xffffff);
        }
}

void screen_present(void)
{
    if (new_mode) {
        rect_count = 0;
        screen_dirty((struct rect){ 0, 0, screen.w, screen.h });
    }
    if (screen_is_virtio && new_mode) {
        gpu_set_mode(0, screen.pixels, screen.w, screen.h);
        if (new_other)
            gpu_set_mode(1, other.pixels, other.w, other.h);
    } else if (screen_is_virtio) {
        gpu_present(0, rects, rect_count, screen.w);
        if (other_rect.w)
            gpu_present(1, &other_rect, 1, other.w);
        gpu_submit();
    } else if (!no_display) {
        for (int i = 0; i < rect_count; i++)
            linear_copy(rects[i]);
        linear_pointer();
    }
    int beside = other.w && pointer_x >= screen.w;
    if (screen_is_virtio && pointer_x >= 0 && (pointer_x != drawn_x || pointer_y != drawn_y))
        if (gpu_cursor_move(beside, beside ? pointer_x - screen.w : pointer_x, pointer_y)) {
            drawn_x = pointer_x;
            drawn_y = pointer_y;
        }
    new_mode = new_other = false;
    other_rect.w = rect_count = 0;
}

void screen_pointer(int x, int y)
{
    pointer_x = x;
    pointer_y = y;
}

void screen_panic(void)
{
    for (u64 spins = 0; screen_busy() && spins < 100000000; spins++)
        ;
    screen_present();
}

void screen_name(char *out, size_t size)
{
    if (no_display)
        format(out, size, "none found");
    else
        format(out, size, "%s %dx%d", screen_is_virtio ? "virtio-gpu" : "VBE", screen.w, screen.h);
}
