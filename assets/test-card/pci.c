/* Finds PCI functions behind all bridges by the 0xcf8 ports. */
#include "card.h"

struct pci pci_devices[64];
int pci_count;

u32 pci_read(const struct pci *p, int offset)
{
    out32(0xcf8, 0x80000000u | p->bus << 16 | p->slot << 11 | p->function << 8 | (offset & 0xfc));
    return in32(0xcfc);
}

void pci_write(const struct pci *p, int offset, u32 value)
{
    out32(0xcf8, 0x80000000u | p->bus << 16 | p->slot << 11 | p->function << 8 | (offset & 0xfc));
    out32(0xcfc, value);
}

static void scan_bus(u8 bus, int depth)
{
    for (int slot = 0; slot < 32; slot++) {
        int functions = 1;
        for (int function = 0; function < functions; function++) {
            struct pci p = { .bus = bus, .slot = slot, .function = function };
            u32 id = pci_read(&p, 0);
            if ((id & 0xffff) == 0xffff)
                continue;
            u32 header = pci_read(&p, 12) >> 16 & 0xff;
            if (header & 0x80)
                functions = 8;
            if ((header & 0x7f) == 1) {
                u8 behind = pci_read(&p, 0x18) >> 8;
                if (behind > bus && depth < 8)
                    scan_bus(behind, depth + 1);
                continue;
            }
            if (pci_count == 64)
                return;
            p.vendor = id;
            p.device = id >> 16;
            p.subsystem = pci_read(&p, 0x2c) >> 16;
            p.class_code = pci_read(&p, 8) >> 16;
            pci_devices[pci_count++] = p;
        }
    }
}

void pci_scan(void) { scan_bus(0, 0); }

u64 pci_bar(const struct pci *p, int bar)
{
    u32 low = pci_read(p, 0x10 + 4 * bar);
    if (low & 1)
        return 0;
    u64 base = low & ~15u;
    if ((low & 6) == 4)
        base |= (u64)pci_read(p, 0x14 + 4 * bar) << 32;
    return base;
}
