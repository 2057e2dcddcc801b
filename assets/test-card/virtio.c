/* The modern virtio PCI transport (virtio 1.0, section 4.1) with split queues, polled. */
#include "card.h"

enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };
enum { /* common configuration */
    DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8, DRIVER_FEATURE = 12,
    MSIX_CONFIG = 16, STATUS = 20, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_MSIX = 26,
    QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30, QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48,
};

static u8 rings[16][4096] __attribute__((aligned(4096)));
static int rings_used;

static u8 *c8(struct virtio *v, int at) { return (u8 *)v->common + at; }
static void set8(struct virtio *v, int at, u8 x) { *(volatile u8 *)c8(v, at) = x; }
static void set16(struct virtio *v, int at, u16 x) { *(volatile u16 *)c8(v, at) = x; }
static void set32(struct virtio *v, int at, u32 x) { *(volatile u32 *)c8(v, at) = x; }
static u8 get8(struct virtio *v, int at) { return *(volatile u8 *)c8(v, at); }
static u16 get16(struct virtio *v, int at) { return *(volatile u16 *)c8(v, at); }
static u32 get32(struct virtio *v, int at) { return *(volatile u32 *)c8(v, at); }
static void set64(struct virtio *v, int at, u64 x)
{
    set32(v, at, x);
    set32(v, at + 4, x >> 32);
}

const struct pci *virtio_find(int type, int nth)
{
    for (int i = 0; i < pci_count; i++) {
        const struct pci *p = &pci_devices[i];
        if (p->vendor != 0x1af4 || p->device < 0x1000 || p->device > 0x107f)
            continue;
        int is = p->device >= 0x1040 ? p->device - 0x1040 : p->subsystem;
        if (is == type && nth-- == 0)
            return p;
    }
    return NULL;
}

static bool find_structures(struct virtio *v)
{
    const struct pci *p = v->pci;
    int at = pci_read(p, 0x34) & 0xfc;
    for (int guard = 0; at && guard < 48; guard++) {
        u32 head = pci_read(p, at);
        if ((head & 0xff) == 9) {
            int bar = pci_read(p, at + 4) & 0xff;
            u64 base = bar < 6 ? pci_bar(p, bar) : 0;
            if (base) {
                u32 offset = pci_read(p, at + 8), length = pci_read(p, at + 12);
                volatile u8 *where = (volatile u8 *)(base + offset);
                map(base + offset, length);
                switch (head >> 24) {
                case 1: v->common = where; break;
                case 2:
                    v->notify = where;
                    v->notify_multiplier = pci_read(p, at + 16);
                    break;
                case 4: v->config = where; break;
                }
            }
        }
        at = head >> 8 & 0xfc;
    }
    return v->common && v->notify;
}

bool virtio_open(struct virtio *v, const struct pci *p, u64 wanted, u64 *features)
{
    memset(v, 0, sizeof *v);
    v->pci = p;
    if (!p || !find_structures(v))
        return false;
    /* memory and bus mastering on, interrupt line off: we poll */
    pci_write(p, 4, (pci_read(p, 4) & 0xffff) | 0x406);
    set8(v, STATUS, 0);
    for (int spins = 0; get8(v, STATUS) && spins < 100000; spins++)
        ;
    set8(v, STATUS, STATUS_ACKNOWLEDGE);
    set8(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    set32(v, DEVICE_FEATURE_SELECT, 0);
    u64 offered = get32(v, DEVICE_FEATURE);
    set32(v, DEVICE_FEATURE_SELECT, 1);
    offered |= (u64)get32(v, DEVICE_FEATURE) << 32;
    u64 taken = offered & (wanted | 1ull << 32); /* version 1 */
    /* a device behind an IOMMU insists on ACCESS_PLATFORM */
    taken |= offered & 1ull << 33;
    set32(v, DRIVER_FEATURE_SELECT, 0);
    set32(v, DRIVER_FEATURE, taken);
    set32(v, DRIVER_FEATURE_SELECT, 1);
    set32(v, DRIVER_FEATURE, taken >> 32);
    set8(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    if (features)
        *features = taken;
    set16(v, MSIX_CONFIG, 0xffff);
    return get8(v, STATUS) & STATUS_FEATURES_OK;
}

bool virtio_queue(struct virtio *v, struct queue *q, int number, int max_size)
{
    set16(v, QUEUE_SELECT, number);
    u16 size = get16(v, QUEUE_SIZE);
    if (!size || rings_used == 16)
        return false;
    if (size > max_size)
        size = max_size;
    if (size > 128)
        size = 128;
    u8 *page = rings[rings_used++]; /* 128: 2048 table, 264 avail, 1032 used */
    q->size = size;
    q->number = number;
    q->table = (void *)page;
    q->avail = (void *)(page + 2048);
    q->used = (void *)(page + 2560);
    q->posted = q->seen = 0;
    q->avail[0] = 1; /* no interrupts */
    set16(v, QUEUE_SIZE, size);
    set16(v, QUEUE_MSIX, 0xffff);
    set64(v, QUEUE_DESC, (u64)q->table);
    set64(v, QUEUE_DRIVER, (u64)q->avail);
    set64(v, QUEUE_DEVICE, (u64)q->used);
    q->notify = (volatile u16 *)(v->notify + get16(v, QUEUE_NOTIFY_OFF) * v->notify_multiplier);
    map((u64)q->notify, 4);
    set16(v, QUEUE_ENABLE, 1);
    return true;
}

void virtio_ready(struct virtio *v)
{
    set8(v, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void queue_set(struct queue *q, int at, const void *data, u32 length, bool device_writes, int next)
{
    q->table[at].address = (u64)data;
    q->table[at].length = length;
    q->table[at].flags = (device_writes ? 2 : 0) | (next >= 0 ? 1 : 0);
    q->table[at].next = next >= 0 ? next : 0;
}

void queue_post(struct queue *q, int head)
{
    q->avail[2 + q->posted % q->size] = head;
    q->posted++;
}

void queue_kick(struct queue *q)
{
    fence();
    q->avail[1] = q->posted;
    fence();
    *q->notify = q->number;
}

bool queue_idle(const struct queue *q) { return q->used[1] == q->posted; }

bool queue_take(struct queue *q, u32 *head, u32 *length)
{
    if (q->used[1] == q->seen)
        return false;
    fence();
    volatile u32 *element = (volatile u32 *)(q->used + 2) + 2 * (q->seen % q->size);
    *head = element[0];
    *length = element[1];
    q->seen++;
    return true;
}
