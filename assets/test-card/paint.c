/* Antialiased shapes and text on 32-bit canvases, integers only. */
#include "card.h"

u32 mix(u32 from, u32 to, int part)
{
    u32 rb = ((from & 0xff00ff) * (256 - part) + (to & 0xff00ff) * part) >> 8 & 0xff00ff;
    u32 g = ((from & 0x00ff00) * (256 - part) + (to & 0x00ff00) * part) >> 8 & 0x00ff00;
    return rb | g;
}

void blend(struct canvas *c, int x, int y, u32 colour, int alpha)
{
    if (x < 0 || y < 0 || x >= c->w || y >= c->h || alpha <= 0)
        return;
    u32 *p = &c->pixels[y * c->w + x];
    *p = mix(*p, colour, alpha > 256 ? 256 : alpha);
}

struct rect clip(struct rect r, int w, int h)
{
    int x1 = r.x + r.w, y1 = r.y + r.h;
    if (r.x < 0) r.x = 0;
    if (r.y < 0) r.y = 0;
    if (x1 > w) x1 = w;
    if (y1 > h) y1 = h;
    r.w = x1 > r.x ? x1 - r.x : 0;
    r.h = y1 > r.y ? y1 - r.y : 0;
    return r;
}

void fill(struct canvas *c, struct rect r, u32 colour)
{
    r = clip(r, c->w, c->h);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++)
            c->pixels[y * c->w + x] = colour;
}

void copy_rect(struct canvas *to, const struct canvas *from, struct rect r)
{
    r = clip(r, to->w, to->h);
    for (int y = r.y; y < r.y + r.h; y++)
        memcpy(to->pixels + y * to->w + r.x, from->pixels + y * from->w + r.x, r.w * 4);
}

i32 sine(u32 angle)
{
    /* Bhaskara: 16x(pi-x) / (5pi^2 - 4x(pi-x)), with pi as 32768 */
    i64 x = angle & 32767;
    i64 t = x * (32768 - x);
    i64 s = 16 * t * 65536 / (5ll * 32768 * 32768 - 4 * t);
    return angle & 32768 ? -s : s;
}

static u32 root(u64 n)
{
    u64 r = 0;
    for (u64 bit = 1ull << 40; bit; bit >>= 2) {
        if (n >= r + bit) {
            n -= r + bit;
            r = (r >> 1) + bit;
        } else {
            r >>= 1;
        }
    }
    return r;
}

enum { EDGES = 320, STEPS = 4 };
static int coverage[MAX_WIDTH + 2];
static i32 crossings[EDGES];

/* Horizontal span from a to b (1/256 pixel) on one of STEPS lines of a pixel row. */
static void add_span(i32 a, i32 b, int w)
{
    if (a < 0) a = 0;
    if (b > w << 8) b = w << 8;
    if (a >= b)
        return;
    int first = a >> 8, last = b >> 8;
    if (first == last) {
        coverage[first] += b - a;
        return;
    }
    coverage[first] += 256 - (a & 255);
    for (int x = first + 1; x < last; x++)
        coverage[x] += 256;
    coverage[last] += b & 255;
}

static int find_crossings(const i32 *p, int count, i32 y)
{
    int found = 0;
    for (int i = 0, j = count - 1; i < count; j = i++) {
        i32 y0 = p[2 * j + 1], y1 = p[2 * i + 1];
        if ((y0 <= y) == (y1 <= y))
            continue;
        i32 x = p[2 * j] + (i64)(y - y0) * (p[2 * i] - p[2 * j]) / (y1 - y0);
        int at = found++;
        for (; at && crossings[at - 1] > x; at--)
            crossings[at] = crossings[at - 1];
        crossings[at] = x;
    }
    return found;
}

/* Even-odd polygon with a vertical gradient; returns what it may have touched. */
struct rect polygon(struct canvas *c, const i32 *p, int count, u32 top, u32 bottom, int alpha)
{
    i32 x0 = p[0], x1 = p[0], y0 = p[1], y1 = p[1];
    for (int i = 1; i < count; i++) {
        if (p[2 * i] < x0) x0 = p[2 * i];
        if (p[2 * i] > x1) x1 = p[2 * i];
        if (p[2 * i + 1] < y0) y0 = p[2 * i + 1];
        if (p[2 * i + 1] > y1) y1 = p[2 * i + 1];
    }
    struct rect box = { x0 >> 8, y0 >> 8, (x1 >> 8) - (x0 >> 8) + 1, (y1 >> 8) - (y0 >> 8) + 1 };
    struct rect seen = clip(box, c->w, c->h);
    for (int y = seen.y; y < seen.y + seen.h && seen.w; y++) {
        for (int i = 0; i < STEPS; i++) {
            int found = find_crossings(p, count, (y << 8) + (2 * i + 1) * 128 / STEPS);
            for (int k = 0; k + 1 < found; k += 2)
                add_span(crossings[k], crossings[k + 1], c->w);
        }
        u32 colour = mix(top, bottom, (y - box.y) * 256 / box.h);
        for (int x = seen.x; x < seen.x + seen.w; x++) {
            if (coverage[x])
                blend(c, x, y, colour, coverage[x] * alpha / (256 * STEPS));
            coverage[x] = 0;
        }
        coverage[seen.x + seen.w] = 0;
    }
    return seen;
}

void disc(struct canvas *c, i32 x8, i32 y8, i32 r8, u32 colour, int alpha)
{
    struct rect r = { (x8 - r8) >> 8, (y8 - r8) >> 8, (r8 >> 7) + 3, (r8 >> 7) + 3 };
    r = clip(r, c->w, c->h);
    i64 inner = r8 > 128 ? (i64)(r8 - 128) * (r8 - 128) : 0, outer = (i64)(r8 + 128) * (r8 + 128);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++) {
            i64 dx = (x << 8) + 128 - x8, dy = (y << 8) + 128 - y8, d = dx * dx + dy * dy;
            if (d <= inner)
                blend(c, x, y, colour, alpha);
            else if (d < outer)
                blend(c, x, y, colour, (r8 + 128 - (i32)root(d)) * alpha >> 8);
        }
}

void glow(struct canvas *c, i32 x8, i32 y8, i32 r8, u32 colour, int alpha)
{
    struct rect r = { (x8 - r8) >> 8, (y8 - r8) >> 8, (r8 >> 7) + 2, (r8 >> 7) + 2 };
    r = clip(r, c->w, c->h);
    i64 whole = (i64)r8 * r8 >> 12;
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++) {
            i64 dx = (x << 8) + 128 - x8, dy = (y << 8) + 128 - y8;
            i64 near = 4096 - (dx * dx + dy * dy) / (whole ? whole : 1);
            if (near > 0)
                blend(c, x, y, colour, near * near / 4096 * alpha / 4096);
        }
}

void round_rect(struct canvas *c, struct rect r, int radius, u32 colour, int alpha)
{
    i32 points[2 * 36];
    int n = 0;
    for (int corner = 0; corner < 4; corner++) {
        int cx = corner == 0 || corner == 3 ? r.x + r.w - radius : r.x + radius;
        int cy = corner < 2 ? r.y + r.h - radius : r.y + radius;
        for (int i = 0; i <= 8; i++) {
            u32 angle = corner * 16384 + i * 2048;
            points[n++] = (cx << 8) + (cosine(angle) * radius >> 8);
            points[n++] = (cy << 8) + (sine(angle) * radius >> 8);
        }
    }
    polygon(c, points, n / 2, colour, colour, alpha);
}

static int glyph_of(char c) { return (u8)c >= 32 && (u8)c < 132 ? (u8)c - 32 : 0; }

int text(struct canvas *c, const struct font *f, int x, int baseline, u32 colour, const char *s)
{
    for (; *s; s++) {
        int g = glyph_of(*s);
        const u8 *alpha = f->alpha + f->glyph[g].offset;
        for (int row = 0; row < f->glyph[g].h; row++)
            for (int column = 0; column < f->glyph[g].w; column++, alpha++)
                if (*alpha)
                    blend(c, x + f->glyph[g].left + column, baseline - f->glyph[g].top + row, colour,
                          *alpha + (*alpha >> 7));
        x += f->glyph[g].advance;
    }
    return x;
}

int text_width(const struct font *f, const char *s)
{
    int w = 0;
    for (; *s; s++)
        w += f->glyph[glyph_of(*s)].advance;
    return w;
}
