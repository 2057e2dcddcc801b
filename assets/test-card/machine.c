/* Processor, clock, memory map and the few C library functions we need. */
#include "card.h"

enum { BEATS = 4 };

volatile u64 ticks;
static u64 start_tsc, cycles_per_ms;
static u64 last_tick;
static u32 random_state;

extern u8 exception_stubs[], timer_stub[], other_stub[];

static u64 tables[160][512] __attribute__((aligned(4096)));
static int tables_used;
static struct {
    u16 low, selector, flags, middle;
    u32 high, zero;
} __attribute__((packed, aligned(16))) idt[256];

static u64 *next_table(u64 *table, int index)
{
    if (!(table[index] & 1)) {
        if (tables_used == 160)
            return NULL;
        table[index] = (u64)tables[tables_used++] | 3;
    }
    return (u64 *)(table[index] & 0x000ffffffffff000ull);
}

void map(u64 base, u64 length)
{
    u64 *top = (u64 *)0x200000;
    for (u64 at = base & ~0x1fffffull; at < base + length; at += 0x200000) {
        u64 *upper = next_table(top, at >> 39 & 511);
        u64 *lower = upper ? next_table(upper, at >> 30 & 511) : NULL;
        if (lower)
            lower[at >> 21 & 511] = at | 0x83;
    }
}

/* The timer's interrupt, BEATS times a tick: input is taken even while a frame is drawn. */
void timer_beat(void)
{
    static int beat;
    if (++beat == BEATS) {
        beat = 0;
        ticks++;
    }
    input_collect();
    out8(0x20, 0x20);
}

static void set_gate(int n, const void *stub)
{
    u64 at = (u64)stub;
    idt[n].low = at;
    idt[n].selector = 0x18;
    idt[n].flags = 0x8e00;
    idt[n].middle = at >> 16;
    idt[n].high = at >> 32;
}

static void interrupts_start(void)
{
    for (int i = 0; i < 256; i++)
        set_gate(i, other_stub);
    for (int i = 0; i < 32; i++)
        set_gate(i, exception_stubs + 32 * i);
    set_gate(32, timer_stub);
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = { sizeof idt - 1, (u64)idt };
    asm volatile("lidt %0" : : "m"(pointer));
    static const u8 setup[][2] = { /* both PICs: interrupts 32..47, only the timer open */
        { 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, 32 }, { 0xa1, 40 }, { 0x21, 4 },
        { 0xa1, 2 }, { 0x21, 1 }, { 0xa1, 1 }, { 0x21, 0xfe }, { 0xa1, 0xff },
    };
    for (size_t i = 0; i < sizeof setup / sizeof *setup; i++)
        out8(setup[i][0], setup[i][1]);
    u16 divisor = 1193182 / (60 * BEATS);
    out8(0x43, 0x34);
    out8(0x40, divisor & 255);
    out8(0x40, divisor >> 8);
}

/* Cycles in 5 ms by PIT channel 2; the smallest of three, as delays only add. */
static void calibrate(void)
{
    u64 best = ~0ull;
    for (int i = 0; i < 3; i++) {
        out8(0x61, (in8(0x61) & ~2) | 1);
        out8(0x43, 0xb0);
        out8(0x42, 5966 & 255);
        out8(0x42, 5966 >> 8);
        u64 from = tsc();
        for (int spins = 0; !(in8(0x61) & 0x20) && spins < 1000000; spins++)
            ;
        u64 took = tsc() - from;
        if (took < best)
            best = took;
    }
    cycles_per_ms = best / 5 ? best / 5 : 1;
}

static void random_start(void)
{
    u32 a, b, c, d;
    u64 seed = tsc() ^ 0x9e3779b97f4a7c15ull;
    cpuid(1, &a, &b, &c, &d);
    if (c >> 30 & 1) {
        u64 word = 0;
        asm volatile("rdrand %0" : "+r"(word) : : "cc");
        seed ^= word;
    }
    for (int i = 0; i < 10; i++) { /* the clock of the CMOS */
        out8(0x70, i);
        seed = (seed ^ in8(0x71)) * 0x100000001b3ull;
    }
    random_state = seed ^ seed >> 32;
    if (!random_state)
        random_state = 1;
}

u32 random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

void machine_start(void)
{
    start_tsc = NOTE_TSC;
    interrupts_start();
    calibrate();
    random_start();
    for (u32 i = 0; i < NOTE_E820; i++) {
        u64 end = E820[i].base + E820[i].length;
        if (E820[i].type == 1 && end > 1ull << 32 && E820[i].base < 64ull << 30)
            map(E820[i].base, (end < 64ull << 30 ? end : 64ull << 30) - E820[i].base);
    }
}

u64 milliseconds(u64 cycles) { return cycles / cycles_per_ms; }
u64 uptime_ms(void) { return milliseconds(tsc() - start_tsc); }

u64 memory_total(void)
{
    u64 sum = 0;
    for (u32 i = 0; i < NOTE_E820; i++)
        if (E820[i].type == 1)
            sum += E820[i].length;
    return sum;
}

u64 layers_limit(void)
{
    for (u32 i = 0; i < NOTE_E820; i++) {
        u64 end = E820[i].base + E820[i].length;
        if (E820[i].type == 1 && E820[i].base <= LAYERS && end > LAYERS)
            return (end < LAYERS_END ? end : LAYERS_END) - LAYERS;
    }
    return 0;
}

void wait_tick(void)
{
    asm volatile("cli");
    while (ticks == last_tick)
        asm volatile("sti; hlt; cli" : : : "memory");
    last_tick = ticks;
    asm volatile("sti");
}

void *memcpy(void *to, const void *from, size_t n)
{
    u8 *t = to;
    const u8 *f = from;
    for (; n >= 8; n -= 8, t += 8, f += 8)
        *(u64 *)t = *(const u64 *)f;
    while (n--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int value, size_t n)
{
    u8 *t = to;
    while (n--) {
        *t++ = value;
        asm volatile("" : : : "memory"); /* or the compiler calls memset here */
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

static size_t put_number(char *out, size_t room, u64 n, int base)
{
    char digits[24];
    size_t count = 0, used = 0;
    do
        digits[count++] = "0123456789abcdef"[n % base];
    while (n /= base);
    while (count && used < room)
        out[used++] = digits[--count];
    return used;
}

void format(char *out, size_t size, const char *s, ...)
{
    va_list list;
    va_start(list, s);
    size_t at = 0;
    for (; *s && at + 1 < size; s++) {
        if (*s != '%') {
            out[at++] = *s;
            continue;
        }
        switch (*++s) {
        case 's':
            for (const char *t = va_arg(list, const char *); *t && at + 1 < size;)
                out[at++] = *t++;
            break;
        case 'u': at += put_number(out + at, size - 1 - at, va_arg(list, u64), 10); break;
        case 'x': at += put_number(out + at, size - 1 - at, va_arg(list, u64), 16); break;
        case 'd': at += put_number(out + at, size - 1 - at, va_arg(list, int), 10); break;
        case 'c': out[at++] = va_arg(list, int); break;
        default: out[at++] = *s;
        }
    }
    out[at] = 0;
    va_end(list);
}

/* To the first serial port, dropped when nobody takes it. */
void serial(const char *line)
{
    for (const char *s = line;; s++) {
        for (int spins = 0; !(in8(0x3fd) & 0x20); spins++)
            if (spins == 2000)
                return;
        if (!*s) {
            out8(0x3f8, '\n');
            return;
        }
        out8(0x3f8, *s);
    }
}
