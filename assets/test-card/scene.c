/* An orangery at dusk, drawn once per mode, and what moves before it.
 *
 * Drawn for 1280x800; heights scale with the screen, and x is kept from the
 * right edge, so that the panel at the left never covers the house. */
#include "card.h"

static i32 X(i32 x) { return (screen.w << 8) - (i64)(1280 - x) * screen.h * 256 / 800; }
static i32 Y(i32 y) { return (i64)y * screen.h * 256 / 800; }
static i32 L(i32 length) { return (i64)length * screen.h * 256 / 800; }

/* Our own random numbers: the picture is the same at each boot. */
static u32 picture_random;
static u32 pick(u32 below)
{
    picture_random = picture_random * 1664525 + 1013904223;
    return (u64)(picture_random >> 8) * below >> 24;
}

static void quad(i32 x0, i32 y0, i32 x1, i32 y1, u32 top, u32 bottom, int alpha)
{
    i32 p[] = { X(x0), Y(y0), X(x1), Y(y0), X(x1), Y(y1), X(x0), Y(y1) };
    polygon(&scene, p, 4, top, bottom, alpha);
}

/* A line of some width (in 1/16 units) between two points. */
static void line(i32 x0, i32 y0, i32 x1, i32 y1, int width16, u32 colour, int alpha)
{
    i32 ax = X(x0), ay = Y(y0), bx = X(x1), by = Y(y1);
    i64 dx = bx - ax, dy = by - ay;
    i64 length = (dx < 0 ? -dx : dx) > (dy < 0 ? -dy : dy) ? (dx < 0 ? -dx : dx) : (dy < 0 ? -dy : dy);
    if (!length)
        return;
    i32 half = L(width16) / 32;
    i32 nx = -dy * half / length, ny = dx * half / length;
    i32 p[] = { ax + nx, ay + ny, bx + nx, by + ny, bx - nx, by - ny, ax - nx, ay - ny };
    polygon(&scene, p, 4, colour, colour, alpha);
}

static void sky(void)
{
    static const struct {
        int at;
        u32 colour;
    } stops[] = { { 0, 0x12122e }, { 200, 0x2a2050 }, { 380, 0x633866 }, { 500, 0xb85c6a },
                  { 590, 0xea935c }, { 640, 0xffd08a }, { 801, 0xffd08a } };
    for (int y = 0; y < scene.h; y++) {
        int at16 = y * 800 * 16 / scene.h, i = 0;
        while (stops[i + 1].at * 16 <= at16)
            i++;
        int part = (at16 - stops[i].at * 16) * 4096 / ((stops[i + 1].at - stops[i].at) * 16);
        /* ordered dither: four tints a row keep the gradient free of bands */
        static const u16 order[2][4] = { { 0, 8, 2, 10 }, { 12, 4, 14, 6 } };
        u32 tint[4];
        for (int x = 0; x < 4; x++) {
            u32 c = 0;
            for (int shift = 0; shift < 24; shift += 8) {
                int a = stops[i].colour >> shift & 255, b = stops[i + 1].colour >> shift & 255;
                c |= (u32)(((a << 12) + (b - a) * part + order[y & 1][x] * 256) >> 12) << shift;
            }
            tint[x] = c;
        }
        u32 *row = scene.pixels + y * scene.w;
        for (int x = 0; x < scene.w; x++)
            row[x] = tint[x & 3];
    }
}

static void stars_and_moon(void)
{
    for (int i = 0; i < 130; i++) {
        i32 x = pick(scene.w) << 8, y = pick(Y(360) >> 8) << 8;
        int fade = 256 - (int)((i64)y * 256 / Y(380));
        disc(&scene, x, y, L(pick(10) + 5) / 10, 0xfff4e0, (60 + pick(180)) * fade >> 8);
    }
    glow(&scene, X(1130), Y(128), L(150), 0xffe6c0, 70);
    glow(&scene, X(1130), Y(128), L(70), 0xffe6c0, 90);
    disc(&scene, X(1130), Y(128), L(33), 0xfff1d2, 256);
    disc(&scene, X(1119), Y(119), L(7), 0xeed9b4, 200);
    disc(&scene, X(1141), Y(137), L(9), 0xefdbb8, 190);
    disc(&scene, X(1136), Y(112), L(4), 0xeed9b4, 180);
    disc(&scene, X(1120), Y(143), L(4), 0xf0dcb9, 180);
}

static void hills(int base, int height, u32 phase, u32 top, u32 bottom)
{
    enum { N = 96 };
    static i32 p[2 * (N + 3)];
    int n = 0;
    for (int i = 0; i <= N; i++) {
        u32 a = i * 900 + phase;
        i32 wave = (sine(a) + sine(a * 2 + phase) / 2 + sine(a * 5 + phase) / 6) * height >> 16;
        p[n++] = (i64)(scene.w << 8) * i / N;
        p[n++] = Y(base) - L(wave);
    }
    p[n++] = scene.w << 8;
    p[n++] = Y(700);
    p[n++] = 0;
    p[n++] = Y(700);
    polygon(&scene, p, n / 2, top, bottom, 256);
}

/* An arch-topped shape into p: foot at y1, half circle above y0. Returns the points. */
static int arch(i32 *p, i32 x, i32 half, i32 y0, i32 y1)
{
    int n = 0;
    p[n++] = X(x) - L(half), p[n++] = Y(y1);
    for (int i = 0; i <= 16; i++) {
        u32 a = 32768 + i * 2048;
        p[n++] = X(x) + ((i64)cosine(a) * L(half) >> 16);
        p[n++] = Y(y0) + ((i64)sine(a) * L(half) >> 16);
    }
    p[n++] = X(x) + L(half), p[n++] = Y(y1);
    return n / 2;
}

enum { FRAME = 0x33203c, STONE_LIGHT = 0x9a6d70, STONE_TOP = 0x80586a, STONE_FOOT = 0x5b3f58 };

/* A leaf-shaped blade of a plant. */
static int leaf_shape(i32 *p, i32 x8, i32 y8, i32 length8, i32 width8, u32 angle)
{
    int n = 0;
    i64 c = cosine(angle), s = sine(angle);
    for (int i = 0; i < 16; i++) {
        i64 along = i < 8 ? i * 8192 : (16 - i) * 8192; /* 0..65536 */
        i64 across = (i64)sine(along / 2) * (i < 8 ? 1 : -1);
        i64 u = along * length8 >> 16, v = across * width8 >> 17;
        p[n++] = x8 + ((u * c - v * s) >> 16);
        p[n++] = y8 + ((u * s + v * c) >> 16);
    }
    return n / 2;
}

static void plant_in_window(i32 x, int kind)
{
    i32 p[40];
    quad(x - 13, 606, x + 13, 632, 0x6b3a2c, 0x54302c, 256);
    for (int i = 0; i < 15; i++) {
        u32 angle = 32768 + 5000 + (u32)i * 1620 + pick(700);
        i32 length = L(kind ? 36 + (i32)pick(18) : 22 + (i32)pick(14));
        int n = leaf_shape(p, X(x) + L((i32)pick(9) - 4), Y(kind ? 604 : 590), length, L(9), angle);
        polygon(&scene, p, n, 0x4a5a34, 0x36462f, 235);
    }
    if (!kind) {
        quad(x - 2, 588, x + 2, 608, 0x4a3328, 0x4a3328, 256);
        for (int i = 0; i < 4; i++)
            disc(&scene, X(x - 16 + 11 * i), Y(586 - 9 * (i & 1)), L(4), 0xe8761c, 256);
    }
}

static void window(i32 x, int kind)
{
    i32 p[48];
    polygon(&scene, p, arch(p, x, 48, 472, 640), STONE_LIGHT, 0x70505f, 256);
    polygon(&scene, p, arch(p, x, 42, 472, 634), FRAME, FRAME, 256);
    polygon(&scene, p, arch(p, x, 39, 472, 632), 0xf3ab54, 0xffe7ae, 256);
    glow(&scene, X(x), Y(500), L(36), 0xfff6d8, 150);
    plant_in_window(x, kind);
    for (int i = -1; i <= 1; i++)
        line(x + 20 * i, 472, x + 20 * i, 632, 36, FRAME, 256);
    for (int y = 472; y < 630; y += 40)
        line(x - 39, y, x + 39, y, y == 472 ? 56 : 34, FRAME, 256);
    for (int i = 1; i < 6; i++) { /* the fan in the arch */
        u32 a = 32768 + i * 5461;
        line(x + (14 * cosine(a) >> 16), 472 + (14 * sine(a) >> 16), x + (39 * cosine(a) >> 16),
             472 + (39 * sine(a) >> 16), 30, FRAME, 256);
    }
    polygon(&scene, p, arch(p, x, 14, 472, 473), FRAME, FRAME, 256);
    polygon(&scene, p, arch(p, x, 11, 472, 473), 0xf6b660, 0xffd890, 256);
}

/* A curved glass roof from (left, foot) up to ridge height, with ribs. */
static void glass_roof(i32 left, i32 right, i32 foot, i32 rise, i32 inset, int ribs)
{
    i32 p[80];
    int n = 0;
    for (int i = 0; i <= 12; i++) { /* a quarter of an ellipse up */
        u32 a = i * 16384 / 12;
        p[n++] = X(left + inset) - ((i64)L(inset) * cosine(a) >> 16);
        p[n++] = Y(foot) - ((i64)L(rise) * sine(a) >> 16);
    }
    for (int i = 12; i >= 0; i--) {
        u32 a = i * 16384 / 12;
        p[n++] = X(right - inset) + ((i64)L(inset) * cosine(a) >> 16);
        p[n++] = Y(foot) - ((i64)L(rise) * sine(a) >> 16);
    }
    polygon(&scene, p, n / 2, 0x8f6a86, 0xffcf8a, 205);
    for (int i = 0; i <= ribs; i++) { /* each rib follows the curve, flatter to the middle */
        i32 bottom = left + (right - left) * i / ribs;
        i32 top = left + inset + (right - left - 2 * inset) * i / ribs;
        i32 old_x = bottom, old_y = foot;
        for (int s = 1; s <= 6; s++) {
            u32 a = s * 16384 / 6;
            i32 x = top + (((i64)(bottom - top) * cosine(a)) >> 16);
            i32 y = foot - ((i64)rise * sine(a) >> 16);
            line(old_x, old_y, x, y, i % 5 ? 20 : 36, FRAME, i % 5 ? 190 : 256);
            old_x = x, old_y = y;
        }
    }
    for (int s = 1; s < 4; s++) { /* purlins */
        u32 a = s * 16384 / 4;
        i32 x = (i64)inset * cosine(a) >> 16, y = (i64)rise * sine(a) >> 16;
        line(left + inset - x, foot - y, right - inset + x, foot - y, 18, FRAME, 190);
    }
    line(left + inset - 2, foot - rise, right - inset + 2, foot - rise, 60, FRAME, 256);
    line(left - 3, foot, right + 3, foot, 60, FRAME, 256);
}

static void house(void)
{
    glow(&scene, X(950), Y(520), L(420), 0xffb870, 90);
    glass_roof(668, 1232, 404, 66, 60, 30);
    quad(862, 330, 1038, 342, FRAME, FRAME, 256); /* the lantern over the middle */
    quad(866, 304, 1034, 332, 0xffc67c, 0xffdfa0, 256);
    for (int x = 866; x <= 1034; x += 14)
        line(x, 304, x, 332, 30, FRAME, 256);
    glass_roof(862, 1038, 304, 58, 76, 10);
    line(950, 246, 950, 216, 40, FRAME, 256);
    disc(&scene, X(950), Y(236), L(6), FRAME, 256);
    disc(&scene, X(950), Y(216), L(3), FRAME, 256);
    for (int side = -1; side <= 1; side += 2) {
        line(950 + 222 * side, 338, 950 + 222 * side, 322, 36, FRAME, 256);
        disc(&scene, X(950 + 222 * side), Y(322), L(4), FRAME, 256);
    }
    quad(664, 404, 1236, 646, STONE_TOP, STONE_FOOT, 256);
    quad(656, 400, 1244, 410, 0xb58280, 0x8d6470, 256);
    quad(660, 410, 1240, 414, 0x53374f, 0x6a4a5e, 256);
    for (int i = 0; i <= 5; i++) { /* pilasters */
        i32 x = 660 + 116 * i;
        quad(x - 7, 414, x + 7, 640, 0xa0727a, 0x6d4c60, 256);
        quad(x - 10, 414, x + 10, 422, 0xb0807f, 0x8a6270, 256);
        quad(x - 10, 634, x + 10, 646, 0x7c586a, 0x5d4158, 256);
    }
    for (int i = 0; i < 5; i++)
        window(718 + 116 * i, i & 1);
    quad(650, 640, 1250, 650, 0x8a6272, 0x4d344c, 256);
}

static void terrace(void)
{
    i32 left = -40000; /* far enough for any width */
    quad(left, 648, 1281, 801, 0x4c3150, 0x1b1230, 256);
    quad(left, 648, 1281, 664, 0x2a1a36, 0x47304e, 120);
    for (int i = 0; i < 7; i++) { /* joints of the paving, closer with distance */
        i32 y = 664 + i * i * 3 + i * 6;
        line(left, y, 1281, y, 14, 0x1a1028, 70);
    }
    for (int i = -8; i <= 8; i++)
        line(950 + i * 62, 650, 950 + i * 112, 801, 14, 0x1a1028, 60);
    for (int i = 0; i < 5; i++) { /* light that falls out of the windows */
        i32 x = 718 + 116 * i, spread = (x - 950) / 4;
        for (int step = 0; step < 12; step++) {
            i32 y = 650 + step * 8, from = spread * step / 12, to = spread * (step + 1) / 12;
            i32 p[] = { X(x - 36 - step * 2 + from), Y(y), X(x + 36 + step * 2 + from), Y(y),
                        X(x + 38 + step * 2 + to), Y(y + 8), X(x - 38 - step * 2 + to), Y(y + 8) };
            polygon(&scene, p, 4, 0xffc070, 0xffc070, 104 - step * 9);
        }
    }
}

static void orange(i32 x8, i32 y8, i32 r8)
{
    disc(&scene, x8, y8, r8, 0xc85a10, 256);
    disc(&scene, x8 - r8 / 10, y8 - r8 / 10, r8 * 9 / 10, 0xe87818, 256);
    glow(&scene, x8 - r8 / 4, y8 - r8 / 4, r8 * 3 / 4, 0xffb648, 230);
    glow(&scene, x8 - r8 / 3, y8 - r8 / 3, r8 / 3, 0xfff0c0, 210);
}

static void crown(i32 x, i32 y, i32 r, int leaves)
{
    static const u32 greens[] = { 0x1d3a2c, 0x24482f, 0x2f5a35, 0x3f6d3a, 0x5a8443 };
    i32 p[40];
    for (int i = 0; i < 40; i++) {
        u32 a = pick(65536);
        i32 far = r * 7 / 10;
        disc(&scene, X(x) + ((i64)L(far) * cosine(a) >> 16), Y(y) + ((i64)L(far) * sine(a) >> 16), L(r * 3 / 10),
             greens[0], 256);
    }
    disc(&scene, X(x), Y(y), L(r * 8 / 10), greens[0], 256);
    for (int i = 0; i < leaves; i++) { /* from the rim and the dark to the middle and the light */
        u32 a = pick(65536);
        i32 far = r * (110 - 92 * i / leaves) / 100 * (i32)(60 + pick(40)) / 100;
        i32 dx = (i64)far * cosine(a) >> 16, dy = (i64)far * sine(a) >> 16;
        int light = 2 * i / leaves + (dx < r / 4) + (dy < 0) + (int)pick(2);
        int n = leaf_shape(p, X(x + dx), Y(y + dy), L(r / 5), L(r / 10), a + pick(20000) - 10000);
        u32 c = greens[light > 4 ? 4 : light];
        polygon(&scene, p, n, mix(c, 0xffd080, 30), c, 256);
    }
}

static void oranges(i32 x, i32 y, i32 r, i32 size)
{
    static const struct {
        i32 dx, dy;
    } at[] = { { -58, -30 }, { -20, -62 }, { 30, -48 }, { 62, -14 }, { -70, 18 }, { -30, 4 }, { 14, -8 },
               { 46, 30 }, { -8, 46 }, { -46, 58 }, { 22, 70 }, { 72, 44 }, { -6, -28 } };
    i32 p[40];
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        i32 x8 = X(x) + L(at[i].dx * r) / 100, y8 = Y(y) + L(at[i].dy * r) / 100;
        disc(&scene, x8 + L(1), y8 + L(3), L(size), 0x12261c, 120);
        orange(x8, y8, L(size));
        int n = leaf_shape(p, x8, y8 - L(size * 3 / 4), L(size + 5), L(size / 2 + 2), 58000 + 2000 * (i & 3));
        polygon(&scene, p, n, 0x6b9a4c, 0x3f6d3a, 256);
    }
}

static void tub(i32 x, i32 top, i32 half, i32 height)
{
    i32 foot = top + height;
    i32 shadow[] = { X(x - half - 6), Y(foot - 3), X(x + half + 40), Y(foot - 3), X(x + half + 70), Y(foot + 9),
                     X(x - half + 8), Y(foot + 9) };
    polygon(&scene, shadow, 4, 0x120a20, 0x120a20, 120);
    quad(x - half, top, x + half, foot, 0xd9c3ac, 0x9a7f7c, 256);
    quad(x - half + 9, top + 9, x + half - 9, foot - 9, 0xb59a90, 0x85696e, 256);
    line(x - half + 9, top + 9, x + half - 9, foot - 9, 80, 0xcdb5a2, 256);
    line(x + half - 9, top + 9, x - half + 9, foot - 9, 80, 0xcdb5a2, 256);
    quad(x - half - 3, top - 4, x + half + 3, top + 3, 0xe8d4ba, 0xb89e92, 256);
    for (int side = -1; side <= 1; side += 2) {
        i32 post = x + side * half;
        quad(post - 5, top - 8, post + 5, foot + 5, 0xe0cab0, 0x8d7274, 256);
        disc(&scene, X(post), Y(top - 12), L(7), 0xe8d4ba, 256);
    }
}

static void tree(i32 x, i32 foot, i32 size, int leaves)
{
    i32 top = foot - size * 72 / 100, middle = top - size * 3 / 2;
    i32 trunk[] = { X(x) - L(size * 7 / 100), Y(top), X(x) - L(size * 5 / 100), Y(middle),
                    X(x) + L(size * 5 / 100), Y(middle), X(x) + L(size * 7 / 100), Y(top) };
    polygon(&scene, trunk, 4, 0x3a2620, 0x5a3c2c, 256);
    tub(x, top, size / 2, foot - top);
    crown(x, middle, size, leaves);
    oranges(x, middle, size, size / 10 + 1);
}

void scene_draw(void)
{
    picture_random = 2026;
    sky();
    stars_and_moon();
    hills(596, 26, 9000, 0x8a4f68, 0x7a4560);
    hills(622, 20, 41000, 0x5c3a5c, 0x4a2e52);
    terrace();
    house();
    tree(708, 742, 74, 260);
    tree(1172, 782, 100, 420);
}

/* ---- what moves ---- */

enum { MOVERS = 5 };
static struct rect old[MOVERS];
static int left_edge; /* nothing moves left of it: panel and strip are there */

static void moved(int which, struct rect now)
{
    old[which] = now;
    screen_dirty(now);
}

static int edge_fade(i32 x8)
{
    int inside = (x8 >> 8) - left_edge - (L(26) >> 8);
    return inside <= 0 ? 0 : inside > 64 ? 256 : inside * 4;
}

static struct rect grow(struct rect a, struct rect b)
{
    if (!a.w) return b;
    if (!b.w) return a;
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int x1 = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w, y1 = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){ x, y, x1 - x, y1 - y };
}

/* A bird glides over the roof, with a few beats of its wings now and then. */
static void bird(u32 frame)
{
    u32 step = frame % 1500;
    i32 x8 = X(1320) - (i64)L(740) * step / 1500;
    i32 y8 = Y(236) + ((i64)L(26) * sine(step * 110) >> 16) - L(40) * (i32)step / 1500;
    int fade = edge_fade(x8);
    if (!fade)
        return moved(0, (struct rect){ 0 });
    u32 phase = step % 300;
    i32 lift = phase < 120 ? (i64)L(9) * cosine(phase * 2184) >> 16 : L(9) - L(3) * (i32)(phase - 120) / 180;
    if (phase >= 120)
        lift = L(9);
    struct rect box = { 0 };
    for (int side = -1; side <= 1; side += 2) {
        i32 p[] = { x8, y8, x8 + side * L(10), y8 - lift - L(2), x8 + side * L(22), y8 - lift / 2 + L(1),
                    x8 + side * L(11), y8 - lift * 3 / 4 + L(2), x8, y8 + L(4) };
        box = grow(box, polygon(&screen, p, 5, 0x2a1a34, 0x2a1a34, fade));
    }
    i32 body[] = { x8 - L(9), y8 + L(2), x8, y8 - L(1), x8 + L(8), y8 + L(1), x8 + L(12), y8 + L(4), x8, y8 + L(4) };
    box = grow(box, polygon(&screen, body, 5, 0x2a1a34, 0x2a1a34, fade));
    moved(0, box);
}

/* A leaf lets go of the small tree and drifts down, turning. */
static void leaf(u32 frame)
{
    u32 step = frame % 900;
    i32 p[40];
    i32 x8 = X(760) + (i64)L(300) * step / 900 + ((i64)L(34) * sine(step * 420) >> 16);
    i32 y8 = Y(500) + (i64)L(250) * step / 900 - ((i64)L(12) * cosine(step * 840) >> 16);
    u32 angle = 8000 + (sine(step * 420 + 16384) >> 3) + step * 30;
    i32 width = L(9) + ((i64)L(5) * sine(step * 260) >> 16);
    int fade = step < 30 ? (int)step * 256 / 30 : step > 840 ? (900 - (int)step) * 256 / 60 : 256;
    int edge = edge_fade(x8);
    if (!edge)
        return moved(1, (struct rect){ 0 });
    int n = leaf_shape(p, x8, y8, L(22), width, angle);
    moved(1, polygon(&screen, p, n, 0xc9d05c, 0x7fa347, fade < edge ? fade : edge));
}

/* Fireflies over the terrace. */
static void firefly(int which, u32 frame)
{
    u32 phase = frame + which * 977;
    i32 x8 = X(820 + 100 * which) + ((i64)L(46) * sine(phase * 37 + which * 9000) >> 16);
    i32 y8 = Y(690 + 22 * (which & 1)) + ((i64)L(22) * sine(phase * 61) >> 16);
    int pulse = 128 + (sine(phase * 420) >> 9);
    int fade = edge_fade(x8);
    if (!fade || pulse < 12)
        return moved(2 + which, (struct rect){ 0 });
    glow(&screen, x8, y8, L(11), 0xfff0a0, pulse * 3 / 4 * fade >> 8);
    disc(&screen, x8, y8, L(3) / 2, 0xfffbe0, pulse * fade >> 8);
    i32 r = L(11);
    moved(2 + which, (struct rect){ (x8 - r) >> 8, (y8 - r) >> 8, (r >> 7) + 2, (r >> 7) + 2 });
}

void scene_move(void)
{
    for (int i = 0; i < MOVERS; i++) {
        copy_rect(&screen, &still, old[i]);
        screen_dirty(old[i]);
    }
    int panel = panel_right();
    left_edge = panel > STRIP_COLUMNS * STRIP_CELL ? panel : STRIP_COLUMNS * STRIP_CELL;
    if (left_edge > screen.w - 64)
        left_edge = panel; /* a narrow screen: stay below the strip */
    bird(card.frame + 300);
    leaf(card.frame);
    for (int i = 0; i < 3; i++)
        firefly(i, card.frame);
}
