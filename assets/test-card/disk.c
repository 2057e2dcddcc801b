/* The disk we came from, when it is virtio: counts boots and writes.
 *
 * Only a disk that carries our configuration sector is ever written. */
#include "card.h"

enum { READ = 0, WRITE = 1, FLUSH = 4, F_READ_ONLY = 5, F_FLUSH = 9, WRITE_TICKS = 120 };

static struct virtio disk;
static struct queue requests;
static struct {
    u32 type, reserved;
    u64 sector;
} header;
static u8 status;
static u8 buffer[512] __attribute__((aligned(512)));
static bool open, can_flush;
static u32 pending; /* value of the write under way; 0: none */
static bool flushing;
static u64 next_write;

static void post(u32 type, u64 sector)
{
    header.type = type;
    header.reserved = 0;
    header.sector = sector;
    status = 0xff;
    bool data = type != FLUSH;
    queue_set(&requests, 0, &header, sizeof header, false, data ? 1 : 2);
    queue_set(&requests, 1, buffer, sizeof buffer, type == READ, 2);
    queue_set(&requests, 2, &status, 1, true, -1);
    queue_post(&requests, 0);
    queue_kick(&requests);
}

/* A request while booting: waits for the answer, five seconds at most. */
static bool ask(u32 type, u64 sector)
{
    post(type, sector);
    for (u64 from = tsc(); !queue_idle(&requests);)
        if (milliseconds(tsc() - from) > 5000)
            return false;
    return *(volatile u8 *)&status == 0;
}

static bool sector_is(const char *magic) { return !memcmp(buffer, magic, 16); }
static u32 *counter(void) { return (u32 *)(buffer + 16); }

static bool open_disk(const struct pci *p, u64 *features)
{
    if (!virtio_open(&disk, p, 1ull << F_FLUSH | 1ull << F_READ_ONLY, features))
        return false;
    if (!virtio_queue(&disk, &requests, 0, 8) || requests.size < 3)
        return false;
    virtio_ready(&disk);
    volatile u32 *sectors = (volatile u32 *)disk.config;
    if (!disk.config || (!sectors[1] && sectors[0] < 1024))
        return false;
    return ask(READ, SECTOR_CONFIG) && sector_is("ORANGERY-CONFIG1");
}

/* Adds one to the boot counter and reads it back. */
static bool count_boot(void)
{
    if (!ask(READ, SECTOR_BOOTS) || !sector_is("ORANGERY-BOOTS-1"))
        return false;
    u32 now = ++*counter();
    if (!ask(WRITE, SECTOR_BOOTS) || (can_flush && !ask(FLUSH, 0)))
        return false;
    memset(buffer, 0, sizeof buffer);
    if (!ask(READ, SECTOR_BOOTS) || !sector_is("ORANGERY-BOOTS-1") || *counter() != now)
        return false;
    card.boots = now;
    if (!ask(READ, SECTOR_WRITES) || !sector_is("ORANGERY-WRITES1"))
        return false;
    card.writes = *counter();
    return true;
}

void disk_start(void)
{
    const struct pci *p;
    u64 features = 0;
    card.disk = DISK_BIOS_ONLY;
    for (int i = 0; i < 4 && (p = virtio_find(VIRTIO_BLOCK, i)); i++) {
        if (!open_disk(p, &features))
            continue;
        can_flush = features >> F_FLUSH & 1;
        if (features >> F_READ_ONLY & 1) {
            card.disk = DISK_READ_ONLY;
            return;
        }
        open = count_boot();
        card.disk = open ? DISK_OK : DISK_BAD;
        next_write = ticks + WRITE_TICKS;
        return;
    }
}

/* A write, then a flush; only then does the shown count go up. */
void disk_poll(void)
{
    if (!open)
        return;
    if (pending && queue_idle(&requests)) {
        if (*(volatile u8 *)&status != 0) {
            card.disk = DISK_BAD;
            pending = 0;
            flushing = false;
        } else if (can_flush && !flushing) {
            flushing = true;
            post(FLUSH, 0);
        } else {
            card.writes = pending;
            card.disk = DISK_OK;
            pending = 0;
            flushing = false;
        }
    }
    if (!pending && ticks >= next_write && !card.leaving) {
        next_write = ticks + WRITE_TICKS;
        memset(buffer, 0, sizeof buffer);
        memcpy(buffer, "ORANGERY-WRITES1", 16);
        pending = *counter() = card.writes + 1;
        post(WRITE, SECTOR_WRITES);
    }
}

void disk_finish(void)
{
    u64 from = tsc();
    while (open && pending && milliseconds(tsc() - from) < 3000)
        disk_poll();
}
