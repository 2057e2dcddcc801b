/* Declarations shared by the parts of the test card. */
#ifndef CARD_H
#define CARD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

/* What the boot sector leaves for us. */
#define NOTE_TSC (*(volatile u64 *)0x9808)
#define NOTE_E820 (*(volatile u32 *)0x9810)
#define NOTE_VBE (*(volatile u32 *)0x9814)
#define CONFIG_SECTOR ((u8 *)0x9000)
#define VBE_MODE ((u8 *)0xb200)
struct e820 {
    u64 base, length;
    u32 type, extended;
} __attribute__((packed));
#define E820 ((const struct e820 *)0xa000)

/* Sectors of the image that we use while running. */
enum { SECTOR_CONFIG = 1000, SECTOR_BOOTS = 1008, SECTOR_WRITES = 1016 };

/* Picture layers: three of them, from here on; ballast starts where they end. */
#define LAYERS 0x800000ull
enum { MAX_WIDTH = 2560, MAX_HEIGHT = 1600, MIN_WIDTH = 640, MIN_HEIGHT = 480 };
#define LAYERS_END (LAYERS + 3ull * MAX_WIDTH * MAX_HEIGHT * 4)

/* ---- machine.c: processor, clock, memory, text ---- */
extern volatile u64 ticks; /* 60 a second */
void timer_beat(void);
static inline void out8(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void out16(u16 port, u16 v) { asm volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void out32(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 in8(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 in16(u16 port) { u16 v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 in32(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void fence(void) { asm volatile("mfence" ::: "memory"); }
static inline u64 tsc(void)
{
    u32 lo, hi;
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (u64)hi << 32 | lo;
}
static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
    asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}
void machine_start(void);
void map(u64 base, u64 length); /* identity map, beyond the first 4 GiB */
u64 milliseconds(u64 cycles);
u64 uptime_ms(void);
u64 memory_total(void);
u64 layers_limit(void); /* bytes of plain memory behind LAYERS, at most what three layers need */
void wait_tick(void);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
void format(char *out, size_t size, const char *text, ...); /* %s %u (u64) %d (int) %x (u64) %c */
void serial(const char *line);
u32 random32(void); /* xorshift, seeded at boot; for nonces and transaction ids, not for the picture */

/* ---- pci.c ---- */
struct pci {
    u8 bus, slot, function;
    u16 vendor, device, subsystem;
    u16 class_code;
};
extern struct pci pci_devices[64];
extern int pci_count;
void pci_scan(void);
u32 pci_read(const struct pci *p, int offset);
void pci_write(const struct pci *p, int offset, u32 value);
u64 pci_bar(const struct pci *p, int bar); /* 0: none or an I/O bar */

/* ---- virtio.c: the modern PCI transport ---- */
struct descriptor {
    u64 address;
    u32 length;
    u16 flags, next;
};
struct queue {
    volatile struct descriptor *table;
    volatile u16 *avail, *used;
    volatile u16 *notify;
    u16 size, number;
    u16 posted; /* our avail index */
    u16 seen;   /* how far we read the used ring */
};
struct virtio {
    const struct pci *pci;
    volatile u8 *common, *notify, *config;
    u32 notify_multiplier;
};
enum { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_GPU = 16, VIRTIO_INPUT = 18 };
const struct pci *virtio_find(int type, int nth);
bool virtio_open(struct virtio *v, const struct pci *p, u64 wanted, u64 *features);
bool virtio_queue(struct virtio *v, struct queue *q, int number, int max_size);
void virtio_ready(struct virtio *v);
void queue_set(struct queue *q, int at, const void *data, u32 length, bool device_writes, int next);
void queue_post(struct queue *q, int head); /* shown to the device by queue_kick */
void queue_kick(struct queue *q);
bool queue_idle(const struct queue *q);
bool queue_take(struct queue *q, u32 *head, u32 *length);

/* ---- paint.c: shapes on 0x00RRGGBB canvases; coordinates in 1/256 pixel where named x8 ---- */
struct canvas {
    u32 *pixels;
    int w, h;
};
struct rect {
    int x, y, w, h;
};
struct font {
    int size;
    const u8 *alpha;
    struct {
        u16 offset;
        u8 w, h;
        i32 left : 8, top : 8, advance : 8;
    } glyph[100];
};
enum { SIGN_CHECK = 127, SIGN_DASH, SIGN_DOT, SIGN_MORE, SIGN_CROSS }; /* characters after ASCII in our fonts */
extern const struct font font_17, font_32, font_56; /* the last has the title's letters only */
u32 mix(u32 from, u32 to, int part256);
void blend(struct canvas *c, int x, int y, u32 colour, int alpha256);
void fill(struct canvas *c, struct rect r, u32 colour);
void copy_rect(struct canvas *to, const struct canvas *from, struct rect r);
struct rect clip(struct rect r, int w, int h);
struct rect polygon(struct canvas *c, const i32 *points_x8, int count, u32 top, u32 bottom, int alpha256);
void disc(struct canvas *c, i32 x8, i32 y8, i32 r8, u32 colour, int alpha256);
void glow(struct canvas *c, i32 x8, i32 y8, i32 r8, u32 colour, int alpha256);
void round_rect(struct canvas *c, struct rect r, int radius, u32 colour, int alpha256);
int text(struct canvas *c, const struct font *f, int x, int baseline, u32 colour, const char *s);
int text_width(const struct font *f, const char *s);
i32 sine(u32 angle);   /* angle: 65536 is a turn; result -65536..65536 */
static inline i32 cosine(u32 angle) { return sine(angle + 16384); }

/* ---- screen.c: layers, dirty rectangles, the way to the display ---- */
extern struct canvas scene;  /* drawn once per mode */
extern struct canvas still;  /* scene with the panel's text */
extern struct canvas screen; /* still with what moves; what the display gets */
extern struct canvas other;  /* a second screen right of it, once the display asks for one; else no pixels wide */
extern bool screen_is_virtio;
void screen_start(void);
bool screen_busy(void);         /* the last frame is still on its way */
bool screen_mode_changed(void); /* true after layers changed size: draw all again */
void screen_dirty(struct rect r);
void other_draw(void);
void other_dirty(struct rect r);
void screen_present(void);
void screen_pointer(int x, int y);
void screen_name(char *out, size_t size);
void screen_panic(void); /* present at once, whatever was going on */

/* ---- gpu.c: virtio-gpu 2D ---- */
bool gpu_start(void);
bool gpu_wanted_size(int *w, int *h);
bool gpu_other_size(int *w, int *h); /* of the second screen, as of the last look; false: none is wanted */
bool gpu_size_event(void);
void gpu_set_mode(int head, const u32 *pixels, int w, int h); /* no pixels wide: switched off */
bool gpu_idle(void);
void gpu_present(int head, const struct rect *rects, int count, int w);
void gpu_submit(void);
void gpu_cursor_shape(const u32 *argb64);
bool gpu_cursor_move(int head, int x, int y); /* false: the last move is still under way */

/* ---- what the strip and the panel show ---- */
enum accelerator { ACCEL_NONE, ACCEL_KVM, ACCEL_TCG, ACCEL_OTHER };
enum net_state { NET_NO_CARD, NET_ASKING, NET_ADDRESS, NET_NO_ANSWER, NET_UNKNOWN_CARD };
enum disk_state { DISK_NONE, DISK_OK, DISK_BIOS_ONLY, DISK_READ_ONLY, DISK_BAD };
enum sound_state { SOUND_NO_CARD, SOUND_UNKNOWN_CARD, SOUND_READY, SOUND_PLAYING };
enum ballast_state { BALLAST_NONE, BALLAST_FILLING, BALLAST_OK, BALLAST_BAD };
enum { TEXT_SHOWN = 60 };
struct card {
    u32 nonce, frame;
    enum accelerator accelerator;
    char accelerator_name[16];
    int processors;
    /* input */
    bool keyboard_virtio, tablet;
    u16 keys;
    u32 text_hash;
    char typed[TEXT_SHOWN + 1];
    u16 key_code; /* last key, Linux number */
    bool pointer_seen;
    int pointer_x, pointer_y;
    u8 buttons, clicks; /* held now; presses */
    u8 wheel;
    /* disk */
    enum disk_state disk;
    u32 boots, writes;
    /* net */
    enum net_state net;
    u8 address[4];
    enum sound_state sound;
    /* ballast */
    enum ballast_state ballast;
    u64 ballast_wanted, ballast_filled, ballast_bad_at;
    u32 ballast_done; /* checks of the whole ballast completed */
    int ballast_percent;
    bool ballast_short; /* less memory than wanted */
    u16 boot_ms;        /* BIOS hand-over to first frame shown */
    bool caught;        /* an exception happened */
    bool leaving;       /* power button pressed */
};
extern struct card card;

/* ---- input.c ---- */
void input_start(void);
void input_collect(void); /* from the timer's interrupt: takes what the devices have */
void input_poll(void);    /* acts on it */
const char *key_name(u16 code);
/* ---- disk.c ---- */
void disk_start(void);
void disk_poll(void);
void disk_finish(void); /* wait for what is under way and flush */
/* ---- sound.c ---- */
void sound_start(void);
void sound_play(void); /* a tone of 440 Hz, 3 s long */
void sound_poll(void);
/* ---- net.c ---- */
void net_start(void);
void net_poll(void);
/* ---- acpi.c ---- */
void acpi_start(void);
bool acpi_power_button(void);
void acpi_power_off(void);
/* ---- ballast.c ---- */
void ballast_start(void);
void ballast_poll(void);
/* ---- scene.c ---- */
void scene_draw(void);
void scene_move(void); /* moves what moves; marks it dirty */
/* ---- panel.c ---- */
void panel_draw(void);   /* the glass panel and its fixed words, after scene_draw */
void panel_update(void); /* lines that changed */
int panel_right(void);
void panel_exception(const char *first, const char *second);
/* ---- strip.c ---- */
enum { STRIP_BYTES = 45, STRIP_CELL = 16, STRIP_COLUMNS = 40, STRIP_ROWS = 9 };
void strip_reset(void);
void strip_draw(void);

#endif
